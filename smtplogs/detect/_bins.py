"""Counts per five minutes against what is usual at that time of day: rises of failures and drops of successes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

BIN = timedelta(minutes=5)
A_DAY = 288
"""Bins of a day."""

LOOK_BACK = 14
COMPARABLE = 5
"""Baseline: median of the same time of day, two bins around it, on up to 5 earlier comparable days (working days or
weekends) of the last 14."""

LEAST_BINS = 12
"""Without an earlier comparable day: median of the trailing day, once an hour of it is known; else of the whole log."""

UP_WINDOWS = (1, 3)
DOWN_WINDOWS, LONG_WINDOWS = (3, 6, 12), (36, 72)
NEXT_TO_NONE = 0.1
"""Bins summed before they are judged: what is small in five minutes may be clear in an hour. In three or six hours only of a
small firm, whose logins of an hour are too few to miss all of them, and only if next to none are left: on a day off its jobs
go on."""

LEAST_DAYS = 2
DROP = 0.6
LOWEST = 0.75
"""A drop: at most 60 % of the baseline, and clearly below the lowest of at least two comparable days."""

MERGE = 3

HOLE_LINES = 30
"""A hole in the log: no line at all where the quietest of at least two comparable days had 30 or more. Lines come in
bursts, a dozen for a session, so that a Poisson spread would be no measure."""

HOLE_BINS, HOLE_MOST = 4, 120
"""Where a session writes more lines than that (Exchange: some 25), as many as four usual bins hold, at most 120."""


UNJUDGED, UNJUDGED_BINS = 10, 12
"""A wrong password is refused; that it cannot be judged (454, a lost answer) the server says of its own backend. So fewer are
enough, in a longer time: half of the failures that make a rise, within an hour. Own choice. Told only if it is a fault."""


EMPTY_BINS, BY_CHANCE = 24, 1e-5
"""And it must be no chance: bins of two hours around that are empty on the days before, or before it on the day itself, as
on a holiday, are so many empty bins in a row less often than this. A day has 288 bins, so that a chance of one in 100,000
is met once a year."""


@dataclass(frozen=True)
class Thresholds:
    """When a bin is out of the ordinary."""

    count: int
    ratio: float
    z: float


def grid(counts: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return one row for every five minutes from the first to the last; bins without rows count zero."""
    first, last = counts["bin"].min(), counts["bin"].max()
    bins = pl.DataFrame({"bin": pl.datetime_range(first, last, BIN, time_unit="us", eager=True)})  # pyright: ignore
    return bins.join(counts, on="bin", how="left", maintain_order="left").with_columns(
        pl.col(c).fill_null(0).cast(pl.Float64) for c in columns
    )


BEFORE = {
    day: [k for k in range(1, LOOK_BACK + 1) if ((day - 1 - k) % 7 + 1 > 5) == (day > 5)][:COMPARABLE]
    for day in range(1, 8)
}
"""Weekday -> how many days ago the nearest comparable days were."""


FORWARD = ((3, 8, 14), (3, 25, 31), (9, 2, 8), (9, 24, 30), (10, 1, 7))
BACK = ((4, 1, 8), (10, 25, 31), (11, 1, 7))
"""Month and days of the Sundays on which clocks are put forward or back: America, Europe, Australia, New Zealand and Chile
by the rules of the IANA time zone database. People then come and go an hour earlier, or later, in UTC."""

AN_HOUR = 12
"""Bins."""


def _since(sundays: Sequence[tuple[int, int, int]]) -> pl.Expr:
    """Return how many days ago the last of these Sundays was; null if more than 13."""
    days = pl.col("bin").dt.weekday() % 7
    found = pl.lit(None, pl.Int64)
    for weeks in (7, 0):
        ago = (days + weeks).cast(pl.Int64)
        sunday = pl.col("bin").dt.date() - pl.duration(days=ago)
        month, day = sunday.dt.month(), sunday.dt.day()
        one = pl.any_horizontal((month == m) & day.is_between(first, last) for m, first, last in sundays)
        found = pl.when(one).then(ago).otherwise(found)
    return found


CLOCKS = ((FORWARD, AN_HOUR), (BACK, -AN_HOUR))
"""Clocks put forward or back: of days before such a Sunday, what was so many bins later was at the same local time."""


SORTED = (((0, 3), (1, 4)), ((0, 2), (1, 3)), ((0, 1), (2, 4)), ((1, 2), (3, 4)), ((2, 3),))
"""A network that sorts five (Knuth, The Art of Computer Programming 3, 5.3.4): as columns in a fortieth of the time that a
list a row takes."""


@dataclass(frozen=True)
class Days:
    """Where a grid has each of its bins on the nearest comparable days before: asked once for all that is counted in it.

    `clocks`: a frame for the clock as it stands, and one for each that was put forward or back since; a column a day:
    the row of the grid, null if there is none. No frame at all if the grid is no longer than a day.
    """

    clocks: tuple[pl.DataFrame, ...]

    def of(self, values: pl.Series) -> list[pl.DataFrame]:
        """Return for each clock what the values were in each bin on these days: ``n`` known, ``usual``, ``mean``, ``lowest``.

        ``usual`` is their median; that and the last two are null if none is known.
        """
        return [
            _told(clock.select(pl.lit(values).gather(day).alias(day) for day in clock.columns)) for clock in self.clocks
        ]


