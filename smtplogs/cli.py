"""The command line: the library spelled with dashes, plus `triage`, `plot`, `lab` and exit codes."""

from __future__ import annotations

import getpass
import inspect
import io
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import polars as pl
from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError
from rich.console import Console

import smtplogs as sl
from smtplogs import tables
from smtplogs._report.triage import triage_text
from smtplogs._visible import visible
from smtplogs.datasets import is_dataset, moment
from smtplogs.errors import SmtplogsError

Files = Annotated[
    list[str],
    Parameter(
        help="Logs: files, folders, globs, archives, - for standard input; or what `parse` or `read -o` wrote.",
    ),
]
Output = Annotated[
    Path | None, Parameter(name=["--output", "-o"], help="File to write (.parquet, .csv, .ndjson) instead of showing.")
]
Format = Annotated[str, Parameter(help="Name of the one format to read, or auto: all of them.")]
Tz = Annotated[str | None, Parameter(help="Zone of stamps that name none, and of times shown, as in Europe/Warsaw.")]
Year = Annotated[int | None, Parameter(help="Year in which the newest log ends, for stamps without one.")]
Catalogue = Annotated[
    Path | None, Parameter(help="TOML file with your own rows for the reply catalogue; they come first.")
]
Check = Annotated[bool, Parameter(show_default=False, help="Exit with 1 if anything above info is found.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class How:
    """How to read: the options of `smtplogs.read`."""

    format: Format = "auto"
    tz: Tz = None
    year: Year = None
    host: Annotated[str | None, Parameter(help="Name for logs that do not say which host wrote them.")] = None
    since: Annotated[str | None, Parameter(help="Only events from this moment on.")] = None
    until: Annotated[str | None, Parameter(help="Only events before this moment.")] = None
    catalogue: Catalogue = None


HOW = How()

PIPE = "\0"
"""Stands for a lone `-` while cyclopts, which takes that for an option, looks at the arguments."""

app = App(
    name="smtplogs",
    help="Find out why SMTP logins fail: mail logs in, events, findings, charts and a postmortem out.",
    help_epilogue="Exit codes: 0 clean, 1 findings (with --check), 2 a mistake of the caller or nothing readable.",
    help_format="plaintext",
    version=sl.__version__,
    help_flags=["--help", "-h"],
    default_parameter=Parameter(negative=(), show_default=lambda value: tables.words(value) or None),
    suppress_keyboard_interrupt=False,
)

DETECTORS: tuple[Callable[..., pl.DataFrame], ...] = (
    sl.lockouts,
    sl.misconfigured_clients,
    sl.stale_credentials,
    sl.relay_refusals,
    sl.exposure,
    sl.throttling,
    sl.attacks,
    sl.compromises,
    sl.incidents,
)
"""Detectors that become commands with their own parameters as options."""

TOLD = ("severity", "title", "advice", "confidence")
"""Columns of findings shown on a terminal."""


class Tables(NamedTuple):
    """What a log gave; coverage and traffic are None for an event table."""

    events: pl.DataFrame
    coverage: pl.DataFrame | None
    traffic: pl.DataFrame | None


@app.command
def triage(files: Files, /, *, how: How = HOW, check: Check = False) -> int:
    """Say in plain words what is wrong; needs no option, writes nothing.

    First what was read and understood, and what had to be assumed; then at most ten findings, the weightiest first.
    """
    given = _tables(files, how)
    found = sl.findings(given.events, coverage=given.coverage, traffic=given.traffic)
    _console().print(triage_text(given.events, given.coverage, found, tz=how.tz), crop=False)
    return _verdict(found, check=check)


@app.command
def read(files: Files, /, *, output: Output = None, how: How = HOW) -> int:
    """Read logs into the event table; write or show it."""
    _ready(output)
    return _give(_tables(files, how).events, output, "time", "stage", "outcome", "cause", "user", "client_ip")


@app.command
def parse(
    files: Files,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Folder of the dataset; made if needed.")],
    format: Format = "auto",  # noqa: A002
    tz: Tz = None,
    year: Year = None,
    host: Annotated[str | None, Parameter(help="Name for logs that do not say which host wrote them.")] = None,
    catalogue: Catalogue = None,
    by: Annotated[str, Parameter(help="Partition the events by month or by day.")] = "month",
    workers: Annotated[
        int | None, Parameter(help="Pieces of work done at once; without it as many as two cores can do.")
    ] = None,
    cluster: Annotated[str | None, Parameter(help="Dask scheduler, as in tcp://scheduler:8786.")] = None,
    no_hash: Annotated[bool, Parameter(show_default=False, help="Take no SHA-256 of the logs.")] = False,
    strict: Annotated[bool, Parameter(show_default=False, help="Exit with 2 if a log was damaged.")] = False,
) -> int:
    """Read archives of logs into a dataset: resumable, and the same however often and in whatever order."""
    more: dict[str, Any] = {"by": by, "workers": workers, "cluster": cluster, "hash": not no_hash, "strict": strict}
    try:
        told = sl.parse(_named(files), output, format=format, tz=tz, year=year, host=host, catalogue=catalogue, **more)
    except KeyboardInterrupt:
        return _complain("interrupted: what was read is kept, the same command goes on from there")
    read = told.filter(pl.col("status").is_in(["read", "grown"]))
    counts = ", ".join(f"{n:,} {status}" for status, n in told["status"].value_counts(sort=True).iter_rows())
    _console().print(f"{counts}; {read['lines'].sum():,} lines, {read['records'].sum():,} records -> {visible(output)}")
    bad = told.filter(pl.col("error").is_not_null())
    if bad.height:
        tables.show(bad, _console(), "source", "status", "error")
    return 0


@app.command
def verify(
    dataset: Annotated[Path, Parameter(help="Folder that `parse` wrote.")], /, *, output: Output = None
) -> int:  # fmt: skip
    """Check a dataset against its manifest and its logs; exit with 1 if anything is not as it was."""
    _ready(output)
    seen = sl.verify(dataset)
    bad = seen.filter(~pl.col("status").is_in(["ok", "grown", "not checked"]))
    if output is not None:
        tables.write(seen, output)
    _console().print(", ".join(f"{n:,} {s}" for s, n in seen["status"].value_counts(sort=True).iter_rows()))
    if bad.height:
        tables.show(bad, _console(), "source", "check", "status", "message")
    return 1 if bad.height else 0


@app.command
def watch(
    files: Annotated[list[str], Parameter(help="Live logs by their names; rotation is followed.")],
    /,
    *,
    format: Format = "auto",  # noqa: A002
    tz: Tz = None,
    year: Year = None,
    host: Annotated[str | None, Parameter(help="Name for logs that do not say which host wrote them.")] = None,
    catalogue: Catalogue = None,
    state: Annotated[
        Path | None, Parameter(help="Folder that keeps the state, so that a restart tells nothing twice.")
    ] = None,
    keep: Annotated[str, Parameter(help="How much of the past findings are sought in, as in 2d or 12h.")] = "2d",
    every: Annotated[float, Parameter(help="Seconds between two looks at the logs.")] = 2.0,
    old: Annotated[bool, Parameter(show_default=False, help="Also tell what the logs hold at the start.")] = False,
    once: Annotated[bool, Parameter(show_default=False, help="Look once and end, as for cron.")] = False,
) -> int:
    """Follow live logs and print new findings as they arise; Ctrl-C ends it."""
    more: dict[str, Any] = {"state": state, "keep": keep, "every": every, "old": old, "once": once}
    try:
        for found in sl.watch(files, format=format, tz=tz, year=year, host=host, catalogue=catalogue, **more):
            for row in found.iter_rows(named=True):
                text = f"{row['severity']}: {row['title']}"
                _console().print(visible(f"{text} {row['advice']}" if row["advice"] else text), soft_wrap=True)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 0
    return 0


@app.command
def probe(
    host: Annotated[str, Parameter(help="HOST, HOST:PORT or [IPV6]:PORT; without a port 25, 465 and 587 in turn.")],
    /,
    *,
    ports: Annotated[list[int] | None, Parameter(help="Ports to ask instead.")] = None,
    user: Annotated[str | None, Parameter(help="Try ONE login, which counts towards lockouts; asks for the secret.")] = None,
    password_env: Annotated[str | None, Parameter(help="Environment variable that holds the password.")] = None,
    token_env: Annotated[str | None, Parameter(help="Environment variable that holds an OAuth token.")] = None,
    mechanism: Annotated[str | None, Parameter(help="PLAIN, LOGIN, CRAM-MD5, XOAUTH2 or OAUTHBEARER.")] = None,
    mode: Annotated[str, Parameter(help="wrapper (TLS from the first byte), starttls, or auto: wrapper on 465.")] = "auto",
    ip: Annotated[int | None, Parameter(help="4 or 6: use only such addresses.")] = None,
    timeout: Annotated[float, Parameter(help="Seconds for each step.")] = 10.0,
    cafile: Annotated[Path | None, Parameter(help="PEM file of issuers to trust.")] = None,
    insecure: Annotated[bool, Parameter(show_default=False, help="Send the secret even if the way is not safe.")] = False,
    quick: Annotated[bool, Parameter(show_default=False, help="Do not try old versions of TLS.")] = False,
    json: Annotated[bool, Parameter(show_default=False, help="Print everything as JSON.")] = False,
    transcript: Annotated[Path | None, Parameter(help="File for the transcript, which `read` takes (.txt, .log).")] = None,
) -> int:  # fmt: skip
    """Ask a live server what it offers; exit with 0 (offered and fine), 1 (a problem), 2 (no connection).

    The one command that opens a network connection, to that server alone. Sends no mail.
    """
    if transcript is not None:
        tables.ready(transcript, ".txt", ".log")
    oauth = token_env is not None or (mechanism or "").upper() in ("XOAUTH2", "OAUTHBEARER")
    secret = None
    if user is not None:
        print("smtplogs: one login will be tried; it counts towards lockouts", file=sys.stderr)
        secret = _secret(token_env if token_env is not None else password_env, "token" if oauth else "password")
    elif password_env or token_env:
        raise ValueError("a secret needs --user")
    told = sl.probe(
        host, ports=ports, user=user, password=None if oauth else secret, token=secret if oauth else None,
        mechanism=mechanism, mode=mode, ip=ip, timeout=timeout, cafile=cafile, insecure=insecure, versions=not quick,
    )  # fmt: skip
    if transcript is not None:
        with tables.whole(transcript) as file:
            file.write(told.transcript.encode())
    if json:
        print(told.to_json())
    else:
        _console().print(told.text(), crop=False, soft_wrap=True)
    return told.exit_code


def _secret(variable: str | None, kind: str) -> str:
    """Return a secret from the environment, else from the terminal; never from the command line."""
    if variable is None:
        return getpass.getpass(f"{kind}: ")
    if not os.environ.get(variable):
        raise ValueError(f"the environment has no variable {variable}, or it is empty")
    return os.environ[variable]


@app.command(name="compare-probe")
def compare_probe(
    files: Files,
    /,
    *,
    probe: Annotated[Path, Parameter(help="What `smtplogs probe --json` printed.")],
    output: Output = None,
    how: How = HOW,
) -> int:
    """Show the clients in a log that can never succeed with what a server offers."""
    _ready(output)
    from smtplogs.probing import ports_of

    ports = ports_of(probe.read_text("utf-8"))
    found = sl.compare_probe(_tables(files, how).events, ports)
    return _give(found, output, "client_ip", "user", "cause", "tries", "offered", "n_events", "fix")


@app.command
def report(
    files: Files,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="File to write: .html or .md.")] = Path(
        "postmortem.html"
    ),
    title: Annotated[str | None, Parameter(help="Headline; without it the weightiest finding.")] = None,
    how: How = HOW,
    check: Check = False,
) -> int:
    """Write the postmortem: one page (.html) or text (.md)."""
    tables.ready(output, ".html", ".htm", ".md")
    given = _tables(files, how)
    found = sl.findings(given.events, coverage=given.coverage, traffic=given.traffic)
    more = {"coverage": given.coverage, "traffic": given.traffic, "findings": found}
    path = sl.report(given.events, output, **more, title=title, tz=how.tz)
    _console().print(f"wrote {visible(path)}")
    return _verdict(found, check=check)


