"""The command line: the library spelled with dashes, plus `triage`, `notebook`-side helpers and exit codes."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import polars as pl
from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

import smtplogs as sl
from smtplogs import tables
from smtplogs._report.triage import triage_text
from smtplogs._visible import visible
from smtplogs.errors import SmtplogsError

Files = Annotated[list[str], Parameter(consume_multiple=True, help="Logs (files, folders, globs, -) or event tables.")]
Out = Annotated[Path | None, Parameter(name=["--output", "-o"], help="File to write: .parquet, .csv, .ndjson.")]
Tz = Annotated[str | None, Parameter(help="Zone of stamps that name none, and of the times shown (Europe/Warsaw).")]
Year = Annotated[int | None, Parameter(help="Year in which the newest log ends, for stamps without one.")]
Since = Annotated[str | None, Parameter(help="Only events from this moment on.")]
Until = Annotated[str | None, Parameter(help="Only events before this moment.")]
Check = Annotated[bool, Parameter(negative="", help="Exit with 1 if there are findings.")]

app = App(
    name="smtplogs",
    help="Find out why SMTP logins fail: mail logs in, events, findings, charts and a postmortem out.",
    version=sl.__version__,
    help_flags=["--help", "-h"],
)

DETECTORS: tuple[Callable[..., pl.DataFrame], ...] = (sl.lockouts,)
"""Frame functions that become commands with their own parameters as options."""


@app.command
def triage(
    files: Files,
    *,
    tz: Tz = None,
    year: Year = None,
    since: Since = None,
    until: Until = None,
    check: Check = False,
) -> int:
    """Say in plain words what is wrong: what was read, then at most ten findings. Writes nothing.

    Without an option it reads the logs as they are and says what it had to assume.
    """
    events, coverage, _ = _load(files, tz=tz, year=year, since=since, until=until, traffic=False)
    found = sl.findings(events, coverage=coverage)
    _console().print(triage_text(events, coverage, found, tz=tz))
    return _verdict(found, check=check)


@app.command
def read(
    files: Files,
    *,
    output: Out = None,
    tz: Tz = None,
    year: Year = None,
    host: str | None = None,
    format: str = "auto",  # noqa: A002 - the word of the library
    since: Since = None,
    until: Until = None,
) -> int:
    """Read logs into the event table and write it, or show its first rows."""
    events = sl.read(files, tz=tz, year=year, host=host, format=format, since=since, until=until)
    return _give(events, output)


@app.command
def report(
    files: Files,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("postmortem.html"),
    title: str | None = None,
    tz: Tz = None,
    year: Year = None,
    since: Since = None,
    until: Until = None,
    check: Check = False,
) -> int:
    """Write the postmortem: one self-contained page (.html) or text (.md)."""
    events, coverage, traffic = _load(files, tz=tz, year=year, since=since, until=until, traffic=True)
    found = sl.findings(events, coverage=coverage, traffic=traffic)
    path = sl.report(events, output, coverage=coverage, traffic=traffic, findings=found, title=title, tz=tz)
    _console().print(f"wrote {visible(str(path))}")
    return _verdict(found, check=check)


@app.command
def findings(
    files: Files,
    *,
    output: Out = None,
    tz: Tz = None,
    year: Year = None,
    since: Since = None,
    until: Until = None,
    check: Check = False,
) -> int:
    """Run every detector and write or show what they found."""
    events, coverage, traffic = _load(files, tz=tz, year=year, since=since, until=until, traffic=True)
    found = sl.findings(events, coverage=coverage, traffic=traffic)
    _give(found, output, "severity", "kind", "title", "advice", "confidence")
    return _verdict(found, check=check)


@app.command
def coverage(files: Files, *, output: Out = None, tz: Tz = None, year: Year = None) -> int:
    """Show what was read and understood, by file and program."""
    return _give(sl.coverage(files, tz=tz, year=year), output)


@app.command
def explain(
    text: Annotated[str | None, Parameter(help="Log lines or a server's reply; without it: standard input.")] = None,
) -> int:
    """Explain a log line or a reply: which patterns take it, what they make of it, what it means, what to do."""
    table = sl.explain(sys.stdin.read() if text in (None, "-") else str(text))
    _console().print(*tables.explained(table), sep="\n")
    return 0


@app.command
def plot(
    chart: str,
    files: Files,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("chart.png"),
    tz: Tz = None,
    year: Year = None,
    since: Since = None,
    until: Until = None,
) -> int:
    """Draw one chart (timeline, lockouts, causes, clients) into a .png, .svg or .pdf file."""
    names = sorted(n.removeprefix("plot_") for n in sl.__all__ if n.startswith("plot_"))
    if chart not in names:
        raise ValueError(f"no chart named {chart!r}; there are {', '.join(names)}")
    events, seen, traffic = _load(files, tz=tz, year=year, since=since, until=until, traffic=True)
    draw = getattr(sl, f"plot_{chart}")
    given: dict[str, Any] = {"tz": tz or "UTC", "findings": None, "coverage": seen, "traffic": traffic}
    given["findings"] = sl.lockouts(events)
    known = inspect.signature(draw).parameters
    first = given["findings"] if next(iter(known)) == "findings" else events
    axes = draw(first, **{k: v for k, v in given.items() if k in list(known)[1:]})
    axes.figure.savefig(output, bbox_inches="tight", dpi=150)
    _console().print(f"wrote {visible(str(output))}")
    return 0


@app.command
def lab(
    folder: Annotated[Path | None, Parameter(help="Where to put the copies; default: a new folder here.")] = None,
) -> int:
    """Start JupyterLab on a copy of the notebooks and sample logs that come with smtplogs."""
    if find_spec("jupyterlab") is None:
        raise ValueError('JupyterLab is not installed; install it with: pip install "smtplogs[notebook]"')
    place = sl.unpack(folder or Path("smtplogs-lab"))
    _console().print(f"notebooks and samples are in {visible(str(place))}")
    return subprocess.call([sys.executable, "-m", "jupyterlab", str(place / "notebooks")])  # noqa: S603 - our own call


def _table_command(function: Callable[[], pl.DataFrame]) -> None:
    """Make a command of a function without arguments that answers with a frame."""

    def command(*, output: Out = None) -> int:
        return _give(function(), output)

    command.__doc__ = function.__doc__
    app.command(command, name=function.__name__)


def _events_command(function: Callable[..., pl.DataFrame], *shown: str) -> None:
    """Make a command of a frame function: the ways to read logs, then the function's own parameters."""
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    common = [p for p in inspect.signature(_common).parameters.values() if p.name not in {o.name for o in own}]

    def command(files: list[str], **given: Any) -> int:
        ours = {name: given.pop(name, None) for name in ("output", "tz", "year", "since", "until", "check")}
        events, _, _ = _load(
            files, tz=ours["tz"], year=ours["year"], since=ours["since"], until=ours["until"], traffic=False
        )
        frame = function(events, **given)
        _give(frame, ours["output"], *shown)
        return _verdict(frame, check=bool(ours["check"])) if "severity" in frame.columns else 0

    # a detector names the types of its parameters for readers only; the command line needs them for real
    hints = get_type_hints(inspect.unwrap(function), localns={"Sequence": Sequence, "Frame": Any})
    own = [p.replace(annotation=hints[p.name]) for p in own]
    annotations = {p.name: p.annotation for p in (*common, *own)}
    command.__signature__ = inspect.Signature([*common, *own])  # type: ignore[attr-defined]
    command.__annotations__ = annotations
    command.__doc__ = (function.__doc__ or "").split("\n\n")[0]
    app.command(command, name=function.__name__)


