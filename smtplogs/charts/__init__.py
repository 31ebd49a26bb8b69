"""Charts: one file each. A frame in, Axes out; every chart has the frame it draws as a function of its own."""

from smtplogs.charts.cause_bars import cause_counts, plot_causes
from smtplogs.charts.cause_phases import phase_counts, plot_phases
from smtplogs.charts.client_ranking import client_counts, plot_clients
from smtplogs.charts.exposure_grid import exposure_counts, plot_exposure
from smtplogs.charts.gantt import lockout_bars, plot_lockouts
from smtplogs.charts.heatmap import heat_cells, plot_heatmap
from smtplogs.charts.impact_curve import impact, plot_impact
from smtplogs.charts.intervals import intervals, plot_intervals
from smtplogs.charts.rise_parts import plot_rise, rise_parts
from smtplogs.charts.rotation_view import plot_rotation, rotation_lanes
from smtplogs.charts.spray_steps import plot_spray, spray_steps
from smtplogs.charts.throttle_episode import plot_throttling, throttling_bins
from smtplogs.charts.timelines import plot_timeline, timeline

__all__ = [
    "cause_counts",
    "client_counts",
    "exposure_counts",
    "heat_cells",
    "impact",
    "intervals",
    "lockout_bars",
    "phase_counts",
    "plot_causes",
    "plot_clients",
    "plot_exposure",
    "plot_heatmap",
    "plot_impact",
    "plot_intervals",
    "plot_lockouts",
    "plot_phases",
    "plot_rise",
    "plot_rotation",
    "plot_spray",
    "plot_throttling",
    "plot_timeline",
    "rise_parts",
    "rotation_lanes",
    "spray_steps",
    "throttling_bins",
    "timeline",
]