@app.command
def findings(files: Files, /, *, output: Output = None, how: How = HOW, check: Check = False) -> int:
    """Run every detector; write or show what they found."""
    _ready(output)
    given = _tables(files, how)
    found = sl.findings(given.events, coverage=given.coverage, traffic=given.traffic)
    _give(found, output, *TOLD)
    return _verdict(found, check=check)


@app.command
def evidence(files: Files, /, *, output: Output = None, how: How = HOW) -> int:
    """Show the log lines behind the findings."""
    _ready(output)
    given = _tables(files, how)
    found = sl.findings(given.events, coverage=given.coverage, traffic=given.traffic)
    return _give(sl.evidence(found, given.events), output, "finding_id", "source", "line_no", "raw")


@app.command
def coverage(
    files: Files, /, *, output: Output = None, format: Format = "auto", tz: Tz = None, year: Year = None  # noqa: A002
) -> int:  # fmt: skip
    """Show what was read and understood, by file and program."""
    _ready(output)
    seen = sl.coverage(_named(files), format=format, tz=tz, year=year)
    return _give(seen, output, *tables.COVERAGE_SHOWN)


@app.command
def explain(
    text: Annotated[
        str | None,
        Parameter(help="Log lines, a server's reply or a traceback; - or nothing: standard input."),
    ] = None,
    /,
    *,
    stage: Annotated[str | None, Parameter(help="SMTP step of a reply: connect, tls, helo, auth, mail, rcpt, data, session.")] = None,
    side: Annotated[str | None, Parameter(help="Who speaks in a reason: server or client.")] = None,
    catalogue: Catalogue = None,
) -> int:  # fmt: skip
    """Explain a log line, a reply or a traceback: what it means, how sure, what to do."""
    given = _piped() if text in (None, PIPE) else os.fsencode(text or "").decode("utf-8", "replace")
    table = sl.explain(given, stage=stage, side=side, catalogue=catalogue)
    if table.is_empty():
        raise ValueError("nothing to explain: the text is empty")
    console = _console()
    for block in tables.explained(table):
        console.print(block)
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

