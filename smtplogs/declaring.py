"""Formats by name or file: shipped, installed by others, or declared in TOML, and then only if their samples pass."""

from __future__ import annotations

import functools
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import documents, parsing, stamps, whole_files
from smtplogs.errors import BadFormat, UnknownName
from smtplogs.logformats import EVERY, Dialogue, Lines, Table, declared
from smtplogs.schema import EVENTS, as_table

if TYPE_CHECKING:
    from os import PathLike

ENTRY_POINTS = "smtplogs.formats"
"""Group of entry points of other packages: each names a function or object that gives the path of a TOML file."""


def format_named(name: str) -> Lines | Dialogue | Table:
    """Return the format of that name, or the one that a TOML file declares.

    Parameters
    ----------
    name
        A name of `formats()`, of a shipped definition (`example-relay`), of one installed by an entry point, or the
        path of a `.toml` file.

    Raises
    ------
    UnknownName
        If there is none.
    BadFormat
        If the file does not hold what it promises, or a sample of it does not pass.
    """
    if name.endswith(".toml"):
        return _proved(name)
    known: dict[str, Lines | Dialogue | Table] = {f.name: f for f in EVERY}
    if name in known:
        return known[name]
    if name in (files := definitions()):
        return _proved(str(files[name]))
    more = {f.name: f for f in installed()}
    if name in more:
        return more[name]
    every = ", ".join(dict.fromkeys((*known, *files, *more)))
    raise UnknownName(f"no format named {name!r}; there are auto, {every}, or the path of a .toml file")


def check_format(path: str | PathLike[str]) -> pl.DataFrame:
    """Try a declared format on its own samples.

    Parameters
    ----------
    path
        The TOML file.

    Returns
    -------
    DataFrame
        A row per sample: `sample` (number), `passes`, `problem` (what differs; null), `events` (how many came of it),
        `time` of the first one.

    Raises
    ------
    BadFormat
        If the file cannot be read, or holds an unknown key, a column that does not exist, a wrong word, no sample.
    """
    format_ = declared(str(path))
    rows = []
    for i, excerpt in enumerate(format_.samples, 1):
        problem, events = _tried(format_, excerpt.text, [dict(e) for e in excerpt.expect])
        first = events["time"].min() if events.height else None
        rows.append((i, problem is None, problem, events.height, first))
    schema = {
        "sample": pl.UInt32, "passes": pl.Boolean, "problem": pl.String, "events": pl.UInt32,
        "time": pl.Datetime("us", "UTC"),
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def events_of(format_: Dialogue | Table, text: str, catalogue: str | None = None) -> pl.DataFrame:
    """Return the events of a text without a file, in order of lines; context is left out."""
    head = [line.removesuffix("\r") for line in text.split("\n")]
    if isinstance(format_, Table) and format_.layout == "json" and documents.is_document(head):
        lines, _ = documents.elements(text)
    else:
        lines = pl.DataFrame({"line_no": range(1, len(head) + 1), "line": head}, schema=parsing.LINES)
    whole = whole_files.of_lines(iter([lines]), format_, stamps.anchor(year=2000), "-", catalogue=catalogue)
    if not whole.every:
        return pl.DataFrame()
    events = pl.concat([as_table(part, EVENTS) for part in whole.every])
    return events.filter(pl.col("outcome") != "info").sort("line_no", maintain_order=True)


def _proved(path: str) -> Dialogue | Table:
    """Return a declared format whose samples pass."""
    bad = check_format(path).filter(~pl.col("passes"))
    if bad.height:
        raise BadFormat(f"{path}: sample {bad['sample'][0]}: {bad['problem'][0]}")
    return declared(path)


def _tried(format_: Dialogue | Table, text: str, expect: list[dict[str, Any]]) -> tuple[str | None, pl.DataFrame]:
    """Return what is wrong with the events of a sample, and the events."""
    events = events_of(format_, text)
    if events.height != len(expect):
        return f"gives {events.height} event(s), not {len(expect)}", events
    for row, wanted in zip(events.to_dicts(), expect, strict=True):
        for column, value in wanted.items():
            got = row[column].isoformat().replace("+00:00", "Z") if column == "time" and row[column] else row[column]
            if column == "time" and value is not None:
                value = str(value).replace("+00:00", "Z")  # noqa: PLW2901 - both in one form
            if got != value:
                return f"{column} is {got!r}, not {value!r}", events
    return None, events


def definitions() -> dict[str, Path]:
    """Return the definitions that come with the package: name -> file."""
    folder = Path(str(resources.files("smtplogs.logformats"))) / "definitions"
    return {file.stem: file for file in sorted(folder.glob("*.toml"))}


@functools.cache
def installed() -> tuple[Dialogue | Table, ...]:
    """Return the formats that other packages declare by an entry point; they take part in detection."""
    return tuple(_proved(_path(point.load())) for point in metadata.entry_points(group=ENTRY_POINTS))


def _path(thing: Any) -> str:
    return str(thing() if callable(thing) else thing)
