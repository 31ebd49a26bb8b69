"""Regular attempts: the period of a stream of times, and how well it is kept (missed ticks and retries allowed)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_MULTIPLES = 6
LEAST_TICKS = 5
LEAST_SHARE = 0.8

SCHEDULES = ("clock", "pause")
"""`clock`: cron and its kin, at fixed times; `pause`: a program that sleeps between two tries."""

CLOCK_PHASE = 0.95
PAUSE_PHASE = 0.7
PHASE_TICKS = 10
HOUR = 3600.0
JUMPING = 2 * HOUR
"""A clock job at local hours moves by one hour in UTC when summer time begins or ends; one of every hour does not."""

ROUND = 60.0
"""A clock's period is whole minutes; from 10 ticks on its phase stays together, that of a pause drifts apart."""


def rhythm(rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Return the rhythm of each group of times: a row a group.

    Retries (gaps up to a fifth of the upper quartile, within 15 and 60 s) are folded into the tick before them; a gap
    of up to six periods counts as missed ticks. Bounds as measured on cron jobs, sleep loops, people and back-off. One
    gap that is an hour too long or too short keeps a period of two hours or more: summer time began or ended.

    Returns
    -------
    DataFrame
        The `by` columns, ``n_ticks``, ``period_s`` [s], ``regular_share`` (0-1) and ``regular``: at least 5 ticks of
        which 80 % keep the period within 5 % (at least 3 s, at most 300 s); ``jumped_at`` (time of the first tick on
        the other clock, null: none) and ``jump_s`` [s].
    """
    gap = (pl.col("time") - pl.col("time").shift(1).over(by)).dt.total_microseconds() / 1e6
    retry = (0.2 * pl.col("gap").quantile(0.75).over(by)).clip(15, 60)
    multiple = (pl.col("gap") / pl.col("gap").median().over(by)).round().clip(lower_bound=1)
    bound = (0.05 * pl.col("period_s")).clip(3, 300)
    off = (pl.col("gap") / pl.col("k") - pl.col("period_s")).abs()
    rest = pl.col("gap") - pl.col("k") * pl.col("period_s")
    jump = (pl.col("period_s") >= JUMPING) & ((rest.abs() - HOUR).abs() <= bound)
    keeps = (off <= bound) | (pl.col("jump") & (pl.col("jump").sum().over(by) == 1))
    once = pl.col("jump") & (pl.col("jump").sum() == 1)
    return (
        rows.select(*by, "time")
        .sort(*by, "time")
        .with_columns(gap.alias("gap"))
        .filter(pl.col("gap").is_null() | (pl.col("gap") > retry))
        .with_columns(gap.alias("gap"))
        .with_columns(multiple.alias("k"))
        .with_columns((pl.col("gap") / pl.col("k")).median().over(by).alias("period_s"))
        .with_columns(jump.fill_null(value=False).alias("jump"))
        .with_columns(((pl.col("k") <= MOST_MULTIPLES) & keeps).alias("on"))
        .group_by(by, maintain_order=True)
        .agg(
            pl.len().alias("n_ticks"),
            pl.col("period_s").first(),
            pl.col("on").mean().alias("regular_share"),
            pl.col("time").filter(once).first().alias("jumped_at"),
            (rest.filter(once).first().sign() * HOUR).alias("jump_s"),
        )
        .with_columns(
            ((pl.col("n_ticks") >= LEAST_TICKS) & (pl.col("regular_share").fill_null(0) >= LEAST_SHARE)).alias(
                "regular"
            )
        )
    )


def schedules(rows: pl.DataFrame, beat: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Tell a clock from a pause, by how well the times keep one phase of the period (``|mean exp(2 pi i t / P)|``).

    Parameters
    ----------
    rows
        The times that `rhythm` was given.
    beat
        What `rhythm` returned for them.

    Returns
    -------
    DataFrame
        The `by` columns and ``schedule`` (clock, pause; null: not regular, too few ticks, or between the two).
    """
    minutes = (pl.col("period_s") / ROUND).round() * ROUND
    near = (minutes > 0) & ((minutes - pl.col("period_s")).abs() <= 0.02 * pl.col("period_s"))
    even = beat.filter("regular", pl.col("n_ticks") >= PHASE_TICKS).with_columns(near.alias("near"), minutes.alias("p"))
    jumped = pl.when(pl.col("time") >= pl.col("jumped_at")).then("jump_s").otherwise(0.0)
    at = pl.col("time").dt.epoch("us") / 1e6 - jumped
    turn = 2 * math.pi * (at % pl.col("p")) / pl.col("p")
    held = (
        rows.select(*by, "time")
        .join(even.filter("near").select(*by, "p", "jumped_at", "jump_s"), on=by, nulls_equal=True)
        .group_by(by, maintain_order=True)
        .agg(((turn.cos().mean()) ** 2 + (turn.sin().mean()) ** 2).sqrt().alias("held"))
    )
    word = pl.when(pl.col("held") >= CLOCK_PHASE).then(pl.lit("clock"))
    word = word.when(~pl.col("near") | (pl.col("held") < PAUSE_PHASE)).then(pl.lit("pause"))
    return (
        even.join(held, on=by, how="left", nulls_equal=True, maintain_order="left")
        .with_columns(word.alias("schedule"))
        .select(*by, pl.col("schedule").cast(pl.Enum(SCHEDULES)))
    )