Mark = Annotated[str | None, Parameter(help="Moment to mark on the curve of impact.")]


@app.command
def plot(
    chart: Annotated[str, Parameter(help="Name of the chart, as in timeline.")],
    files: Files,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="File to write (.png, .svg, .pdf); without it CHART.png.")] = None,
    every: Annotated[str | None, Parameter(help="Bin size, as in 5m or 1h.")] = None,
    by: Annotated[str | None, Parameter(help="Column by which the chart is parted.")] = None,
    limit: Annotated[int | None, Parameter(help="Most rows to draw.")] = None,
    stage: Annotated[str | None, Parameter(help="SMTP step that counts; without it auth.")] = None,
    user: Annotated[str | None, Parameter(help="Account whose intervals are drawn.")] = None,
    client_ip: Annotated[str | None, Parameter(help="Address whose intervals are drawn.")] = None,
    client_ips: Annotated[list[str] | None, Parameter(help="Addresses whose steps are drawn.")] = None,
    around: Annotated[str | None, Parameter(help="How much to show around a throttling, as in 1h.")] = None,
    detected: Mark = None,
    mitigated: Mark = None,
    recovered: Mark = None,
    how: How = HOW,
) -> int:  # fmt: skip
    """Draw a chart into a file.

    Of the log: timeline, heatmap, causes, clients, intervals, exposure. Of the first finding that fits: lockouts,
    throttling, phases, impact, rise, rotation, spray.
    """
    charts = sorted(name.removeprefix("plot_") for name in sl.__all__ if name.startswith("plot_"))
    if chart not in charts:
        raise ValueError(f"no chart named {chart!r}; there are {', '.join(charts)}")
    output = output or Path(f"{chart}.png")
    tables.ready(output, ".png", ".svg", ".pdf")
    draw = getattr(sl, f"plot_{chart}")
    known = list(inspect.signature(draw).parameters)
    marks = {"detected": detected, "mitigated": mitigated, "recovered": recovered}
    asked = {"every": every, "by": by, "limit": limit, "stage": stage, "user": user, "client_ip": client_ip}
    asked |= {"client_ips": client_ips, "around": around}
    asked |= {name: moment(text, tz=how.tz) for name, text in marks.items()}
    asked = {name: value for name, value in asked.items() if value is not None}
    if strange := [f"--{name.replace('_', '-')}" for name in asked if name not in known]:
        raise ValueError(f"the chart {chart!r} has no option {', '.join(strange)}")
    given = _tables(files, how)
    found = OF_A_FINDING.get(chart, sl.lockouts)(given.events)
    more = {"tz": how.tz or "UTC", "findings": found, "coverage": given.coverage, "traffic": given.traffic}
    first = [found] if known[0] == "findings" else [given.events, found] if "finding" in known else [given.events]
    axes = draw(*first, **asked, **{name: value for name, value in more.items() if name in known[1:]})
    picture = io.BytesIO()
    axes.figure.savefig(picture, format=output.suffix[1:].lower(), bbox_inches="tight", dpi=150)
    with tables.whole(output) as file:
        file.write(picture.getvalue())
    _console().print(f"wrote {visible(output)}")
    return 0