def _common(
    files: Files,
    *,
    output: Out = None,
    tz: Tz = None,
    year: Year = None,
    since: Since = None,
    until: Until = None,
    check: Check = False,
) -> None:
    """Parameters that every command on events has."""


for _function in (sl.causes, sl.columns, sl.formats, sl.samples):
    _table_command(_function)
for _function in (sl.summary, sl.sessions):
    _events_command(_function)
for _function in DETECTORS:
    _events_command(_function, "severity", "kind", "title", "advice", "confidence")


def _load(
    files: list[str], *, tz: str | None, year: int | None, since: str | None, until: str | None, traffic: bool
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame | None]:
    """Return the three tables, from logs or from an event table that `read -o` wrote."""
    if files and all(Path(f).suffix == ".parquet" for f in files):
        return sl.load(files, since=since, until=until, tz=tz).collect(), pl.DataFrame(), None
    with tables.progress(files):
        return sl.read(files, tz=tz, year=year, since=since, until=until, full=True)


def _give(frame: pl.DataFrame, output: Path | None, *shown: str) -> int:
    """Write a frame to a file, or show it on the terminal (as CSV where that is no terminal)."""
    if output is None:
        tables.show(frame, _console(), *shown)
    else:
        tables.write(frame, output)
        _console().print(f"wrote {frame.height:,} rows to {visible(str(output))}")
    return 0


def _verdict(found: pl.DataFrame, *, check: bool) -> int:
    """Exit code 1 for findings that are more than information, if asked."""
    serious = found.filter((pl.col("status") == "found") & (pl.col("severity") != "info"))
    return 1 if check and serious.height else 0


def _console() -> Console:
    return Console(highlight=False, soft_wrap=False)


def main(arguments: list[str] | None = None) -> None:
    """Run a command; exit 0 (clean), 1 (findings, with --check) or 2 (a mistake, or nothing readable)."""
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader of a pipe went away (`| head`): no error, but the interpreter must not flush again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except KeyboardInterrupt:
        code = _complain("interrupted")
    except CycloptsError as error:
        code = _complain(str(error).strip() or type(error).__name__)
    except (SmtplogsError, ValueError, OSError, pl.exceptions.PolarsError) as error:
        code = _complain(str(error))
    raise SystemExit(code if isinstance(code, int) else 0)


def _complain(text: str) -> int:
    """Print one clear line on stderr; return 2."""
    print(f"smtplogs: {visible(' '.join(text.split()))}", file=sys.stderr)
    return 2
