"""Frequent lines -> records: a line is cut at fixed texts, and each distinct piece is read once for all its lines.

Processes, clients, reasons and TLS versions come back thousands of times in a stretch of log; names and queue ids are
all that is new. So a line costs a few cuts (about 0.1 us each) instead of a regex over its whole length (1 to 2 us),
and what a piece means (its groups, canonical values, the cause of a reason) is decided among the distinct ones. A line
whose pieces do not all look as they must is handed back: the general way has the last word.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import replies
from smtplogs._coded import Coded, coded
from smtplogs._columns import without
from smtplogs.normalising import canonical, without_stale_users
from smtplogs.schema import RECORDS
from smtplogs.sources import FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smtplogs.heads import Heads
    from smtplogs.logformats._format import Lines, Part, Pattern


@dataclass
class Taken:
    """What the frequent patterns took of a batch.

    Attributes
    ----------
    context, events
        Frames of records, by the role of their pattern.
    rest
        Lines that none took, in no order, as in `Heads.lines`.
    counts
        Program, format, role of a pattern, lines (and number of the file, where several share the batch).
    """

    context: list[pl.DataFrame] = field(default_factory=list)
    events: list[pl.DataFrame] = field(default_factory=list)
    rest: list[pl.DataFrame] = field(default_factory=list)
    counts: list[tuple[Any, ...]] = field(default_factory=list)


def take(
    cut: Heads,
    patterns: Sequence[tuple[Lines, Pattern]],
    writes: Callable[[str, Lines, Pattern], bool],
    catalogue: str | None = None,
) -> Taken:
    """Try the frequent patterns on lines without their heads; each line is tried on the first that it announces.

    Parameters
    ----------
    cut
        From `heads.cut_off`.
    patterns
        Patterns made of parts, with their formats.
    writes
        Tells whether a program writes a pattern.
    catalogue
        File with the caller's own rows of the reply catalogue.
    """
    done = Taken()
    left = cut.lines
    program = coded(cut.who["program"])
    for format_, p in patterns:
        if left.is_empty():
            break
        announced = _announced(left["message"], p)
        group = left.filter(announced)
        if group.is_empty():
            continue
        left = left.filter(~announced)
        mine = pl.Series("_mine", [writes(word, format_, p) for word in program.words], dtype=pl.Boolean)
        taken, missed = _taken(group, cut.who.hstack([program.spread(mine)]), format_, p, catalogue)
        if missed.height:
            done.rest.append(missed)
        if taken.height:
            where = [program.codes[taken["_who"]], *(taken[c] for c in (FILE,) if c in taken.columns)]
            n = where[0].value_counts() if len(where) == 1 else pl.DataFrame(where).group_by(pl.all()).len()
            done.counts += [(program.words[i], format_.name, p.role, k, *file) for i, *file, k in n.iter_rows()]
            (done.events if p.role == "event" else done.context).append(without(taken, ("_who",)))
    done.rest.append(left)
    return done


def _announced(messages: pl.Series, pattern: Pattern) -> pl.Series:
    """Tell which messages hold the first fixed text of a pattern and one of its literals."""
    first, words = pattern.parts[0].after, pattern.literals
    says = "|".join(map(re.escape, words))
    if not first:
        return messages.str.contains(says)
    begins = messages.str.starts_with(first)
    if all(word in first for word in words) or not begins.any():
        return begins
    rows = begins.arg_true()
    silent = ~messages[rows].str.contains(says)
    return begins.scatter(rows.filter(silent), values=False) if silent.any() else begins


def _taken(
    group: pl.DataFrame, who: pl.DataFrame, format_: Lines, pattern: Pattern, catalogue: str | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cut messages into the pieces of a pattern; return its records and the lines that do not fit."""
    pieces, fits = _pieces(group["message"], pattern.parts)
    if not who["_mine"].all():
        fits = _both(fits, who["_mine"][group["_who"]])
    values: list[tuple[Coded, pl.DataFrame]] = []
    own: list[pl.Series] = []
    for part, piece in zip(pattern.parts, pieces, strict=True):
        if part.own:
            own += [piece.alias(name) for name in part.groups]
            ok = None if part.regex.endswith(">.*)") else piece.str.contains(f"^{part.regex}$")
            fits = _both(fits, ok if ok is None or not part.optional else ok.fill_null(value=True))
        elif part.regex:
            words, found, ok = _read(part, piece)
            fits = _both(fits, ok)
            values.append((words, found))
    missed = group.clear()
    if fits is not None and not fits.all():
        group, missed = group.filter(fits), group.filter(~fits)
        values = [(Coded(words.codes.filter(fits), words.words), found) for words, found in values]
        own = [piece.filter(fits) for piece in own]
    return _records(group, who, values, canonical(pl.DataFrame(own)), format_, pattern, catalogue), missed


def _both(a: pl.Series | None, b: pl.Series | None) -> pl.Series | None:
    """Return the rows where both hold; None stands for all rows."""
    return b if a is None else a if b is None else a & b