@app.command
def sample(name: Annotated[str, Parameter(help="As `smtplogs samples` lists them, as in postfix/lockout.")], /) -> int:
    """Print the files of a sample log, a line each."""
    for path in sl.sample(name):
        print(path)
    return 0


@app.command
def unpack(folder: Annotated[Path, Parameter(help="Folder for the copies; made if needed.")], /) -> int:
    """Copy the notebooks and sample logs into a folder to work in."""
    _console().print(f"notebooks and samples are in {visible(sl.unpack(folder))}")
    return 0


@app.command
def lab(
    folder: Annotated[Path, Parameter(help="Folder for the copies; made if needed.")] = Path("smtplogs-lab"), /
) -> int:
    """Start JupyterLab on a copy of the notebooks and sample logs."""
    if find_spec("jupyterlab") is None:
        raise ValueError('JupyterLab is not installed; install it with: pip install "smtplogs[notebook]"')
    place = sl.unpack(folder)
    _console().print(f"notebooks and samples are in {visible(place)}")
    return subprocess.call([sys.executable, "-m", "jupyterlab", str(place / "notebooks")])  # noqa: S603 - our own call


def _table_command(function: Callable[[], pl.DataFrame], *shown: str) -> None:
    """Make a command of a function without arguments that answers with a frame."""

    def command(*, output: Output = None) -> int:
        _ready(output)
        return _give(function(), output, *shown)

    command.__doc__ = _documented(function)[0].partition(":")[0].rstrip(".").replace("Return ", "Show ", 1) + "."
    app.command(command, name=function.__name__)


