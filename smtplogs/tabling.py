"""Cells of a table format -> records: fields named, words translated, stamps in one form, secrets cut."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from smtplogs import numeric_dates, sasl
from smtplogs._secret_forms import NAMED_SO
from smtplogs.logformats import Field, Pattern, Shape
from smtplogs.turns import endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from smtplogs.cells import Head
    from smtplogs.logformats import Table

_CODE = r"(?:^|: |\()([2-5][0-9]{2})(?:[- ]|$)"
_ENHANCED = r"(?:^|[ -])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)"
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"
_ISO_FORM = "%Y-%m-%dT%H:%M:%S%.6f"
NUMERIC = "numeric"
"""Form of dates in numbers, day or month first as the stamps themselves tell: see `numeric_dates`."""


MAX_CARRIED = 100_000
"""Sessions whose rows are remembered beyond a batch."""


class Made(NamedTuple):
    """What became of rows: records, rows of no kind that the format knows, and how many were dismissed or context."""

    records: pl.DataFrame
    missed: pl.DataFrame
    n_dismissed: int
    n_context: int


def records(rows: pl.DataFrame, table: Table, head: Head) -> Made:
    """Make records of cells.

    Parameters
    ----------
    rows
        From `cells.cells`: `line_no`, `line`, a column per path.
    table
        The format.
    head
        What the batch before left of its sessions; it is brought up to date.

    Returns
    -------
    Made
        `records`: record columns as text, `pattern`, `stamp`, `raw`, `_secrets`, and where day and month may be exchanged
        `_ambiguous`.
    """
    kept = rows.filter(_holds(table.keep)).with_row_index("_at")
    dismissed = rows.height - kept.height
    shapes = _shapes(table)
    parts = []
    kind = kept.select(_kind(shapes, table)).to_series()
    for i, shape in enumerate(shapes):
        mine = kept.filter(kind == i)
        if shape.role == "dismiss":
            dismissed += mine.height
        elif mine.height:
            labels = {"pattern": pl.lit(shape.name), "_role": pl.lit(shape.role)}
            parts.append(_columns(mine, table, shape).with_columns(**labels))
    missed = kept.filter(kind.is_null()).drop("_at")
    if not parts:
        return Made(pl.DataFrame(), missed, dismissed, 0)
    found = _carried(pl.concat(parts, how="diagonal").sort("_at").drop("_at"), table, head)
    context = int((found["_role"] == "context").sum())
    found = found.filter(pl.col("_role") != "context").drop("_role")
    return Made(_stamped(_cleaned(found, table), table, head), missed, dismissed, context)


def _shapes(table: Table) -> list[Shape]:
    """Return the kinds of records that a format knows; a pattern is one, and so is a table without kinds."""
    patterns = [
        Shape(p.name, keep={}, fields={group: Field((group,)) for group in p.groups}, sets=p.sets, role=p.role)
        for p in table.patterns
        if isinstance(p, Pattern)
    ]
    return [*table.shapes, *patterns] or [Shape("row", keep={})]


def _kind(shapes: Sequence[Shape], table: Table) -> pl.Expr:
    """Return the number of the shape that a row has; the regexes of patterns have named theirs already."""
    if any(isinstance(p, Pattern) for p in table.patterns):
        names = [s.name for s in shapes]
        return pl.col("_shape").replace_strict(names, list(range(len(names))), default=None, return_dtype=pl.Int32)
    return pl.coalesce(pl.when(_holds(s.keep)).then(pl.lit(i, pl.Int32)) for i, s in enumerate(shapes))


def _holds(keep: Mapping[str, tuple[str, ...]]) -> pl.Expr:
    """Return whether each path holds one of its words."""
    tests = [pl.lit(value=True)]
    for path, words in keep.items():
        exact = [w for w in words if not w.startswith("~")]
        regexes = [w[1:] for w in words if w.startswith("~")]
        test = _filled(path).is_in(exact) if exact else pl.lit(value=False)
        tests.append(pl.any_horizontal(test, *(_filled(path).str.contains(r) for r in regexes)).fill_null(value=False))
    return pl.all_horizontal(tests)


def _columns(rows: pl.DataFrame, table: Table, shape: Shape) -> pl.DataFrame:
    """Name the fields of records of one kind, translate their words, take replies and AUTH commands apart."""
    outer = {"outer": pl.col("outer")} if "outer" in rows.columns else {}
    found = rows.select(
        "_at",
        "line_no",
        _line=pl.coalesce("written", "line") if "written" in rows.columns else pl.col("line"),
        _dropped=pl.concat_list(_filled(p) for p in table.drop) if table.drop else pl.lit(None, pl.List(pl.String)),
        **outer,
        **{name: _field(spec) for name, spec in {**table.fields, **shape.fields}.items()},
    )
    words = {c: w for c, w in {**table.words, **shape.words}.items() if c in found.columns}
    found = _opened(found.with_columns(_translated(c, w) for c, w in words.items()))
    sets = {"stage": "auth", "side": "server", **table.sets, **shape.sets}
    return found.with_columns(
        (pl.coalesce(name, pl.lit(str(value))) if name in found.columns else pl.lit(str(value))).alias(name)
        for name, value in sets.items()
    )


def _carried(found: pl.DataFrame, table: Table, head: Head) -> pl.DataFrame:
    """Give each row what earlier rows of its session said, also those of the batches before."""
    if not table.carry or "session" not in found.columns:
        return found
    who = ["host", "session"]
    found = found.with_columns(pl.lit(None, pl.String).alias(c) for c in (*who, *table.carry) if c not in found.columns)
    before = [head.carried] if head.carried is not None else []
    every = pl.concat([*before, found], how="diagonal")
    known = pl.col("session").is_not_null()
    every = every.with_columns(
        pl.when(known).then(pl.col(c).forward_fill().over(who)).otherwise(c).alias(c) for c in table.carry
    )
    last = every.filter(known).unique(who, keep="last", maintain_order=True).tail(MAX_CARRIED)
    head.carried = last.select(*who, *table.carry)
    return every.tail(found.height)


def _filled(path: str) -> pl.Expr:
    """Return the cell, null where it is empty."""
    text = pl.col(path).str.strip_chars()
    return pl.when(text != "").then(text)


def _field(spec: Field) -> pl.Expr:
    """Return the first filled cell, or the part of it that counts."""
    values = [_filled(p) for p in spec.paths]
    if spec.join:
        values = [pl.concat_str(values, separator=spec.join)]
    if spec.regex:
        groups = max(1, re.compile(spec.regex).groups)
        values = [v.str.extract(spec.regex, g) for v in values for g in range(1, groups + 1)]
        values = [pl.when(v != "").then(v) for v in values]
    return pl.coalesce(values)


def _translated(column: str, words: Mapping[str, str]) -> pl.Expr:
    """Replace the log's words by ours; case does not count, and `*` stands for all other words."""
    lower = {word.casefold(): ours for word, ours in words.items() if word != "*"}
    value = pl.col(column).str.to_lowercase()
    new = value.replace_strict(list(lower), list(lower.values()), default=words.get("*"), return_dtype=pl.String)
    return pl.when(value.is_not_null()).then(new).alias(column)