def _pieces(messages: pl.Series, parts: Sequence[Part]) -> tuple[list[pl.Series], pl.Series | None]:
    """Cut messages at the fixed texts of the parts, left to right; also tell which hold all of them."""
    first, *others = parts
    rest = messages.str.slice(len(first.after)) if first.after else messages
    pieces: list[pl.Series] = []
    fits: pl.Series | None = None
    for part in others:
        piece, rest = rest.str.splitn(part.after, 2).struct.unnest().get_columns()
        pieces.append(piece)
        if not part.optional and rest.null_count():
            fits = _both(fits, rest.is_not_null())
    return [*pieces, rest], fits


def _read(part: Part, piece: pl.Series) -> tuple[Coded, pl.DataFrame, pl.Series | None]:
    """Read the distinct pieces of a part: their numbers, the columns of each, and the rows that fit (None: all)."""
    whole = f"^{part.regex}$"
    words = coded(piece)
    found = pl.DataFrame()
    if part.groups and not _is_one_group(part.regex):
        # an empty group tells a piece whose other groups are all absent from one that does not fit
        found = words.words.str.extract_groups(f"^(?P<_hit>){whole[1:]}").struct.unnest()
        misses = found["_hit"].null_count()
        fits = found["_hit"].is_not_null() if misses else None
        found = canonical(without(found, ("_hit",)))
    else:
        fits = words.words.str.contains(whole)
        fits = None if fits.all() else fits
        if part.groups:
            found = canonical(pl.DataFrame({part.groups[0]: words.words}))
    if fits is None:
        return words, found, None
    # null is a missing optional part, which fits
    return words, found, words.spread(fits).fill_null(value=part.optional)


def _is_one_group(regex: str) -> bool:
    """Tell whether a regex is one group and nothing else: then the piece is its value."""
    return re.fullmatch(r"\(\?P<[a-z_]+>(?:[^()\\]|\\[^()])*\)", regex) is not None


def _records(
    group: pl.DataFrame,
    who: pl.DataFrame,
    values: Sequence[tuple[Coded, pl.DataFrame]],
    own: pl.DataFrame,
    format_: Lines,
    pattern: Pattern,
    catalogue: str | None,
) -> pl.DataFrame:
    """Put the columns of the pieces, the constants of the pattern and its verdict together."""
    event = pattern.role == "event"
    keeps = event or pattern.keeps_raw
    extra = [c for c in ("count", "outer", FILE) if c in group.columns]
    raw = "written" if "written" in group.columns else "line"
    wanted = ("key", "host", "program", "pid", "service") if event else ("key",)
    constants = {
        "format": format_.name,
        "pattern": pattern.name,
        "_role": pattern.role,
        "protocol": "smtp",
        **pattern.sets,
    }
    values = [(words, without(found, pattern.sets)) for words, found in values]
    given = {c for _, found in values for c in found.columns} | set(own.columns)
    columns = [
        *group.select("line_no", "_stamp", "_who", *extra),
        *who.select([c for c in wanted if c not in given])[group["_who"]],
        *(words.spread(found[c]) for words, found in values for c in found.columns),
        *own,
    ]
    # a line that was repeated, or that sums attempts up
    times = pl.lit(1, pl.UInt32) if "count" not in extra else None
    if "n_attempts" in given:
        times = (pl.col("count") if "count" in extra else 1) * pl.col("n_attempts").fill_null(1)
    taken = pl.DataFrame(columns).with_columns(
        *((group[raw].alias("raw"),) if keeps else ()),
        *((times.alias("count"),) if times is not None else ()),
        *(_constant(name, value) for name, value in constants.items() if name not in given),
    )
    if event:
        taken = taken.with_columns(pl.col("pid").cast(pl.UInt32, strict=False))
        taken = without_stale_users(taken, [(w.codes, f["detail"]) for w, f in values if "detail" in f.columns])
    if event and "cause" not in pattern.sets:
        taken = _judged(taken, group["_who"], who, values, catalogue)
    return taken


@functools.cache
def _constant(name: str, value: Any) -> pl.Expr:
    """Return a column that is the same for all records of a pattern."""
    return pl.lit(value, RECORDS[name].dtype if name in RECORDS else pl.String).alias(name)


def _judged(
    taken: pl.DataFrame,
    whose: pl.Series,
    who: pl.DataFrame,
    values: Sequence[tuple[Coded, pl.DataFrame]],
    catalogue: str | None,
) -> pl.DataFrame:
    """Give every record its cause: decided once for each combination of pieces that a verdict depends on."""
    service = coded(who["service"].fill_null(""))
    combination = service.codes.cast(pl.UInt64)[whose]
    for words, found in values:
        if set(found.columns) & set(replies.KEYS):
            combination = combination * (words.words.len() + 1) + words.codes.cast(pl.UInt64).fill_null(
                words.words.len()
            )
    row = combination.arg_unique()
    judged = replies.classify(taken[row], catalogue).select("cause", "outcome", "basis")
    which = combination.replace_strict(combination[row], pl.int_range(row.len(), dtype=pl.UInt32, eager=True))
    return taken.with_columns(judged[which])
