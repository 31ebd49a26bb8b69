"""The limit behind refusals: as the log prints it, or inferred from when attempts went through and when not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOWS_S = (1, 10, 30, 60, 300, 600, 900, 1800, 3600, 14_400, 86_400)
"""Windows that limits usually have: Postfix 60 s, fail2ban 600 s, Exim an hour, providers a second, minute or day."""

LEAST_EPISODES = 5
LEAST_COUNT = 3
STEADY = 0.1
PASSED = 0.02
"""An inferred limit needs five episodes of which three quarters agree within a tenth, and at most a fiftieth of all
that was accepted may lie beyond it."""

ROUND = 0.05

KIND = {
    "throttled_auth": "auth",
    "throttled_connection": "session",
    "throttled_sending": "mail",
    "quota_exceeded": "mail",
}
"""What an allowed attempt of the same kind looks like: stage of its row. Connections are counted by their sessions."""

LIMITS = (*KIND, "too_many_errors")


@dataclass(frozen=True)
class Limit:
    """A limit: so many per so many seconds, how it is known, and from how many episodes."""

    n: int | None = None
    window_s: float | None = None
    method: str | None = None
    n_episodes: int | None = None


def inferred(accepted: pl.DataFrame, refused: pl.DataFrame) -> Limit:
    """Return the limit that explains which attempts of one limiter were refused; none if they do not agree.

    N is the number accepted in the window before the first refusal of an episode, for the shortest window in which
    episodes agree and hardly anything is accepted beyond N; the window is then the shortest time from the N-th accepted before to the first accepted after.
    Exact for fixed and sliding windows, if clients pause or stop now and then. Token buckets and decaying rates seldom agree, and then nothing is said.

    Parameters
    ----------
    accepted
        ``key, time`` of what went through.
    refused
        ``key, first, last`` of episodes.
    """
    episodes = refused.select("key", "first", "last").sort("key", "first").with_row_index("episode")
    known = accepted.select("key", "time").sort("key", "time")
    if episodes.height < LEAST_EPISODES or known.is_empty():
        return Limit(n_episodes=episodes.height)
    known = known.with_columns(pl.int_range(1, pl.len() + 1).over("key").alias("place"))
    # by place: a join of all episodes of a key with all that was accepted could be huge
    episodes = episodes.join(_accepted_by(known, episodes, pl.col("first")), on="episode")
    best: tuple[int, int] | None = None
    for window in WINDOWS_S:
        since = _accepted_by(known, episodes, pl.col("first") - pl.duration(seconds=window))["place"]
        counts = (episodes["place"] - since).rename("n")
        counts = counts.filter(counts > 0)
        if counts.len() < LEAST_EPISODES or counts.len() < 0.75 * episodes.height:
            continue
        low, n, high = (int(counts.quantile(q, "nearest") or 0) for q in (0.25, 0.5, 0.75))
        if n < LEAST_COUNT or high - low > STEADY * n:
            continue
        # a limit is not passed: hardly anything was accepted when so many had been; stamps of whole seconds have ties
        nth_before = pl.col("time") - pl.col("time").shift(n).over("key")
        passed = known.select((nth_before < pl.duration(seconds=window)).fill_null(value=False).mean()).item()
        if passed <= PASSED:
            best = (n, window)
            break
    if best is None:
        return Limit(n_episodes=episodes.height)
    n, window = best
    begun = known.select("key", pl.col("place") + n - 1, pl.col("time").alias("nth"))
    after = known.select("key", "time", pl.col("time").alias("after")).sort("time")
    spans = (
        episodes.join(begun, on=["key", "place"])
        .sort("last")
        .join_asof(
            after, left_on="last", right_on="time", by="key", strategy="forward", allow_exact_matches=False,
            check_sortedness=False,
        )
        .select(((pl.col("after") - pl.col("nth")).dt.total_microseconds() / 1e6).alias("s"))["s"]
        .drop_nulls()
    )  # fmt: skip
    width = spans.quantile(0.05, "nearest") if len(spans) >= LEAST_EPISODES else None
    return Limit(n, _rounded(width if width is not None else float(window)), "inferred", episodes.height)


def _accepted_by(known: pl.DataFrame, episodes: pl.DataFrame, moment: pl.Expr) -> pl.DataFrame:
    """Return for each episode (in their order) how many of its key had been accepted up to a moment, as `place`."""
    asked = episodes.select("episode", "key", moment.alias("moment")).sort("moment")
    found = asked.join_asof(
        known.sort("time"), left_on="moment", right_on="time", by="key", strategy="backward", check_sortedness=False
    )
    return found.select("episode", pl.col("place").fill_null(0)).sort("episode")


def _rounded(width: float) -> float:
    """Return a usual window if one is within 5 %: clients come back a little late."""
    near: Sequence[int] = [w for w in WINDOWS_S if 0 <= width - w <= ROUND * w + 1]
    return float(near[-1]) if near else round(width, 1)


def printed(values: pl.Series, windows: pl.Series, *, at_once: bool) -> Limit:
    """Return the limit that Postfix prints: it counts what it refuses too, so the least count is the limit plus one.

    `at_once`: a limit on parallel connections, which has no window.
    """
    values = values.drop_nulls()
    if values.is_empty():
        return Limit()
    width = windows.drop_nulls()
    window = None if at_once else float(width[0]) if len(width) else 60.0
    return Limit(int(values.min()) - 1, window, "printed", len(values))  # pyright: ignore
