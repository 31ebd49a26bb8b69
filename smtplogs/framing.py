"""Lines -> stamp, host, program, pid and message: the envelope comes off, whatever syslog or program put it there."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.logformats._envelopes import ENVELOPES, SHOWN
from smtplogs.normalising import with_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtplogs.accounting import Tally
    from smtplogs.logformats._envelopes import Envelope


def framed(lines: pl.DataFrame, tally: Tally, host: str | None = None) -> pl.DataFrame:
    """Return lines without their envelopes (see `unframed`), with their `key`; `host` names hosts that are not named."""
    return with_keys(unframed(lines, tally), host)


def unframed(lines: pl.DataFrame, tally: Tally | None = None) -> pl.DataFrame:
    """Split lines into stamp, host, program, pid and message; what no envelope fits is not understood.

    Without a tally these are not counted, nor searched for secrets. Where `unwrapping` left a column `shown`, a line it
    says something of is tried on that envelope alone.
    """
    rest, parts = lines, []
    if "shown" in lines.columns:
        for shown, envelope in SHOWN.items():
            some = lines.filter(pl.col("shown") == shown).drop("shown")
            if some.height:
                parts.append(_of_program(_groups(some, envelope.regex), envelope))
        lines = rest = lines.filter(pl.col("shown").is_null()).drop("shown")
    one_line = not lines["line"].str.contains("\n", literal=True).any()
    for before, envelope in _order(lines["line"]):
        if rest.is_empty():
            break
        aside = rest["line"].str.contains(before) if before else None
        some = rest if aside is None else rest.filter(~aside)
        # of few lines it costs a tenth to ask first whether there is anything to take apart
        if some.height <= LOOKED_AT**2 and not some["line"].str.contains(envelope.regex).any():
            continue
        tried = _without_head(some, envelope) if one_line else _groups(some, envelope.regex)
        hit = tried["stamp"].is_not_null()
        if hit.any():
            parts.append(_of_program(tried if hit.all() else tried.filter(hit), envelope))
            rest = some.filter(~hit) if aside is None else pl.concat([rest.filter(aside), some.filter(~hit)])
    if rest.height and tally is not None:
        tally.miss(None, None, rest)
        tally.leak(rest)
    if parts:
        return pl.concat(parts, how="diagonal_relaxed")
    return lines.clear().with_columns(pl.lit(None, pl.String).alias(c) for c in ("program", "stamp", "message"))


def _of_program(framed: pl.DataFrame, envelope: Envelope) -> pl.DataFrame:
    """Name the program of lines under an envelope that stands for one."""
    program = pl.col("program") if "program" in framed.columns else pl.lit(None, pl.String)
    return framed.with_columns(program=pl.coalesce(program, pl.lit(envelope.program)))


LOOKED_AT = 50
"""Lines of a batch by which its usual envelope is told."""


def _order(lines: pl.Series) -> Iterator[tuple[str, Envelope]]:
    """Yield the envelopes in their order, each with a regex of the lines that it may not take yet.

    In a large batch the usual one comes before them all, for lines that none of those before it fits: nearly all lines
    then are tried on one envelope instead of on two dozen.
    """
    if lines.len() > LOOKED_AT**2:
        some = lines.gather_every(lines.len() // LOOKED_AT)
        fits = [some.str.contains(e.regex).sum() for e in ENVELOPES]
        usual = fits.index(max(fits))
        if usual and fits[usual]:
            yield _any_before(usual), ENVELOPES[usual]
    yield from (("", envelope) for envelope in ENVELOPES)


@functools.cache
def _any_before(number: int) -> str:
    """Return one regex for all lines that the envelopes before this one fit."""
    heads = (_head(e) for e in ENVELOPES[:number])
    regexes = "|".join(
        f"{head[0]}(?:{head[1]})" if head else e.regex for head, e in zip(heads, ENVELOPES, strict=False)
    )
    return re.sub(r"\(\?P<[a-z_]+>", "(?:", regexes)


@functools.cache
def _head(envelope: Envelope) -> tuple[str, str] | None:
    """Return the regex of what stands before the message, and of how that begins; None if more than that is told of it."""
    head, _, message = envelope.regex.partition("(?P<message>")
    begins = message.removesuffix(".*)$")
    return None if begins == message else (head, begins)


def _without_head(lines: pl.DataFrame, envelope: Envelope) -> pl.DataFrame:
    """Return the groups of an envelope; the message is not matched to its end but left over where all the rest is it."""
    cut = _head(envelope)
    if cut is None:
        return _groups(lines, envelope.regex)
    head, begins = cut
    found = _groups(lines, f"^(?P<_head>{head.removeprefix('^')})(?:{begins})")
    return found.with_columns(message=pl.col("line").str.strip_prefix(pl.col("_head"))).drop("_head")


def _groups(lines: pl.DataFrame, regex: str) -> pl.DataFrame:
    return lines.with_columns(pl.col("line").str.extract_groups(regex).alias("_groups")).unnest("_groups")
