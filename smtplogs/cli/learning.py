"""Commands to learn with: samples, notebooks, and the formats that can be read."""

from __future__ import annotations

import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import polars as pl
from cyclopts import App, Parameter

import smtplogs as sl
from smtplogs._visible import visible
from smtplogs.cli.options import LEARNING, PAGES, Json, Output, app, complain, console, give, ready
from smtplogs.errors import missing_extra
from smtplogs.simulating import SCENARIOS


@app.command(group=LEARNING)
def sample(name: Annotated[str, Parameter(help="A name from `smtplogs samples`, such as postfix/lockout.")], /) -> int:
    """Print the paths of the files of a sample log, one a line."""
    for path in sl.sample(name):
        print(path)
    return 0


@app.command(group=LEARNING)
def unpack(folder: Annotated[Path, Parameter(help="Folder for the copies; created if missing.")], /) -> int:
    """Copy the notebooks and sample logs into a folder to work in."""
    console().print(f"notebooks and samples are in {visible(sl.unpack(folder))}")
    return 0


@app.command(group=LEARNING)
def simulate(
    folder: Annotated[Path, Parameter(help="Folder for the logs and truth.csv; nothing there is overwritten.")],
    /,
    *,
    scenarios: Annotated[
        tuple[str, ...],
        Parameter(consume_multiple=True, help=f"What goes wrong, one or several of: {', '.join(SCENARIOS)}."),
    ] = ("lockout",),
    seed: Annotated[int, Parameter(help="The same seed gives the same logs.")] = 1,
    days: Annotated[int, Parameter(help="Length of the logs, 5 to 60 days.")] = 7,
    users: Annotated[int, Parameter(help="People with an account, 40 to 250.")] = 60,
) -> int:
    """Write logs of a made-up mail site in which something goes wrong, and the truth about it."""
    truth = sl.simulate(folder, scenarios=scenarios, seed=seed, days=days, users=users)
    console().print(f"Postfix and Exim logs, and {truth.height:,} rows of truth, are in {visible(folder)}")
    return 0


@app.command(group=PAGES)
def lab(
    folder: Annotated[Path, Parameter(help="Folder for the copies; created if missing.")] = Path("smtplogs-lab"), /
) -> int:
    """Start JupyterLab on a copy of the notebooks and sample logs."""
    if find_spec("jupyterlab") is None:
        raise missing_extra("JupyterLab", "notebook")
    place = sl.unpack(folder)
    console().print(f"notebooks and samples are in {visible(place)}")
    call = [sys.executable, "-m", "jupyterlab", str(place / "notebooks")]
    code = subprocess.call(call)  # noqa: S603 - our own call
    if code > 0:
        return complain(f"JupyterLab did not start (root needs --allow-root); by hand: {shlex.join(call)}")
    return 0


formats = App(name="formats", group=LEARNING, help="Show every pattern of every format that can be read.")
app.command(formats)


@formats.default
def _formats(*, output: Output = None, json: Json = False) -> int:
    """Show every pattern of every format that can be read."""
    ready(output, json=json)
    return give(sl.formats(), output, "format", "pattern", "role", "sample", json=json)


@formats.command(name="check")
def _check(file: Annotated[Path, Parameter(help="The TOML file.")], /) -> int:
    """Try a declared format on its own samples; say what is wrong, and where."""
    tried = sl.check_format(file)
    bad = tried.filter(~pl.col("passes"))
    for number, problem in bad.select("sample", "problem").iter_rows():
        print(f"smtplogs: {visible(file)}: sample {number}: {visible(problem)}", file=sys.stderr)
    if bad.height:
        return 2
    console().print(f"{visible(file)}: {tried.height} sample(s) pass, {tried['events'].sum()} event(s)", soft_wrap=True)
    return 0
