"""Bans of addresses that the log itself states: of limiters, and of fail2ban with their restores and growing lengths."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from smtplogs._engine import by_size

BANNED = ("stage", "outcome", "client_ip", "duration_s", "source", "line_no")

BESIDE = timedelta(seconds=10)
"""fail2ban's observer states the grown length of a ban within this of the ban itself."""


def stated_bans(table: pl.LazyFrame) -> pl.DataFrame:
    """Return the bans that the log itself states: limits that name an address and a length, or whose end is written."""
    present = set(table.collect_schema())
    if not {"duration_s", "source", "line_no"} <= present:
        return pl.DataFrame()
    used = [c for c in ("time", *BANNED, "format", "detail") if c in present]
    # most lines of sessions only end one: of them none is read
    said = (pl.col("outcome") == "throttled") & (pl.col("duration_s") > 0)
    said = said | (pl.col("format") == "fail2ban") if "format" in present else said
    # what the files themselves can be asked comes first
    early = pl.col("duration_s") > 0
    early = early | (pl.col("format") == "fail2ban") if "format" in present else early
    events = table.filter(early).filter(pl.col("stage") == "session", said)
    events = events.select(used).collect(engine=by_size())
    if {"format", "detail"} <= set(events.columns):
        events = _ended(events)
    stated = (pl.col("outcome") == "throttled") & (pl.col("duration_s") > 0) & pl.col("time").is_not_null()
    return events.filter(stated & (pl.col("stage") == "session"), pl.col("client_ip").is_not_null())


def _ended(events: pl.DataFrame) -> pl.DataFrame:
    """Give fail2ban's bans their length, by the lines of the same address and jail that follow.

    An Unban proves it; without one, Increase Ban states it. A restart of fail2ban may lift bans and restores them: such
    a ban goes on. One whose beginning stands in an older log begins with its Restore Ban.
    """
    bans = (pl.col("format") == "fail2ban") & pl.col("time").is_not_null()
    known = events.filter(bans).sort("time", "source", "line_no")
    if known.is_empty():
        return events
    known = known.with_columns(
        pl.col("detail").str.extract(r"^\[([^\]]*)\]").alias("_jail"),
        pl.col("detail").str.extract(r"^\[[^\]]*\] (Ban|Unban|Increase|Restore) ").alias("_word"),
    )
    of = ("client_ip", "_jail")
    word, before, after = pl.col("_word"), pl.col("_word").shift(1).over(of), pl.col("_word").shift(-1).over(of)
    grown = known.filter(word == "Increase").select(*of, "time", pl.col("duration_s").alias("_grown"))
    known = known.filter(word != "Increase")
    known = known.filter(~((word == "Unban") & (after == "Restore")).fill_null(value=False))
    known = known.filter(~((word == "Restore") & before.is_in(["Ban", "Restore"])).fill_null(value=False))
    # the observer writes a moment after the ban, now and then a moment before
    known = known.sort("time", maintain_order=True).join_asof(
        grown.sort("time"), on="time", by=of, strategy="nearest", tolerance=BESIDE, check_sortedness=False
    )
    known = known.sort("time", "source", "line_no")
    lasted = (pl.col("time").shift(-1) - pl.col("time")).over(of).dt.total_microseconds() / 1e6
    told = pl.when(word.is_in(["Ban", "Restore"]) & (after == "Unban")).then(lasted)
    known = known.with_columns(
        pl.coalesce("duration_s", told, pl.when(word == "Ban").then("_grown")).alias("duration_s"),
        pl.when(word == "Restore")
        .then(pl.lit("throttled"))
        .otherwise("outcome")
        .cast(events.schema["outcome"])
        .alias("outcome"),
    )
    return pl.concat([events.filter(~bans.fill_null(value=False)), known.select(events.columns)])
