"""Heads of lines in the plain form of an envelope: stamp and key come off, each distinct key is read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from smtplogs._coded import Coded, coded
from smtplogs.logformats._hot_envelopes import HOT_ENVELOPES, HOT_KEY, STAMPS_ITSELF
from smtplogs.normalising import service_of
from smtplogs.sources import FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtplogs.logformats._hot_envelopes import HotEnvelope

_KEY = r"^(?P<host>[^ ]*) (?P<program>[^\[]+)(?:\[(?P<pid>[0-9]+)\])?$"


@dataclass
class Heads:
    """Lines under the plain form of an envelope, cut into stamp, key and message.

    Attributes
    ----------
    lines
        The lines with `message`, `_stamp` (row of `stamps`) and `_who` (row of `who`).
    stamps
        `line_no`, `stamp` (and `outer`, FILE): the first line of each run of one stamp in one file.
    who
        Distinct keys: `key`, `host`, `program`, `pid`, `service`.
    rest
        Lines without such a head.
    """

    lines: pl.DataFrame
    stamps: pl.DataFrame
    who: pl.DataFrame
    rest: pl.DataFrame


def cut_off(lines: pl.DataFrame, envelope: str, host: str | None = None) -> Heads:
    """Cut the heads off lines.

    Parameters
    ----------
    lines
        `line_no`, `line` (and what a wrapper left; FILE where several files share the batch).
    envelope
        Name of a hot envelope.
    host
        Name for lines that do not say which host wrote them.
    """
    form = HOT_ENVELOPES[envelope]
    stamp, message, keys = _pieces(lines["line"], form, host)
    run = stamp.rle_id()
    if FILE in lines.columns:
        run = (run + lines[FILE]).rle_id()  # neither ever falls, so the sum stays where both do
    first = run.is_first_distinct()
    stamps = lines.filter(first).select("line_no", *(c for c in ("outer", FILE) if c in lines.columns))
    stamps = stamps.with_columns(stamp=stamp.filter(first))
    who = _taken_apart(keys.words, form)
    good = stamps["stamp"].str.contains(f"^{form.stamp}$")
    cut = lines.with_columns(message=message, _stamp=run, _who=keys.codes)
    # Solaris puts an id before the text, Exim its pid, and a stamp may be longer than the form has it
    fits = message.is_not_null() & ~message.str.contains(r"^\[ID " if form.program is None else r"^[ \[+-]|^$")
    if not who["_fits"].fill_null(value=False).all():
        fits &= keys.spread(who["_fits"]).fill_null(value=False)
    if not good.all():
        fits &= good.gather(run).fill_null(value=False)
    stamps = stamps.with_columns(pl.col("stamp").str.strip_suffix(" "))
    if fits.all():
        return Heads(cut, stamps, who.drop("_fits"), lines.clear())
    return Heads(cut.filter(fits), stamps, who.drop("_fits"), lines.filter(~fits))


def _pieces(lines: pl.Series, form: HotEnvelope, host: str | None) -> tuple[pl.Series, pl.Series, Coded]:
    """Cut lines into stamps (with the blank behind them), messages and keys."""
    if form.program is not None:
        only = Coded(
            pl.repeat(0, lines.len(), dtype=pl.UInt32, eager=True), pl.Series([f"{host or ''} {form.program}"])
        )
        return lines.str.slice(0, form.width), lines.str.slice(form.width or 0), only
    head, message = lines.str.splitn(": ", 2).struct.unnest().get_columns()
    if form.width is None:
        stamp, key = head.str.splitn(" ", 2).struct.unnest().get_columns()
        return stamp + " ", message, coded(key)
    return head.str.slice(0, form.width), message, coded(head.str.slice(form.width))


def _taken_apart(keys: pl.Series, form: HotEnvelope) -> pl.DataFrame:
    """Return `key`, `host`, `program`, `pid` and `service` of distinct keys, and which of them are as they must be."""
    who = pl.DataFrame({"key": keys}).with_columns(pl.col("key").str.extract_groups(_KEY).alias("_")).unnest("_")
    plain = pl.col("key").str.contains(f"^{HOT_KEY}$") & ~pl.col("program").str.contains(STAMPS_ITSELF)
    return who.with_columns(
        pl.when(pl.col("host") != "").then("host").alias("host"),
        service=service_of(pl.col("program")),
        _fits=plain if form.program is None else pl.lit(value=True),
    )


def framed(cut: Heads, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return lines without their heads as the general envelopes would: with `stamp`, `host`, `program`, `pid`, `key`."""
    lines = pl.concat(parts)
    whose = cut.who.select("key", "host", "program", "pid")[lines["_who"]]
    stamp = cut.stamps["stamp"][lines["_stamp"]]
    return lines.drop("_who", "_stamp").hstack([stamp, *whose])