def _opened(found: pl.DataFrame) -> pl.DataFrame:
    """Take replies, end points and AUTH commands apart."""
    if "reply" in found.columns:
        reply = pl.col("reply")
        rest = reply.str.replace(r"^.*?(?:^|: |\()[2-5][0-9]{2}(?:[- ]|$)(?:[245]\.[0-9]{1,3}\.[0-9]{1,3}(?: |$))?", "")
        parts = {
            "reply_code": reply.str.extract(_CODE),
            "enhanced_code": reply.str.extract(_ENHANCED),
            "detail": pl.when(rest != "").then(rest),
        }
        found = _filled_up(found, parts).drop("reply")
    for end in ("client", "server"):
        if end in found.columns:
            ip, port = endpoint(found[end])
            found = _filled_up(found, {f"{end}_ip": pl.lit(ip), f"{end}_port": pl.lit(port)}).drop(end)
    secrets = pl.col("_dropped")
    if "sasl" in found.columns:
        exchange = _exchanges(found)
        found = _filled_up(found, {c: pl.lit(exchange[c]) for c in ("user", "mechanism")}).drop("sasl")
        secrets = pl.concat_list(pl.lit(exchange["secrets"]), secrets.fill_null([]))
    return found.with_columns(_secrets=secrets.list.drop_nulls()).drop("_dropped")


