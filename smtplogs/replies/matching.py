"""Which rows of the catalogue fit a text with its codes, and how well: one mechanism for verdicts and explanations."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.errors import BadCatalogue
from smtplogs.replies.loading import CALLERS, custom_file, rows
from smtplogs.replies.wording import comparable, parse_reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

    from smtplogs.replies.catalogue import Row
    from smtplogs.replies.loading import CustomFile

EVIDENCE = {
    "side": pl.String,
    "stage": pl.String,
    "program": pl.String,
    "service": pl.String,
    "reply_code": pl.UInt16,
    "enhanced_code": pl.String,
    "vendor_code": pl.String,
    "level": pl.String,
    "detail": pl.String,
}
"""What rows are compared with. Null means `not known` in the first four columns and `not there` in the others;
`program` is a family of software, `service` a kind of listener."""

_CODES = ("vendor_code", "enhanced_code", "reply_code", "level")
_ANY = "any text"

_PER_BYTE = 1 << 16
_PER_PRIORITY = 1 << 28
_PER_EVIDENCE = 1 << 36
_PER_LAYER = 1 << 42
"""What each step of a criterion adds to the weight of a row: the weights of the lesser criteria never add up to it."""

_FOREIGN = 4 * _PER_PRIORITY
"""What a row of one software loses where nobody knows whose words they are: rows of everybody go before it."""


def candidates(evidence: pl.DataFrame, custom: CustomFile | None = None, *, guess: bool = False) -> pl.DataFrame:
    """Find every row of the catalogue that fits, best first.

    The work grows with the texts and with what is found in them, not with the size of the catalogue: each text is
    turned into clues (the codes it came with, and the known texts that one search finds in it), a join on the clue
    proposes rows, and a regex runs only on the texts its row was proposed for.

    Parameters
    ----------
    evidence
        The columns of EVIDENCE.
    custom
        The caller's file of rows, or None.
    guess
        Whether a row without words that asks for a step (a bare 454 at STARTTLS) may fit where the step is not known.

    Returns
    -------
    polars.DataFrame
        `key` (row number in `evidence`), `row` (number in `loading.rows(custom)`), `literal` (the text that was found).
    """
    keys = _with_clues(evidence, custom)
    return _of_shape(_proposed(keys, custom, guess=guess), keys).select("key", "row", "literal")


def best(evidence: pl.DataFrame, custom: CustomFile | None = None) -> pl.DataFrame:
    """Find the row of the catalogue that fits best, as `candidates` ranks them, for many texts at once.

    Texts that hold the same clues at the same place are offered the same rows, so that a million texts cost little more
    than their few thousand kinds; only the regexes look at each text.

    Parameters
    ----------
    evidence
        The columns of EVIDENCE.
    custom
        The caller's file of rows, or None.

    Returns
    -------
    polars.DataFrame
        `key` (row number in `evidence`), `row`; keys that nothing fits are left out.
    """
    keys = _with_clues(evidence, custom)
    if keys.height <= _FEW:
        return (
            _of_shape(_proposed(keys, custom), keys)
            .unique("key", keep="first", maintain_order=True)
            .select("key", "row")
        )
    place = (pl.col(name).fill_null("") for name in ("side", "stage", "program", "service"))
    kind = pl.concat_str(pl.col("clue").list.drop_nulls().list.sort().list.join("\x1e"), *place, separator="\x1f")
    kinds = keys.with_columns(kind=kind)
    firsts = kinds.unique("kind", keep="first", maintain_order=True)
    proposed = _proposed(firsts.drop("kind"), custom)
    # behind the first row without a regex no other can win
    free = pl.col("pattern").is_null()
    proposed = proposed.filter((free.cum_sum().over("key") - free.cast(pl.UInt32)) == 0)
    offers = proposed.join(firsts.select("key", "kind"), on="key", maintain_order="left").drop("key")
    each = kinds.select("key", "kind").join(offers, on="kind").sort("key", "weight", descending=[False, True])
    return _of_shape(each, keys).unique("key", keep="first", maintain_order=True).select("key", "row")


_FEW = 1_000
"""Below this many texts it is not worth while to sort them into kinds."""


def _with_clues(evidence: pl.DataFrame, custom: CustomFile | None) -> pl.DataFrame:
    """Return the evidence with `key`, comparable `text`, and `clue`: a list of what proposes rows."""
    occurring = pl.col("text").str.extract_many(list(_literals(custom)), overlapping=True).list.unique()
    keys = evidence.select(pl.col(name).cast(dtype) for name, dtype in EVIDENCE.items()).select(
        pl.row_index("key"),
        pl.exclude("vendor_code", "level", "detail"),
        pl.col("vendor_code", "level").str.to_lowercase(),
        comparable(pl.col("detail")).alias("text"),
    )
    clues = pl.concat_list(occurring, *(pl.format(f"{name} {{}}", name) for name in _CODES), pl.lit(_ANY))
    return keys.with_columns(clues.alias("clue"))


def _proposed(keys: pl.DataFrame, custom: CustomFile | None, *, guess: bool = False) -> pl.DataFrame:
    """Return the rows that fit each key but for their regexes, best first: `key, row, literal, weight, pattern`."""
    placed = pl.col("by_words") | pl.col("stage_asked").is_null() | pl.col("stage").is_not_null()
    length = pl.when("by_text").then(pl.col("clue").str.len_bytes().cast(pl.Int64)).otherwise(0)
    foreign = pl.col("program").is_null() & pl.col("program_asked").is_not_null()
    return (
        keys.drop("text")
        .explode("clue")
        .join(_filed(custom), on="clue")
        .filter(
            *(_not_otherwise(name) for name in ("side", "stage", "program", "service")),
            *(_there(name) for name in _CODES),
            *(() if guess else (placed,)),
        )
        .select(
            "key",
            "row",
            pl.when("by_text").then("clue").alias("literal"),
            pl.col("weight") + length * _PER_BYTE - pl.when(foreign).then(_FOREIGN).otherwise(0),
            "pattern",
        )
        .sort("key", "weight", descending=[False, True])
        .unique(["key", "row"], keep="first", maintain_order=True)
    )


def _of_shape(proposed: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Leave out the rows whose regex the text does not fit; a reply that is a code alone has no shape to fit."""
    with_regex = proposed["pattern"].is_not_null()
    if not with_regex.any():
        return proposed
    coded = pl.any_horizontal(pl.col("reply_code", "enhanced_code").is_not_null())
    said = keys.select("text", wordless=(pl.col("text") == "") & coded)
    texts = proposed.select("pattern").hstack(said[proposed["key"]])  # keys are row numbers
    fits = texts.select(
        pl.col("text").str.contains(pl.col("pattern")).fill_null(value=False) & ~pl.col("wordless")
    ).to_series()
    return proposed.filter(~with_regex | fits)


