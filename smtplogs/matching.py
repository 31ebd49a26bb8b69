"""Lines without their envelopes -> records, the general way: the tag chooses patterns, the first that fits takes a line."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from smtplogs import redacting
from smtplogs._coded import coded, packed
from smtplogs._columns import without
from smtplogs.accounting import ROLE_WORD, Tally
from smtplogs.logformats import ALL
from smtplogs.normalising import canonical
from smtplogs.sources import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smtplogs.logformats._format import Lines, Pattern


def wanted(*, traffic: bool = False, only: str | None = None) -> Iterator[tuple[Lines, Pattern]]:
    """Formats and patterns that take part."""
    for format_ in ALL:
        if only is None or format_.name == only:
            yield from ((format_, p) for p in format_.patterns if traffic or not p.traffic)


def looked_at(lines: pl.DataFrame) -> pl.DataFrame:
    """Add what `take` and `leaks` need of framed lines: `raw`, as it stands in the log, and whether it may hold a secret."""
    raw = pl.coalesce(c for c in ("written", "line") if c in lines.columns)
    lines = lines.with_columns(packed(lines["message"]), raw=raw)
    return lines.with_columns(redacting.suspects(lines["raw"]))


class Matched(NamedTuple):
    """Records of lines, a frame per pattern; of those that only the traffic table counts, no more than it needs."""

    records: list[pl.DataFrame]
    counted: list[pl.DataFrame]


def take(lines: pl.DataFrame, tally: Tally, *, traffic: bool, only: str | None) -> Matched:
    """Dispatch lines (of `looked_at`) by tag and try the tag's patterns in order; the tally hears what became of each."""
    programs = lines["program"].unique().to_list()
    claims = {p: _claimed(p or "", traffic, only) for p in programs}
    sets = list(dict.fromkeys(claim[2] for claim in claims.values() if claim))
    known = pl.DataFrame(
        [(p, claim[1], sets.index(claim[2])) if claim else (p, None, None) for p, claim in claims.items()],
        schema={"program": pl.String, "service": pl.String, "_set": pl.UInt32},
        orient="row",
    )
    lines = lines.drop("service", strict=False).join(
        known, on="program", how="left", nulls_equal=True, maintain_order="left"
    )
    done = Matched([], [])
    for (i,), group in lines.partition_by("_set", as_dict=True, include_key=False).items():
        if i is None:
            tally.add_all(group, None, "dismissed")
        else:
            _take_patterns(group, _format_of(sets[i]), sets[i], tally, done)
    return done


LEAK = "leak"
"""In place of the name of a format: a line that is told for the secret in it alone."""

LEAKED = {"format": LEAK, "side": "server", "stage": "session", "outcome": "info", "basis": "line"}
"""What such a line becomes: context of a session, like all that is no attempt."""


def leaks(lines: pl.DataFrame, parts: Sequence[pl.DataFrame], tally: Tally) -> list[pl.DataFrame]:
    """Return records of the lines (of `looked_at`) that hold a secret and give no event: `info` at stage `session`.

    `parts` are the records that the lines gave; the tally knows which lines nothing took. A secret in the log is worth
    telling whatever else the line says.
    """
    found = redacting.leaks(lines, "raw")
    if tally.unread:
        unread = lines.filter(pl.col("line_no").is_in(pl.concat(tally.unread).implode()))
        more = redacting.leaks(unread, "raw", missed=True)
        found = pl.concat([more, found]).unique("line_no", keep="first", maintain_order=True)
    told = [p["line_no"] for p in parts if p.height and p["_role"][0] == "event"]
    if told:
        found = found.filter(~pl.col("line_no").is_in(pl.concat(told).implode()))
    if found.is_empty():
        return []
    words = {**LEAKED, "pattern": LEAK, "_role": "event"}
    return [
        found.drop("message", "line", "written", redacting.SUSPECT, strict=False).with_columns(
            pl.lit(word).alias(name) for name, word in words.items()
        )
    ]


def _format_of(patterns: Sequence[Pattern]) -> Lines:
    """Return the format that these patterns belong to."""
    return next(f for f in ALL if patterns[0] in f.patterns)


def claimed(program: str, *, traffic: bool = False) -> Lines | None:
    """Return the format that claims a syslog tag."""
    claim = _claimed(program, traffic, None)
    return claim[0] if claim else None


def patterns_for(program: str, *, traffic: bool = False) -> list[tuple[Lines, Pattern]]:
    """Return the patterns that are tried on lines of a syslog tag, in order."""
    claim = _claimed(program, traffic, None)
    return [(claim[0], p) for p in claim[2]] if claim else []


@functools.lru_cache(maxsize=4096)
def _claimed(program: str, traffic: bool, only: str | None) -> tuple[Lines, str | None, tuple[Pattern, ...]] | None:
    """Return (format, service, patterns) for a syslog tag, or None if no format claims it."""
    for format_ in ALL:
        if (only is None or format_.name == only) and (match := re.fullmatch(format_.tag, program)):
            parts = match.groupdict()
            daemon = parts.get("daemon")
            patterns = tuple(
                p
                for f, p in wanted(traffic=traffic, only=only)
                if f is format_ and (daemon is None or re.fullmatch(p.program, daemon))
            )
            return format_, parts.get("service"), patterns
    return None