def _told(days: pl.DataFrame) -> pl.DataFrame:
    """Return what is usual: number, mean, median and least of up to five earlier days, without sorting lists."""
    known = days.select(n=pl.sum_horizontal(pl.all().is_not_null()), mean=pl.mean_horizontal(pl.all()))
    days = days.fill_null(math.inf)
    for pairs in SORTED:
        days = days.with_columns(
            order(str(one), str(other)).alias(str(place))
            for one, other in pairs
            for place, order in ((one, pl.min_horizontal), (other, pl.max_horizontal))
        )
    n, (first, second, third) = pl.col("n"), (pl.col(str(place)) for place in range(3))
    middle = pl.when(n > 4).then(third).when(n > 3).then((second + third) / 2).when(n > 2).then(second)
    middle = middle.when(n > 1).then((first + second) / 2).when(n > 0).then(first)
    return known.hstack(days).select("n", "mean", usual=middle, lowest=pl.when(n > 0).then(first))


def earlier_days(bins: pl.DataFrame) -> Days:
    """Return the days before those of a ``grid``."""
    if bins.height <= A_DAY:
        return Days(())
    weekday = pl.col("bin").dt.weekday()
    places = [{day: ago[place] for day, ago in BEFORE.items() if place < len(ago)} for place in range(COMPARABLE)]
    dates = bins.select(pl.col("bin").dt.date())
    known = dates.unique().with_columns(
        *(weekday.replace_strict(ago, default=None).alias(str(place)) for place, ago in enumerate(places)),
        *(_since(sundays).alias(f"since{k}") for k, (sundays, _) in enumerate(CLOCKS)),
    )
    dates = dates.join(known, on="bin", how="left", maintain_order="left")
    clocks = [dates.select(_row(place) for place in range(COMPARABLE))]
    for k, (_, later) in enumerate(CLOCKS):
        if known[f"since{k}"].is_not_null().any():
            clocks.append(dates.select(_row(place, f"since{k}", later) for place in range(COMPARABLE)))
    return Days(tuple(clocks))


def _row(place: int, since: str | None = None, later: int = 0) -> pl.Expr:
    """Return where the bin was on one of the days before; on days before a change of clocks `since`, so many bins later."""
    ago = pl.col(str(place))
    then = pl.int_range(pl.len()) - ago * A_DAY
    there = then + pl.when(pl.col(since) < ago).then(later).otherwise(0) if since else then
    return pl.when(then >= 0, there >= 0).then(there).alias(str(place))


def baselines(bins: pl.DataFrame, column: str, days: Days, *, peaks: bool = False) -> pl.DataFrame:
    """Add ``usual``: what the column usually is in this bin, and ``thin``: no comparable day was there to tell.

    `peaks`: of each day the most in the bins around: a job that fails every night at that minute is usual. Else, where
    clocks may have been changed since these days, the least of both clocks is usual.
    """
    around = pl.col(column).rolling_median(5, min_samples=1, center=True)
    around = pl.col(column).rolling_max(3, min_samples=1, center=True) if peaks else around
    trailing = pl.col(column).shift(1).rolling_median(A_DAY, min_samples=LEAST_BINS)
    then = days.of(bins.select(around).to_series())
    usual = [told["usual"] for told in then[: 1 if peaks else None]]
    return bins.with_columns(
        pl.coalesce(*([pl.min_horizontal(usual)] if usual else []), trailing, pl.col(column).median()).alias("usual"),
        (then[0]["n"] == 0 if then else pl.lit(value=True)).alias("thin"),
    )


def _spread(hit: pl.Series, width: int) -> pl.Series:
    """Tell the bins that are in some window of that width that was hit; a window stands at its last bin."""
    hits = hit.fill_null(value=False).cast(pl.UInt8).reverse()
    return hits.rolling_max(width, min_samples=1).reverse().cast(pl.Boolean)


def rises(bins: pl.DataFrame, column: str, limits: Thresholds) -> pl.Series:
    """Tell the bins in which the column rises above what is usual, alone or with the two before it."""
    fired = pl.lit(value=False)
    for width in UP_WINDOWS:
        seen = pl.col(column).rolling_sum(width, min_samples=1)
        usual = pl.col("usual").rolling_sum(width, min_samples=1)
        hit = (
            (seen >= limits.count)
            & (seen >= limits.ratio * usual)
            & ((seen - usual) / usual.clip(lower_bound=1).sqrt() >= limits.z)
        )
        # of several bins those that rise themselves
        spread = _spread(bins.select(hit.alias("hit")).to_series(), width)
        fired = fired | (pl.lit(spread) & (pl.col(column) > limits.ratio * pl.col("usual")) & (pl.col(column) > 0))
    return bins.select(fired.alias("up")).to_series()


