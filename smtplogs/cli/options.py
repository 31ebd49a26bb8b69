"""Options that many commands share, what logs gave, and how a command answers."""

from __future__ import annotations

import atexit
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import polars as pl
from cyclopts import App, Group, Parameter
from rich.console import Console

import smtplogs as sl
from smtplogs import sources, tables
from smtplogs._granted import available
from smtplogs._visible import visible
from smtplogs.cli.helping import a_line_each, in_one_line
from smtplogs.datasets import is_dataset
from smtplogs.making import SHRINK, weight

Files = Annotated[
    list[str],
    Parameter(
        help="Logs: files, folders, globs, archives, or - for standard input; or what `parse` or `read -o` wrote.",
    ),
]
Output = Annotated[
    Path | None, Parameter(name=["--output", "-o"], help="File to write (.parquet, .csv, .ndjson) instead of showing.")
]
Json = Annotated[bool, Parameter(show_default=False, help="Print one JSON document, for machines.")]
READING = Group("How to read the logs", sort_key=1)


def _of_reading(text: str) -> Parameter:
    """Return an option that says how logs are read: listed behind those of the command itself."""
    return Parameter(help=text, group=READING)


Format = Annotated[str, _of_reading("Read this format only, one of `smtplogs formats`; auto tries all of them.")]
Tz = Annotated[
    str | None, _of_reading("Time zone of stamps that name none and of the times shown, such as Europe/Warsaw.")
]
Year = Annotated[int | None, _of_reading("Year in which the newest log ends, if its stamps have no year.")]
Host = Annotated[str | None, _of_reading("Host name for logs that do not say which host wrote them.")]
Catalogue = Annotated[
    Path | None, _of_reading("TOML file with reply catalogue rows of your own; they are tried first.")
]
Check = Annotated[bool, Parameter(show_default=False, help="Exit with 1 if anything more severe than info is found.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class How:
    """How to read: the options of `smtplogs.read`."""

    format: Format = "auto"
    tz: Tz = None
    year: Year = None
    host: Host = None
    since: Annotated[
        str | None, _of_reading("Only events from this moment on, such as 2026-06-01 or 2026-06-01T14:30.")
    ] = None
    until: Annotated[str | None, _of_reading("Only events before this moment.")] = None
    catalogue: Catalogue = None


HOW = How()

PIPE = "\0"
"""Stands for a lone `-` while cyclopts, which takes that for an option, looks at the arguments."""

TOLD = ("severity", "title", "advice", "confidence")
"""Columns of findings shown on a terminal."""

ANSWERS = Group("What is wrong", sort_key=1, help_formatter=a_line_each)
LOGS = Group("Read logs", sort_key=2, help_formatter=a_line_each)
SEEKING = Group("Look for one thing", sort_key=3, help_formatter=a_line_each)
EVENTS = Group("Look at the events", sort_key=4, help_formatter=a_line_each)
PAGES = Group("Draw and tell", sort_key=5, help_formatter=a_line_each)
SERVERS = Group("Ask a server", sort_key=6, help_formatter=a_line_each)
LEARNING = Group("Look up", sort_key=7, help_formatter=in_one_line)
ABOUT = Group("Also", sort_key=8, help_formatter=in_one_line)

app = App(
    name="smtplogs",
    help="Find out why SMTP logins fail: mail logs in, events, findings, charts and a postmortem out.",
    help_epilogue="Exit codes: 0 clean, 1 findings (with --check), 2 wrong usage or nothing readable.",
    help_format="plaintext",
    version=sl.__version__,
    version_flags=["--version", "-V"],
    help_flags=["--help", "-h"],
    default_parameter=Parameter(negative=(), show_default=lambda value: tables.words(value) or None),
    suppress_keyboard_interrupt=False,
)
app.register_install_completion_command(group=ABOUT, help="Install completion for bash, zsh or fish.")
for _flag in ("--help", "--version"):
    app[_flag].group = ABOUT


class Tables(NamedTuple):
    """What a log gave; coverage and traffic are None for an event table, inputs are what a dataset's manifest says.

    Events that stand on disk are a LazyFrame: there may be more of them than memory holds.
    """

    events: pl.DataFrame | pl.LazyFrame
    coverage: pl.DataFrame | None
    traffic: pl.DataFrame | None
    inputs: pl.DataFrame | None = None


HELD_PER_BYTE = 4
"""Bytes of memory that `read` takes for a byte of log at most: 1 GB of which a fifth tells of AUTH took 4 (docs/checks.md)."""


def tables_of(files: list[str], how: How) -> Tables:
    """Return the three tables of logs, or the events that `read -o` wrote; what memory may not hold stays on disk."""
    files = named(files)
    when: dict[str, Any] = {"since": how.since, "until": how.until, "tz": how.tz}
    if all(Path(f).suffix == ".parquet" for f in files):
        return Tables(sl.load(files, **when), None, None)
    if not all(map(is_dataset, files)):
        free = available()
        # a bound that opens no file, as if all were packed: few logs are so large that it takes a closer look
        large = free is not None and HELD_PER_BYTE * SHRINK * sources.stored_bytes(files) > free
        needed = HELD_PER_BYTE * sum(map(weight, sources.find(files)[0])) if large else 0
        if free is None or needed <= free:
            return Tables(*sl.read(files, **asdict(how), full=True))
        files = [_dataset_for_now(files, how, needed, free)]
    traffic = sl.load(files, **when, table="traffic").collect()
    return Tables(sl.load(files, **when), sl.coverage(files), traffic, sl.load(files, table="inputs").collect())


def _dataset_for_now(files: list[str], how: How, needed: int, free: int) -> str:
    """Parse logs into a dataset that goes with this process."""
    place = tempfile.TemporaryDirectory(prefix="smtplogs-", ignore_cleanup_errors=True)
    atexit.register(place.cleanup)
    complain(
        f"these logs may take {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free: they go through a dataset in "
        f"{place.name}, which is removed at the end; `smtplogs parse` makes one to keep"
    )
    given = {name: value for name, value in asdict(how).items() if name not in ("since", "until")}
    sl.parse(files, place.name, **given)
    return place.name


def named(files: list[str]) -> list[str]:
    """Return the files as the library names them."""
    return ["-" if name == PIPE else name for name in files]


def ready(output: Path | None, *, json: bool = False) -> None:
    """Complain of an output that cannot be written before the logs are read."""
    if output is not None:
        if json:
            raise ValueError("--json prints and --output writes: give one of them")
        tables.ready(output, *tables.ENDINGS)


def give(frame: pl.DataFrame, output: Path | None, *shown: str, json: bool = False) -> int:
    """Write a frame to a file, or show it on the terminal (as CSV where that is no terminal, as JSON if asked)."""
    if json:
        print(tables.json_of(frame))
    elif output is None:
        tables.show(frame, console(), *shown)
    else:
        tables.write(frame, output)
        console().print(f"wrote {frame.height:,} rows to {visible(output)}")
    return 0


def verdict(found: pl.DataFrame, *, check: bool) -> int:
    """Exit code 1 for findings that are more than information, if asked."""
    serious = found.filter((pl.col("status") == "found") & (pl.col("severity") != "info"))
    return 1 if check and serious.height else 0


class _Terminal(Console):
    """A console that takes text as it is, and leaves a broken pipe to `main`."""

    def print(self, *objects: Any, **how: Any) -> None:
        """Print; into a pipe or file without the blanks that fill a column up, for whoever pastes it into a ticket."""
        if self.is_terminal:
            super().print(*objects, **how)
            return
        with self.capture() as held:
            super().print(*objects, **how)
        self.file.write("\n".join(line.rstrip(" ") for line in held.get().split("\n")))

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Return the terminal: text as it is, no markup."""
    return _Terminal(highlight=False, markup=False, emoji=False)


def complain(text: str) -> int:
    """Print one clear line on stderr; return 2."""
    print(f"smtplogs: {visible(' '.join(text.split()))}", file=sys.stderr)
    return 2
