"""The date axis of a chart, which names its zone; times as matplotlib's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from matplotlib.dates import DAILY, HOURLY, MINUTELY, MONTHLY, SECONDLY, AutoDateLocator, ConciseDateFormatter

from smtplogs._spans import zone
from smtplogs.charts._style import breadth

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np
    from matplotlib.axes import Axes


TICK_POINTS = 40
"""What a label such as "20 Feb" and the gap beside it take."""


WHOLE = {MONTHLY: 12, DAILY: 31, HOURLY: 24, MINUTELY: 60, SECONDLY: 60}
"""Steps that matplotlib lacks, so that few ticks can span just under three of the next larger unit."""


def days(times: pl.Series) -> np.ndarray:
    """Return times as matplotlib's numbers: days since 1970-01-01 UTC."""
    return times.cast(pl.Datetime("us", "UTC")).dt.timestamp("us").to_numpy() / 86_400_000_000


def day(moment: datetime) -> float:
    """Return one moment as matplotlib's number."""
    return moment.timestamp() / 86_400


def date_axis(ax: Axes, tz: str, *, doubt: str = "") -> None:
    """Make the x axis a clock in the zone, and name the zone on it."""
    local = zone(tz)
    most = max(3, min(9, int(breadth(ax) / TICK_POINTS)))
    locator = AutoDateLocator(tz=local, minticks=min(4, most - 1), maxticks=most)
    for unit, whole in WHOLE.items():
        locator.intervald[unit] = [*locator.intervald[unit], whole]
    formatter = ConciseDateFormatter(
        locator,
        tz=local,
        formats=["%Y", "%b", "%d %b", "%H:%M", "%H:%M", "%S.%f"],
        zero_formats=["", "%Y", "%d %b", "%d %b", "%H:%M", "%H:%M:%S"],
        offset_formats=["", "%Y", "%Y", "%d %b %Y", "%d %b %Y", "%d %b %Y, %H:%M"],
    )
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(formatter)
    ax.xaxis.offsetText.set_visible(True)
    ax.set_xlabel(f"time ({tz}{doubt})")