def _events_command(function: Callable[..., pl.DataFrame], *shown: str) -> None:
    """Make a command of a frame function: how to read logs, then the function's own parameters."""
    judges = function in DETECTORS
    wanted = [name for name in TABLES if name in inspect.signature(function).parameters]

    def command(
        files: Files, /, *, output: Output = None, how: How = HOW, check: Check = False, **given: Any
    ) -> int:  # fmt: skip
        _ready(output)
        read_from = _tables(files, how)
        tables_wanted = {name: getattr(read_from, name) for name in wanted}
        frame = function(read_from.events, **tables_wanted, **given)
        _give(frame, output, *shown)
        return _verdict(frame, check=check) if judges else 0

    about, told = _documented(function)
    own = [
        p.replace(annotation=Annotated[OPTION_TYPES[p.annotation], Parameter(help=told.get(p.name))])
        for p in inspect.signature(function).parameters.values()
        if p.kind is p.KEYWORD_ONLY and p.name not in TABLES
    ]
    common = [
        p.replace(annotation={"files": Files, "output": Output, "how": How, "check": Check}[name])
        for name, p in inspect.signature(command).parameters.items()
        if name != "given" and (judges or name != "check")
    ]
    signature = inspect.Signature([*common, *own])
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()}
    command.__doc__ = about
    app.command(command, name=function.__name__.replace("_", "-"))