def checked(catalogue: str | PathLike[str]) -> str:
    """Test the caller's file of rows: its regexes in the engine, its examples against the whole catalogue.

    Parameters
    ----------
    catalogue
        The file.

    Returns
    -------
    str
        Its path.

    Raises
    ------
    BadCatalogue
        If the file cannot be used, an example resolves to another row than its own, or one of `not_these` to it.
    """
    custom = custom_file(catalogue)
    known = rows(custom)
    try_rows(known, custom, layer=CALLERS, name=str(catalogue))
    return str(catalogue)


def try_rows(known: Sequence[Row], custom: CustomFile | None, *, layer: int, name: str) -> None:
    """Raise BadCatalogue if a row of this layer does not take its own examples, or takes what it should not."""
    asked: list[tuple[int, str, bool]] = []
    evidence: list[dict[str, object]] = []
    for number, row in enumerate(known):
        if row.layer != layer:
            continue
        try:
            pl.Series([""]).str.contains(row.pattern or "", strict=True)
        except pl.exceptions.ComputeError as error:
            raise BadCatalogue(f"{name}: catalogue row {row.id!r}: regex {row.pattern!r}: {error}") from error
        for text, wanted in [*((t, True) for t in row.examples), *((t, False) for t in row.not_these)]:
            asked.append((number, text, wanted))
            evidence.append(_place(row, text))
    hits = candidates(pl.DataFrame(evidence, schema=EVIDENCE), custom).unique("key", keep="first")
    winners = dict(hits.select("key", "row").rows())
    for key, (number, text, wanted) in enumerate(asked):
        got = winners.get(key)
        if wanted != (got == number):
            told = "no row" if got is None else f"row {known[got].id!r}"
            which = f"its example {text!r} is taken by {told}" if wanted else f"it takes {text!r}, which it should not"
            raise BadCatalogue(f"{name}: catalogue row {known[number].id!r}: {which}")