def _filled_up(found: pl.DataFrame, values: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Add columns; those that are there already keep what they have, and are filled only where they are null."""
    return found.with_columns(
        (pl.coalesce(name, value) if name in found.columns else value).alias(name) for name, value in values.items()
    )


def _exchanges(found: pl.DataFrame) -> pl.DataFrame:
    """Read the AUTH command, or the initial response alone, in `sasl`: `user, mechanism`, and `secrets` to be cut."""
    stated = found["mechanism"].to_list() if "mechanism" in found.columns else [None] * found.height
    rows: list[tuple[str | None, str | None, list[str]]] = []
    for text, mechanism in zip(found["sasl"].to_list(), stated, strict=True):
        match = re.match(sasl.COMMAND, text or "")
        name = match[1].upper() if match else (mechanism or "").upper() or None
        response = (match[2] if match else re.sub(r"(?i)^AUTH[ \t]*", "", text or "")) or ""
        given = sasl.given(name, (response,) if response else ())
        rows.append((given.user, name, list(given.secrets)))
    schema = {"user": pl.String, "mechanism": pl.String, "secrets": pl.List(pl.String)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _cleaned(found: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Cut what the format calls secret out of the line."""
    raw = pl.col("_line").str.replace_all(NAMED_SO, '$1"[redacted]"')
    for regex in table.strip:
        raw = raw.str.replace_all(regex, "[redacted]")
    texts = [c for c in ("detail", "user") if c in found.columns and table.strip]
    for regex in table.strip:
        found = found.with_columns(pl.col(c).str.replace_all(regex, "[redacted]") for c in texts)
    return found.with_columns(raw=raw).drop("_line")


def _stamped(found: pl.DataFrame, table: Table, head: Head) -> pl.DataFrame:
    """Write stamps of stated forms and zones as ISO 8601; one in none of the forms is marked, so that nobody guesses."""
    if "stamp" not in found.columns:
        found = found.with_columns(stamp=pl.col("outer") if "outer" in found.columns else pl.lit(None, pl.String))
    text = pl.col("stamp")
    forms: list[pl.Expr] = []
    for form in table.forms:
        if form in _EPOCHS:
            number = text.str.extract(r"^([0-9]+(?:\.[0-9]+)?)$").cast(pl.Float64) * _EPOCHS[form]
            forms.append(number.round().cast(pl.Int64).cast(pl.Datetime("us")).dt.to_string(_ISO_FORM) + "Z")
        elif form not in ("iso8601", NUMERIC):
            aware = "%z" in form or "%#z" in form
            moment = text.str.strptime(pl.Datetime("us", "UTC") if aware else pl.Datetime("us"), form, strict=False)
            forms.append(moment.dt.to_string(_ISO_FORM) + pl.lit("Z" if aware else ""))
    if table.forms:
        iso = pl.when(text.str.contains(_ISO)).then(text) if "iso8601" in table.forms else pl.lit(None, pl.String)
        numeric, head.day_first = (
            numeric_dates.read(found["stamp"], head.day_first) if NUMERIC in table.forms else (None, None)
        )
        if numeric is not None:
            forms.append(pl.lit(numeric["moment"].dt.to_string(_ISO_FORM)))
            found = found.with_columns(_ambiguous=numeric["ambiguous"])
        found = found.with_columns(stamp=pl.coalesce(*forms, iso, pl.format("?{}", text)))
    return found.with_columns(stamp=_in_utc(table.zone)) if table.zone else found


def _in_utc(zone: str) -> pl.Expr:
    """Return the stamps that name no zone in UTC, read in the zone that the format states."""
    bare = pl.col("stamp").str.extract(r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?)$")
    wall = bare.str.replace(" ", "T").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    there = wall.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    utc = there.dt.convert_time_zone("UTC").dt.replace_time_zone(None).dt.to_string(_ISO_FORM) + "Z"
    return pl.coalesce(utc, "stamp")