OPTION_TYPES: dict[str, Any] = {
    "int": int, "float": float, "str": str, "bool": bool, "str | None": str | None, "Sequence[str]": Sequence[str],
}  # fmt: skip
"""What a parameter's annotation means on the command line."""

TABLES = ("coverage", "traffic")
"""Parameters that the command fills with what it read."""


def _documented(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """Return the first paragraph of a numpydoc text, and what it says about each parameter."""
    text = inspect.getdoc(function) or ""
    about = text.partition("\n\n")[0].replace("\n", " ")
    body = text.partition("\nParameters\n----------\n")[2].partition("\n\n")[0]
    told: dict[str, str] = {}
    names: list[str] = []
    for line in body.splitlines():
        if not line.startswith(" "):
            names = line.split(", ")
            continue
        for name in names:
            told[name] = f"{told.get(name, '')} {line.strip().replace('`', '')}".strip()
    return about, told


for _function, *_shown in (
    (sl.causes, "cause", "outcome", "meaning", "first_check", "fix"),
    (sl.columns, "table", "column", "meaning"),
    (sl.samples, "name", "about", "bytes"),
):
    _table_command(_function, *_shown)
formats = App(name="formats", help="Show every pattern of every format that can be read.")
app.command(formats)


@formats.default
def _formats(*, output: Output = None) -> int:
    """Show every pattern of every format that can be read."""
    _ready(output)
    return _give(sl.formats(), output, "format", "pattern", "role", "sample")


@formats.command(name="check")
def _check(file: Annotated[Path, Parameter(help="The TOML file.")], /) -> int:
    """Try a declared format on its own samples; say what is wrong, and where."""
    tried = sl.check_format(file)
    bad = tried.filter(~pl.col("passes"))
    for number, problem in bad.select("sample", "problem").iter_rows():
        print(f"smtplogs: {visible(file)}: sample {number}: {visible(problem)}", file=sys.stderr)
    if bad.height:
        return 2
    _console().print(
        f"{visible(file)}: {tried.height} sample(s) pass, {tried['events'].sum()} event(s)", soft_wrap=True
    )
    return 0


_events_command(sl.summary, "stage", "outcome", "cause", "n", "n_users", "n_client_ips", "last")
_events_command(sl.sessions, "start", "client_ip", "tls", "users", "n_attempts", "n_failure", "causes", "result")
_events_command(sl.client_hints, "client_ip", "likely", "sort", "confidence", "seen", "users")
_events_command(sl.to_ecs, "@timestamp", "event.action", "event.outcome", "event.reason", "user.name", "source.ip")
_events_command(sl.geo, "time", "outcome", "user", "client_ip", "address_kind", "network", "country", "as_org")
for _function in DETECTORS:
    _events_command(_function, *TOLD)


def _tables(files: list[str], how: How) -> Tables:
    """Return the three tables of logs, or the events that `read -o` wrote."""
    files = _named(files)
    with tables.progress(files):
        when: dict[str, Any] = {"since": how.since, "until": how.until, "tz": how.tz}
        if all(Path(f).suffix == ".parquet" for f in files):
            return Tables(sl.load(files, **when).collect(), None, None)
        if all(map(is_dataset, files)):
            events = sl.load(files, **when).collect().sort("time", "source", "line_no", nulls_last=True)
            return Tables(events, sl.coverage(files), sl.load(files, **when, table="traffic").collect())
        return Tables(*sl.read(files, **asdict(how), full=True))


def _named(files: list[str]) -> list[str]:
    """Return the files as the library names them."""
    return ["-" if name == PIPE else name for name in files]


def _ready(output: Path | None) -> None:
    """Complain of an output that cannot be written before the logs are read."""
    if output is not None:
        tables.ready(output, *tables.ENDINGS)


def _give(frame: pl.DataFrame, output: Path | None, *shown: str) -> int:
    """Write a frame to a file, or show it on the terminal (as CSV where that is no terminal)."""
    if output is None:
        tables.show(frame, _console(), *shown)
    else:
        tables.write(frame, output)
        _console().print(f"wrote {frame.height:,} rows to {visible(output)}")
    return 0


def _piped() -> str:
    """Return what stands on standard input, as far as `explain` looks at it."""
    if sys.stdin.isatty():
        print("paste log lines or a reply, then press Ctrl-D", file=sys.stderr)
    return sys.stdin.buffer.read().decode("utf-8", "replace")


def _verdict(found: pl.DataFrame, *, check: bool) -> int:
    """Exit code 1 for findings that are more than information, if asked."""
    serious = found.filter((pl.col("status") == "found") & (pl.col("severity") != "info"))
    return 1 if check and serious.height else 0


class _Terminal(Console):
    """A console that takes text as it is, and leaves a broken pipe to `main`."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def _console() -> Console:
    return _Terminal(highlight=False, markup=False, emoji=False)


def main(arguments: list[str] | None = None) -> None:
    """Run a command; exit 0 (clean), 1 (findings, with --check) or 2 (a mistake, or nothing readable)."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that lacks a character is no mistake
    if hasattr(signal, "siginterrupt"):
        signal.siginterrupt(signal.SIGINT, True)  # the handler of Polars lets a read of a silent pipe go on
    try:
        given = sys.argv[1:] if arguments is None else arguments
        code = app(
            [PIPE if word == "-" else word for word in given],
            console=_console(),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
        sys.stdout.flush()
    except BrokenPipeError:
        code = 0  # the reader of a pipe went away (`| head`)
    except KeyboardInterrupt:
        code = _complain("interrupted")
    except UnusedCliTokensError as error:
        code = _complain(f"too much on the line: {' '.join(error.unused_tokens or [])}; name all files in one place")
    except CycloptsError as error:
        code = _complain(str(error).strip() or type(error).__name__)
    except pl.exceptions.PolarsError as error:
        code = _complain(str(error).partition("\n")[0])
    except OSError as error:
        code = _complain(
            f"{visible(error.filename)}: {error.strerror}" if error.filename else error.strerror or str(error)
        )
    except (SmtplogsError, ValueError) as error:
        code = _complain(str(error))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        code = _complain(f"a bug in smtplogs: {error!r} at {place.filename}:{place.lineno}; please report it")
    try:
        sys.stdout.flush()
    except OSError:
        # what is left cannot be written, and the interpreter must not try again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(code if isinstance(code, int) else 0)


def _complain(text: str) -> int:
    """Print one clear line on stderr; return 2."""
    print(f"smtplogs: {visible(' '.join(text.split()))}", file=sys.stderr)
    return 2
