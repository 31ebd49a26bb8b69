"""Frames on the terminal and in files: rich tables, Parquet, CSV, NDJSON."""

from __future__ import annotations

import errno
import json
import os
import re
from typing import TYPE_CHECKING, BinaryIO

import polars as pl
from rich.table import Table
from rich.text import Text

from smtplogs._durable import whole
from smtplogs._visible import visible
from smtplogs.schema import as_texts

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

ENDINGS = (".parquet", ".csv", ".ndjson", ".jsonl")

MAX_ROWS = 40
"""Rows shown on a terminal; a file gets them all."""

COVERAGE_SHOWN = ("source", "program", "format", "lines", "kept", "not_understood", "note", "error")
"""Columns of the coverage table that fit a terminal."""

_WIDE = {"title": 5, "advice": 4, "meaning": 3, "first_check": 3, "fix": 3, "sample": 5, "about": 4, "raw": 5}
"""Columns of sentences, and their share of the width."""

_FORMULA = r"^[ ]*[=+\-@\t\r\n]"
"""First characters that make a spreadsheet read a cell as a formula (OWASP, CSV injection)."""

_NOT_ASCII = re.compile(r"[^ -~]+")

_HIDDEN = r"[\p{C}\p{Z}--\x20]"
"""Characters that `visible` may have to escape."""


def ready(path: Path, *endings: str) -> None:
    """Complain of a file that cannot be written, before work is done for it.

    Raises
    ------
    ValueError
        If the name has none of the endings.
    OSError
        If it is a folder, or its folder is missing or may not be written.
    """
    if path.suffix.lower() not in endings:
        known = f"{', '.join(endings[:-1])} or {endings[-1]}"
        raise ValueError(f"cannot tell what to write from the name {path.name!r}; let it end in {known}")
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder; give the name of a file", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "its folder does not exist", str(path))
    if not os.access(path if path.exists() and not path.is_file() else path.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "may not be written here", str(path))


def write(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame whole or not at all; the ending of the name says how.

    Parquet keeps every dtype (enums become strings, so that files of different versions can be read together). CSV
    joins lists with `; `, escapes control characters, and puts a quote before what a spreadsheet would take for a
    formula. NDJSON keeps lists and texts as they are.

    Raises
    ------
    ValueError
        If the ending is none of .parquet, .csv, .ndjson, .jsonl.
    OSError
        If the file cannot be written.
    """
    ready(path, *ENDINGS)
    with whole(path) as file:
        {".parquet": _parquet, ".csv": _csv}.get(path.suffix.lower(), _ndjson)(frame, file)


def _parquet(frame: pl.DataFrame, file: BinaryIO) -> None:
    as_texts(frame).write_parquet(file, compression="zstd")


def _ndjson(frame: pl.DataFrame, file: BinaryIO) -> None:
    as_texts(frame).write_ndjson(file)


def json_of(frame: pl.DataFrame) -> str:
    """Return a frame as one JSON array, a row an object; ASCII only, so that it may be printed on any terminal."""
    text = as_texts(frame).write_json()
    return _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)


def json_lines_of(frame: pl.DataFrame) -> str:
    """Return a frame as JSON, an object a row and line, each with its line break; ASCII only."""
    rows = as_texts(frame).write_ndjson().split("\n")  # a line break in a cell is written as \\n
    return "\n".join(_NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], row) for row in rows)


def _csv(frame: pl.DataFrame, file: BinaryIO) -> None:
    flat(frame).write_csv(file, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame that fits into CSV: lists joined, control characters shown, formulas made harmless."""
    frame = as_texts(frame).with_columns(pl.col(pl.List(pl.String)).list.join("; "))
    text = pl.col(pl.String)
    frame = frame.with_columns(
        pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep()
    )
    return frame.with_columns(
        column.replace(odd, pl.Series([visible(t) for t in odd], dtype=pl.String))
        for column in frame.select(pl.col(pl.String)).iter_columns()
        if (odd := column.filter(column.str.contains(_HIDDEN).fill_null(value=False)).unique()).len()
    )


def show(frame: pl.DataFrame, console: Console, *columns: str) -> None:
    """Print a frame: a table on a terminal, CSV into a pipe."""
    if not console.is_terminal:
        console.file.write(flat(frame).write_csv(datetime_format="%Y-%m-%dT%H:%M:%S%.fZ"))
        return
    if frame.is_empty():
        console.print("nothing found: no rows")
        return
    chosen = [c for c in columns or frame.columns if c in frame.columns and not _hollow(frame[c])]
    grid = Table(show_lines=bool(set(chosen) & set(_WIDE)), header_style="bold", expand=bool(set(chosen) & set(_WIDE)))
    for name in chosen:
        dtype = frame.schema[name]
        number = dtype.is_numeric()
        least = 20 if name in _WIDE else len("2026-11-26") if dtype == pl.Datetime else None  # a date stays whole
        grid.add_column(
            _heading(name) if number or dtype == pl.Datetime else name,
            overflow="fold",
            ratio=_WIDE.get(name),
            min_width=least,
            justify="right" if number else "left",
            no_wrap=number,
        )
    for row in frame.select(chosen).head(MAX_ROWS).iter_rows():
        grid.add_row(*(Text(visible(words(v))) for v in row))
    console.print(grid)
    if frame.height > MAX_ROWS:
        console.print(f"{MAX_ROWS} of {frame.height:,} rows; -o FILE.csv writes them all")


def _heading(name: str) -> str:
    """Return the name of a narrow column in two lines if it is long: "n_refused_since" would take the width of others."""
    head, _, tail = name.rpartition("_")
    return f"{head}_\n{tail}" if head and len(name) > len("2026-11-26") else name


def _hollow(column: pl.Series) -> bool:
    """Tell whether a column says nothing: only nulls or empty lists."""
    silent = column.null_count()
    if isinstance(column.dtype, pl.List):
        silent += int((column.list.len() == 0).sum())
    return column.len() > 0 and silent == column.len()


def words(value: object) -> str:
    """Return a cell as a person reads it: lists joined, times to the second, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value))
    return f"{value:%Y-%m-%d %H:%M:%S}" if hasattr(value, "strftime") else str(value)