def _place(row: Row, text: str) -> dict[str, object]:
    """Return an example as evidence, in the place that the row names first."""
    reply = parse_reply(text)
    return {
        "side": row.side if row.side != "any" else ("client" if reply.code else "server"),
        "stage": (row.stage or ("auth",))[0],
        "program": next(iter(row.program), None),
        "service": next(iter(row.service), "other"),
        "reply_code": reply.code,
        "enhanced_code": reply.enhanced,
        "vendor_code": next(iter(row.vendor_code), None),
        "level": next(iter(row.level), None),
        "detail": reply.text,
    }


def _not_otherwise(name: str) -> pl.Expr:
    """Return whether the known value is one that the row asks for; true where either is missing."""
    asked, known = pl.col(f"{name}_asked"), pl.col(name)
    return asked.is_null() | known.is_null() | asked.list.contains(known)


def _there(name: str) -> pl.Expr:
    """Return whether a value that the row asks for is there; true where it asks for none."""
    asked = pl.col(f"{name}_asked")
    return asked.is_null() | asked.list.contains(pl.col(name)).fill_null(False)


def _weight(number: int, row: Row) -> int:
    """Return a row's weight, less the length of the text found, which counts between priority and narrowness.

    The caller's rows win, then those of installed packages; then more evidence, priority, the longer text, the narrower
    place, the earlier row.
    """
    narrowness = (row.side != "any") + bool(row.stage) + bool(row.program)
    rank = row.evidence * _PER_EVIDENCE + (row.priority + 8) * _PER_PRIORITY + narrowness * (1 << 13) - number
    return row.layer * _PER_LAYER + rank


def _clues(row: Row) -> Iterator[str]:
    """Yield the clues that propose a row, taken from the most telling thing it has; the rest is tested afterwards."""
    if row.vendor_code:
        yield from (f"vendor_code {code.lower()}" for code in row.vendor_code)
    elif row.text:
        yield from row.text
    elif row.pattern:
        yield _ANY
    elif row.enhanced:
        yield from (f"enhanced_code {code}" for code in row.enhanced)
    elif row.code:
        yield from (f"reply_code {code}" for code in row.code)
    else:
        yield from (f"level {level.lower()}" for level in row.level)


@functools.cache
def _literals(custom: CustomFile | None) -> tuple[str, ...]:
    """Return every text that proposes a row."""
    return tuple(dict.fromkeys(text for row in rows(custom) if not row.vendor_code for text in row.text))


_AND = "\x1f"
"""Stands between the values of a condition on the way into the engine, which takes texts faster than lists."""


@functools.cache
def _filed(custom: CustomFile | None) -> pl.DataFrame:
    """Return the catalogue filed by clue, with all conditions of each row; one line per clue of a row."""
    known = rows(custom)
    filed = [(clue, clue in row.text, number) for number, row in enumerate(known) for clue in _clues(row)]
    asked = {
        "side": [() if row.side == "any" else (row.side,) for row in known],
        "stage": [row.stage for row in known],
        "program": [row.program for row in known],
        "service": [row.service for row in known],
        "reply_code": [tuple(map(str, row.code)) for row in known],
        "enhanced_code": [row.enhanced for row in known],
        "vendor_code": [tuple(code.lower() for code in row.vendor_code) for row in known],
        "level": [tuple(level.lower() for level in row.level) for row in known],
    }
    each = pl.DataFrame(
        {
            "by_words": [row.spoken for row in known],
            "row": pl.Series(range(len(known)), dtype=pl.UInt16),
            "weight": [_weight(number, row) for number, row in enumerate(known)],
            "pattern": pl.Series([row.pattern for row in known], dtype=pl.String),
            **{name: pl.Series([_AND.join(v) if v else None for v in values], dtype=pl.String) for name, values in asked.items()},
        }
    ).select(
        "by_words", "row", "weight", "pattern",
        *(pl.col(n).str.split(_AND).cast(pl.List(EVIDENCE[n])).alias(f"{n}_asked") for n in EVIDENCE if n != "detail"),
    )  # fmt: skip
    clues, by_text, numbers = zip(*filed, strict=True)
    return pl.DataFrame({"clue": clues, "by_text": by_text}).hstack(each[list(numbers)])