def unjudged(bins: pl.DataFrame, column: str, limits: Thresholds) -> pl.Series:
    """Tell the bins of an hour with ten attempts that the server could not judge, and far more than is usual then."""
    seen, usual = (pl.col(c).rolling_sum(UNJUDGED_BINS, min_samples=1) for c in (column, "usual"))
    hit = bins.select(((seen >= UNJUDGED) & (seen >= limits.ratio * usual)).alias("hit")).to_series()
    spread = _spread(hit, UNJUDGED_BINS)
    return bins.select((pl.lit(spread) & (pl.col(column) > 0)).alias("unjudged")).to_series()


def _compared(bins: pl.DataFrame, column: str, width: int, days: Days) -> pl.DataFrame:
    """Return for windows of that width what was ``seen``, and of the comparable days before ``n, usual, lowest``."""
    seen = bins.select(pl.col(column).rolling_sum(width).alias("seen")).to_series()
    then = days.of(seen)
    return pl.select(
        seen,
        then[0]["n"],
        usual=pl.min_horizontal(told["usual"] for told in then),
        lowest=pl.min_horizontal(told["lowest"] for told in then),
    )


def drops(bins: pl.DataFrame, column: str, limits: Thresholds, days: Days) -> pl.Series:
    """Tell the bins in which the column falls well below all of the comparable days before."""
    fired = pl.lit(value=False)
    for width in (*DOWN_WINDOWS, *LONG_WINDOWS) if days.clocks else ():
        seen, usual, lowest = pl.col("seen"), pl.col("usual"), pl.col("lowest")
        long = width in LONG_WINDOWS
        hit = (
            (pl.col("n") >= LEAST_DAYS)
            & (usual >= limits.count)
            & (seen <= (NEXT_TO_NONE if long else DROP) * usual)
            & (seen <= LOWEST * lowest)
            & ((usual - seen) / usual.sqrt() >= limits.z)
        )
        if long:  # all logins of an hour missed would not be clear
            hit &= usual * DOWN_WINDOWS[-1] / width < limits.z**2
        spread = _spread(_compared(bins, column, width, days).select(hit.alias("hit")).to_series(), width)
        fired = fired | (pl.lit(spread) & (pl.lit(long) | (pl.col(column) <= DROP * pl.col("usual"))))
    return bins.with_columns(fired.fill_null(value=False).alias("down"))["down"]


def holes(bins: pl.DataFrame, column: str, days: Days) -> pl.Series:
    """Tell the bins in which nothing was written at all although lines are always written then."""
    if not days.clocks or bins.filter(pl.col(column) == 0).is_empty():
        return bins.select(pl.repeat(value=False, n=pl.len()).alias("hole")).to_series()
    written = bins.filter(pl.col(column) > 0).select(HOLE_BINS * pl.col(column).median()).item() or 0
    least = min(max(HOLE_LINES, written), HOLE_MOST)
    often = _often_empty(bins, column, days)
    fired = pl.lit(value=False)
    for width in DOWN_WINDOWS:
        chance = pl.lit(often).pow(width) <= BY_CHANCE
        hit = (pl.col("n") >= LEAST_DAYS) & (pl.col("lowest") >= least) & (pl.col("seen") == 0) & chance
        compared = _compared(bins, column, width, days)
        fired = fired | pl.lit(_spread(compared.select(hit.alias("hit")).to_series(), width))
    return bins.select(fired.fill_null(value=False).alias("hole")).to_series()


def _often_empty(bins: pl.DataFrame, column: str, days: Days) -> pl.Series:
    """Return the share of empty bins that is usual then: on comparable days, or on the day itself before it fell silent."""
    empty = (pl.col(column) == 0).cast(pl.Float64)
    around = empty.rolling_mean(EMPTY_BINS, min_samples=1, center=True)
    before = pl.when(empty == 0).then(empty.rolling_mean(EMPTY_BINS, min_samples=1)).forward_fill()
    then = days.of(bins.select(around).to_series())[0]
    # that none was empty is known of so many bins only
    least = 1 / (EMPTY_BINS * then["n"].clip(lower_bound=1))
    often = pl.max_horizontal(then["mean"], before, least).fill_null(1.0).alias("often")
    return bins.select(often).to_series()


def episodes(bins: pl.DataFrame, up: pl.Series, down: pl.Series) -> pl.DataFrame:
    """Return the episodes: ``episode, start, end`` (whole bins), ``up`` and ``down``; gaps of up to 3 bins are closed."""
    hits = bins.select("bin", "thin").with_columns(up.alias("up"), down.alias("down"))
    hits = hits.filter(pl.col("up") | pl.col("down"))
    new = (pl.col("bin") - pl.col("bin").shift(1) > (MERGE + 1) * BIN).fill_null(value=True)
    return (
        hits.with_columns(new.cast(pl.UInt32).cum_sum().alias("episode"))
        .group_by("episode", maintain_order=True)
        .agg(
            pl.col("bin").first().alias("start"),
            (pl.col("bin").last() + BIN).alias("end"),
            pl.col("up").any(),
            pl.col("down").any(),
            pl.col("thin").any(),
        )
    )
