"""Clock readings -> moments: the zone, the hour that spring skips and the one that autumn repeats."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import polars as pl

from smtplogs.stamps._marks import AMBIGUOUS, DAY, NAIVE, ZONE_ASSUMED, last
from smtplogs.stamps._years import STATED

if TYPE_CHECKING:
    from smtplogs.stamps._anchors import Anchor, Carry


def find_moments(marks: pl.DataFrame, anchor: Anchor, carry: Carry) -> tuple[pl.DataFrame, Carry]:
    """Turn what is still a clock reading into a moment."""
    zoneless = pl.col("wall").is_not_null() & pl.col("utc").is_null()
    marks = marks.with_columns(zoneless=zoneless)
    if not marks["zoneless"].any():
        evidence = carry.zone_evidence or (STATED if marks["utc"].null_count() < marks.height else None)
        return marks, replace(carry, zone_evidence=evidence)
    if anchor.tz is None:
        assumed = pl.max_horizontal("doubt", pl.lit(ZONE_ASSUMED, pl.UInt8))
        marks = marks.with_columns(
            utc=pl.coalesce("utc", "wall"), doubt=pl.when("zoneless").then(assumed).otherwise("doubt")
        )
    else:
        marks = marks.with_columns(utc=pl.coalesce("utc", moment_of(pl.col("wall"), anchor.tz)))
        if marks.select((pl.col("zoneless") & pl.col("utc").is_null()).any()).item():
            marks, carry = _settle_doubtful_hours(marks, anchor.tz, carry)
    return marks, replace(carry, last_wall=last(marks["wall"]), zone_evidence=anchor.zone_evidence)


def moment_of(wall: pl.Expr, tz: str, ambiguous: Literal["null", "earliest", "latest"] = "null") -> pl.Expr:
    """Read a clock in a zone; null where the clock never showed that, and, if so asked, where it did twice."""
    there = wall.dt.replace_time_zone(tz, ambiguous=ambiguous, non_existent="null")
    return there.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _settle_doubtful_hours(marks: pl.DataFrame, tz: str, carry: Carry) -> tuple[pl.DataFrame, Carry]:
    """Read the hour that spring skips with the offset before it; in the hour that autumn repeats let order decide.

    The second pass begins where the clock falls back by about the length of that hour. A day without such a jump is
    too sparse a log: its lines stay in the first pass, ambiguous.
    """
    wall = pl.col("wall")
    marks = marks.with_row_index("row").with_columns(
        before=wall.forward_fill().shift(1).fill_null(pl.lit(carry.last_wall, NAIVE))
    )
    first, second = moment_of(wall, tz, "earliest"), moment_of(wall, tz, "latest")
    hours = marks.filter(pl.col("zoneless") & pl.col("utc").is_null()).with_columns(
        first=first, second=second, skipped=moment_of(wall - DAY, tz, "earliest") + DAY, day=wall.dt.date()
    )
    fall, length = pl.col("before") - wall, pl.col("second") - pl.col("first")
    falls = (2 * fall >= length) & (2 * fall <= 3 * length)
    falls = (falls | (pl.col("day") == pl.lit(carry.folded, pl.Date))).fill_null(False)
    hours = hours.with_columns(folded=falls.cast(pl.UInt8).cum_max().over("day") > 0)
    hours = hours.with_columns(
        utc=pl.when("folded").then("second").otherwise(pl.coalesce("first", "skipped")),
        doubtful=pl.col("first").is_null() | ~pl.col("folded").any().over("day"),
    )
    doubt = pl.when("doubtful").then(pl.lit(AMBIGUOUS, pl.UInt8)).otherwise("doubt")
    repeated = hours.filter(pl.col("first").is_not_null()).tail(1)
    folded = repeated["day"][0] if repeated.height and repeated["folded"][0] else carry.folded
    settled = marks.update(hours.select("row", "utc", doubt.alias("doubt")), on="row")
    doubtful = carry.doubtful_hours + int(hours["doubtful"].sum())
    return settled, replace(carry, folded=folded, doubtful_hours=doubtful)