AT_ONCE = 8
"""Patterns whose literals are looked for together, in lines that those before them left."""

_COUNTED = ("line_no", FILE, "stamp", "outer", "key", "count")
"""What the traffic table needs of a line, beside its pattern and what that tells."""

FEW = 2_000
"""So few lines cost less than the queries that spare them: all literals are looked for at once."""


def _take_patterns(
    group: pl.DataFrame, format_: Lines, patterns: Sequence[Pattern], tally: Tally, done: Matched
) -> None:
    """Try the patterns of one tag in their order; count what is dismissed and what none takes."""
    rows = without(group, ("message", "line", "written"))
    left = group.select("message", _at=pl.int_range(pl.len(), dtype=pl.UInt32))
    step = AT_ONCE if group.height > FEW else len(patterns)
    for some in (patterns[i : i + step] for i in range(0, len(patterns), step)):
        if left.is_empty():
            break
        words = dict.fromkeys(p.literals for p in some if p.literals)
        says = left.select(announced("message", w).alias(str(w)) for w in words)
        free = pl.repeat(value=True, n=left.height, eager=True)
        for p in some:
            wanted = says[str(p.literals)] & free if p.literals else free
            hits, values = _matches(left["message"], wanted, p)
            if hits.is_empty():
                continue
            free = free.scatter(hits, values=False)
            taken = rows[left["_at"][hits]]
            tally.add_all(taken, format_.name, ROLE_WORD[p.role])
            if p.traffic:
                counted = taken.select(c for c in _COUNTED if c in taken.columns and c not in values.columns)
                done.counted.append(canonical(counted.hstack(values).with_columns(_constants(format_, p))))
            elif p.role != "dismiss":
                done.records.append(_labelled(without(taken, values.columns).hstack(values), format_, p))
        left = left.filter(free)
    for (program,), missed in group[left["_at"]].partition_by("program", as_dict=True).items():
        tally.miss(program, format_.name, missed)


def _matches(messages: pl.Series, wanted: pl.Series, pattern: Pattern) -> tuple[pl.Series, pl.DataFrame]:
    """Return the rows of the wanted messages that a pattern fits, and its groups."""
    if not wanted.any():
        return pl.Series([], dtype=pl.UInt32), pl.DataFrame()
    at, some = wanted.arg_true(), messages.filter(wanted)
    # a guesser makes a server say the same thing over and over: that is read once
    words = coded(some) if some.len() > FEW and some.head(FEW).n_unique() < FEW // 2 else None
    if not pattern.groups:
        fits = (words.words if words else some).str.contains(pattern.regex)
        at = at.filter(fits[words.codes] if words else fits)
        return at, pl.DataFrame(height=at.len())
    # an empty group tells a hit whose other groups are all absent from no hit
    regex = f"^(?P<_hit>){pattern.regex.removeprefix('^')}"
    found = (words.words if words else some).str.extract_groups(regex).struct.unnest()
    if words:
        found = found[words.codes]
    if found["_hit"].null_count():
        hit = found["_hit"].is_not_null()
        at, found = at.filter(hit), found.filter(hit)
    return at, without(found, ("_hit",))


@functools.lru_cache(maxsize=4096)
def writes(program: str, format_: Lines, pattern: Pattern) -> bool:
    """Tell whether a program writes a pattern."""
    match = re.fullmatch(format_.tag, program)
    return match is not None and re.fullmatch(pattern.program, match.groupdict().get("daemon") or program) is not None


@functools.cache
def announced(column: str, literals: tuple[str, ...]) -> pl.Expr:
    """True where one of the literals stands."""
    if len(literals) == 1:
        return pl.col(column).str.contains(literals[0], literal=True)
    return pl.col(column).str.contains("|".join(re.escape(w) for w in literals))


def _labelled(taken: pl.DataFrame, format_: Lines, pattern: Pattern) -> pl.DataFrame:
    """Add the constants of a pattern; the line stays only where an event may come of it."""
    keeps = pattern.role == "event" or pattern.keeps_raw
    texts = [c for c in (("detail", "raw") if keeps else ("detail",)) if c in taken.columns]
    if texts and not pattern.harmless:
        taken = redacting.without_secrets(taken, *texts)
    return taken.with_columns(
        *_constants(format_, pattern),
        *(() if keeps else (pl.lit(None, pl.String).alias("raw"),)),
    ).drop(redacting.SUSPECT)


@functools.cache
def _constants(format_: Lines, pattern: Pattern) -> list[pl.Expr]:
    """Return the columns that are the same for all lines of a pattern."""
    constants = {"format": format_.name, "pattern": pattern.name, "_role": pattern.role, **pattern.sets}
    return [pl.lit(value).alias(name) for name, value in constants.items()]
