"""Charts: one file each. A frame in, Axes out; every chart has the frame it draws as a function of its own."""

from smtplogs.charts.cause_bars import cause_counts, plot_causes
from smtplogs.charts.client_ranking import client_counts, plot_clients
from smtplogs.charts.gantt import lockout_bars, plot_lockouts
from smtplogs.charts.timelines import plot_timeline, timeline

__all__ = [
    "cause_counts",
    "client_counts",
    "lockout_bars",
    "plot_causes",
    "plot_clients",
    "plot_lockouts",
    "plot_timeline",
    "timeline",
]
