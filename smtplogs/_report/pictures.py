"""Charts as pictures inside the page: SVG in a data URI, drawn without pyplot, the same bytes for the same numbers."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import matplotlib as mpl
import polars as pl
from matplotlib.figure import Figure

from smtplogs.charts import (
    cause_counts,
    client_counts,
    impact,
    lockout_bars,
    plot_causes,
    plot_clients,
    plot_impact,
    plot_lockouts,
    plot_rotation,
    rotation_lanes,
)
from smtplogs.charts import plot_timeline as draw_timeline
from smtplogs.charts._ranked import height as ranked_height
from smtplogs.charts._style import RC
from smtplogs.charts.gantt import height as gantt_height
from smtplogs.charts.rotation_view import height as rotation_height

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

WIDTH = 9.0
MOST_LOCKOUTS = 25
MOST_CAUSES = 12
MOST_CLIENTS = 15
MOST_LANES = 12
INCIDENTS = ("outage", "partial_fault", "policy_change")
ROTATIONS = ("rotation", "stale_credential")


@dataclass(frozen=True)
class Picture:
    """A chart for the page: the data URI, and what it shows for those who cannot see it."""

    uri: str
    says: str


def pictures(
    events: pl.DataFrame,
    findings: pl.DataFrame,
    *,
    coverage: pl.DataFrame | None,
    traffic: pl.DataFrame | None,
    tz: str,
) -> dict[str, Picture]:
    """Return the charts that have something to show, by name."""
    drawn: dict[str, Picture] = {}
    if events["time"].count() or events.is_empty():  # of attempts without a clock there is no line of time
        drawn["timeline"] = _draw(
            lambda ax: draw_timeline(events, findings=findings, coverage=coverage, traffic=traffic, tz=tz, ax=ax),
            3.2,
            "Attempts to log in over time, stacked by outcome; the findings are numbered.",
        )
    near = close_up(events, findings)
    if near is not None:
        part, says = near
        drawn["close_up"] = _draw(lambda ax: draw_timeline(part, findings=findings.head(1), tz=tz, ax=ax), 2.4, says)
    rows = lockout_bars(findings).height
    if rows:
        drawn["lockouts"] = _draw(
            lambda ax: plot_lockouts(findings, limit=MOST_LOCKOUTS, tz=tz, ax=ax),
            gantt_height(min(rows, MOST_LOCKOUTS)),
            "Lockouts and runs of failures as bars over time, hatched where begin or end is uncertain.",
        )
    lead = str(findings["kind"][0]) if findings.height else ""
    if lead in INCIDENTS and impact(events, findings.head(1)).height:
        drawn["lead"] = _draw(
            lambda ax: plot_impact(events, findings.head(1), tz=tz, ax=ax),
            2.6,
            "Finding 1: attempts not accepted and named accounts hit, summed up from its start on.",
        )
    elif lead in ROTATIONS and (lanes := rotation_lanes(events, findings.head(1)).height):
        drawn["lead"] = _draw(
            lambda ax: plot_rotation(events, findings.head(1), limit=MOST_LANES, tz=tz, ax=ax),
            rotation_height(min(lanes, MOST_LANES)),
            "Finding 1: what each client of the account did before and after its password was changed.",
        )
    causes = cause_counts(events)["cause"].n_unique()
    if causes:
        drawn["causes"] = _draw(
            lambda ax: plot_causes(events, limit=MOST_CAUSES, ax=ax),
            ranked_height(min(causes, MOST_CAUSES + 1)),
            "Number of attempts not accepted, per cause.",
        )
    clients = client_counts(events, limit=MOST_CLIENTS).height
    if clients:
        drawn["clients"] = _draw(
            lambda ax: plot_clients(events, limit=MOST_CLIENTS, ax=ax),
            ranked_height(clients),
            "The clients with the most attempts not accepted.",
        )
    return drawn


def close_up(events: pl.DataFrame, findings: pl.DataFrame) -> tuple[pl.DataFrame, str] | None:
    """Return the events around the weightiest finding, of its account if it is about one, and what they are.

    None if there is no finding, or if it lasts so long that the whole timeline shows it well enough.
    """
    first, last = events["time"].min(), events["time"].max()
    if findings.is_empty() or first is None or last is None:
        return None
    top = findings.row(0, named=True)
    start, end = top["onset_after"] or top["start"], top["end_before"] or top["end"] or top["end_after"]
    if start is None or end is None:
        return None
    around = max(end - start, timedelta(minutes=20))
    if 3 * around > (last - first) / 4:  # pyright: ignore[reportOperatorIssue]
        return None
    part = events.filter(pl.col("time").is_between(start - around, end + around))
    whose = top["user"] if top["subject_kind"] == "user" and "user" in events.columns else None
    if whose is not None:
        part = part.filter(pl.col("user") == whose)
    attempts = f"attempts of {whose}" if whose is not None else "all attempts"
    return (part, f"Finding 1 close up: {attempts} in the time around it.") if part.height else None


def _draw(draw: Callable[[Axes], Axes], inches: float, says: str) -> Picture:
    """Draw a chart on a figure of its own; the same numbers give the same bytes."""
    with mpl.rc_context(RC | {"svg.hashsalt": "smtplogs"}):
        figure = Figure(figsize=(WIDTH, inches))
        draw(figure.add_subplot())
        page = io.BytesIO()
        figure.savefig(
            page, format="svg", bbox_inches="tight", pad_inches=0.05, metadata={"Date": None, "Creator": None}
        )
    return Picture("data:image/svg+xml;base64," + base64.b64encode(page.getvalue()).decode(), says)
