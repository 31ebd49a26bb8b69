"""Commands that draw and write for people: charts and the postmortem."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
from cyclopts import Parameter

import smtplogs as sl
from smtplogs import tables
from smtplogs._visible import visible
from smtplogs.cli.helping import flowing
from smtplogs.cli.options import HOW, PAGES, Check, Files, How, app, console, named, tables_of, verdict
from smtplogs.datasets import moment

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@app.command(group=PAGES)
def report(
    files: Files,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="File to write (.html or .md).")] = Path(
        "postmortem.html"
    ),
    title: Annotated[str | None, Parameter(help="Headline; by default the most important finding.")] = None,
    share_safe: Annotated[
        bool,
        Parameter(
            show_default=False, help="Make it safe to hand on: pseudonyms for all names and addresses, no log lines."
        ),
    ] = False,
    how: How = HOW,
    check: Check = False,
) -> int:
    """Write the postmortem, as one page (.html) or as text (.md)."""
    tables.ready(output, ".html", ".htm", ".md")
    given = tables_of(files, how)
    found = sl.findings(given.events, coverage=given.coverage, traffic=given.traffic)
    more = {"coverage": given.coverage, "traffic": given.traffic, "findings": None if share_safe else found}
    more["inputs"] = None if share_safe else given.inputs
    path = sl.report(given.events, output, **more, title=title, tz=how.tz, share_safe=share_safe)
    console().print(f"wrote {visible(path)}")
    return verdict(found, check=check)


@app.command(group=PAGES)
def notebook(
    files: Files,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Notebook to write (.ipynb).")] = Path(
        "case.ipynb"
    ),
    how: How = HOW,
    run: Annotated[bool, Parameter(show_default=False, help="Run it as well; needs the extra `notebook`.")] = False,
) -> int:
    """Write a triage notebook for these logs, ready to run."""
    tables.ready(output, ".ipynb")
    path = sl.notebook(named(files), output, **asdict(how), run=run)
    console().print(f"wrote {visible(path)}; open it with: jupyter lab {visible(path)}", soft_wrap=True)
    return 0


OF_A_FINDING: dict[str, Callable[..., pl.DataFrame]] = {
    "throttling": sl.throttling,
    "phases": sl.incidents,
    "impact": sl.incidents,
    "rise": sl.incidents,
    "rotation": sl.stale_credentials,
    "spray": sl.attacks,
}
"""Charts of the first fitting finding, and the detector that finds it."""

Mark = Annotated[str | None, Parameter(help="Moment to mark on the impact curve.")]


@app.command(group=PAGES)
@flowing
def plot(
    chart: Annotated[str, Parameter(help="Name of the chart, such as timeline.")],
    files: Files,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="File to write (.png, .svg, .pdf); by default CHART.png.")] = None,
    every: Annotated[str | None, Parameter(help="Width of a bin, such as 5m or 1h.")] = None,
    by: Annotated[str | None, Parameter(help="Column that splits the chart into colours or rows.")] = None,
    limit: Annotated[int | None, Parameter(help="Number of rows to draw at most.")] = None,
    stage: Annotated[str | None, Parameter(help="SMTP step to draw; by default auth.")] = None,
    user: Annotated[str | None, Parameter(help="Account whose intervals are drawn.")] = None,
    client_ip: Annotated[str | None, Parameter(help="Address whose intervals are drawn.")] = None,
    client_ips: Annotated[list[str] | None, Parameter(help="Addresses whose steps are drawn.")] = None,
    around: Annotated[str | None, Parameter(help="How much time to show around the throttling, such as 1h.")] = None,
    detected: Mark = None,
    mitigated: Mark = None,
    recovered: Mark = None,
    how: How = HOW,
) -> int:  # fmt: skip
    """Draw a chart into a file.

    Charts of the whole log: timeline, heatmap, causes, clients, intervals, exposure. Charts of the first finding that
    fits: lockouts, throttling, phases, impact, rise, rotation, spray.
    """
    charts = sorted(name.removeprefix("plot_") for name in sl.__all__ if name.startswith("plot_"))
    if chart not in charts:
        raise ValueError(f"no chart named {chart!r}; there are {', '.join(charts)}")
    output = output or Path(f"{chart}.png")
    tables.ready(output, ".png", ".svg", ".pdf")
    asked = {"every": every, "by": by, "limit": limit, "stage": stage, "user": user, "client_ip": client_ip}
    asked |= {"client_ips": client_ips, "around": around}
    marks = {"detected": detected, "mitigated": mitigated, "recovered": recovered}
    asked |= {name: moment(text, tz=how.tz) for name, text in marks.items()}
    axes = _drawn(chart, {name: value for name, value in asked.items() if value is not None}, files, how)
    with tables.whole(output) as file:
        file.write(_picture(axes, output.suffix[1:].lower()))
    empty = "" if axes.has_data() or not axes.texts else f"; it is empty: {axes.texts[0].get_text()}"
    axes.figure.clear()  # pyplot keeps it: the next chart of this process would be drawn into it
    console().print(f"wrote {visible(output)}{empty}")
    return 0


def _drawn(chart: str, asked: dict[str, Any], files: list[str], how: How) -> Axes:
    """Draw a chart: with the events or findings that it takes first, and those of the other tables that it knows."""
    draw = getattr(sl, f"plot_{chart}")
    takes = list(inspect.signature(draw).parameters)
    if strange := [f"--{name.replace('_', '-')}" for name in asked if name not in takes]:
        raise ValueError(f"the chart {chart!r} has no option {', '.join(strange)}")
    given = tables_of(files, how)
    found = OF_A_FINDING.get(chart, sl.lockouts)(given.events)
    first = [found] if takes[0] == "findings" else [given.events, found] if "finding" in takes else [given.events]
    more = {"tz": how.tz or "UTC", "findings": found, "coverage": given.coverage, "traffic": given.traffic}
    return draw(*first, **asked, **{name: value for name, value in more.items() if name in takes[1:]})


def _picture(axes: Axes, kind: str) -> bytes:
    """Return the figure as a file of that kind."""
    picture = io.BytesIO()
    axes.figure.savefig(picture, format=kind, bbox_inches="tight", dpi=150)  # pyright: ignore[reportAttributeAccessIssue]
    return picture.getvalue()
