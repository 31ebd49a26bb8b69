"""Frames on the terminal and in files: rich tables, Parquet, CSV, NDJSON."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from smtplogs._visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_ROWS = 40
"""Rows shown on a terminal; a file gets them all."""

_FORMULA = r"^[=+\-@\t\r]"
"""First characters that make a spreadsheet read a cell as a formula (OWASP, CSV injection)."""


def write(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame whole or not at all; the ending of the name says how.

    Parquet keeps every dtype (enums become strings, so that files of different versions can be read together). CSV
    joins lists with `; ` and puts a quote before what a spreadsheet would take for a formula. NDJSON keeps lists.

    Raises
    ------
    ValueError
        If the ending is none of .parquet, .csv, .ndjson, .jsonl.
    """
    kind = path.suffix.lower()
    writers = {".parquet": _parquet, ".csv": _csv, ".ndjson": _ndjson, ".jsonl": _ndjson}
    if kind not in writers:
        raise ValueError(f"cannot tell the format of {path.name!r}; let the name end in .parquet, .csv or .ndjson")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            writers[kind](frame, file)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # noqa: PTH101 - as a plain open() would have made it
        os.replace(name, path)  # noqa: PTH105
    except BaseException:
        os.unlink(name)  # noqa: PTH108
        raise


def _words(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col(pl.Enum).cast(pl.String))


def _parquet(frame: pl.DataFrame, file: Any) -> None:
    _words(frame).write_parquet(file, compression="zstd")


def _ndjson(frame: pl.DataFrame, file: Any) -> None:
    _words(frame).write_ndjson(file)


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame that fits into CSV: lists joined, formulas made harmless."""
    frame = _words(frame).with_columns(pl.col(pl.List(pl.String)).list.join("; "))
    text = pl.col(pl.String)
    return frame.with_columns(pl.when(text.str.contains(_FORMULA)).then(pl.lit("'") + text).otherwise(text).name.keep())


def _csv(frame: pl.DataFrame, file: Any) -> None:
    flat(frame).write_csv(file, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")


def show(frame: pl.DataFrame, console: Console, *columns: str) -> None:
    """Print a frame: a table on a terminal, CSV into a pipe."""
    if not console.is_terminal:
        console.file.write(flat(frame).write_csv(datetime_format="%Y-%m-%dT%H:%M:%S%.fZ"))
        return
    chosen = [c for c in columns if c in frame.columns] or [c for c in frame.columns if not _hollow(frame[c])]
    grid = Table(show_lines=False, header_style="bold")
    for name in chosen:
        grid.add_column(name, overflow="fold")
    for row in frame.select(chosen).head(MAX_ROWS).iter_rows():
        grid.add_row(*(Text("" if v is None else visible(_shown(v))) for v in row))
    console.print(grid)
    if frame.height > MAX_ROWS:
        console.print(f"{MAX_ROWS} of {frame.height:,} rows; -o FILE.csv writes them all")


def _hollow(column: pl.Series) -> bool:
    return column.len() > 0 and column.null_count() == column.len()


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(str(v) for v in value)
    return f"{value:%Y-%m-%d %H:%M:%S}" if hasattr(value, "strftime") else str(value)


def explained(table: pl.DataFrame) -> list[RenderableType]:
    """Lay out the answer of `explain`: a block per candidate."""
    blocks: list[RenderableType] = []
    for row in table.to_dicts():
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in row.items():
            if value in (None, "", []):
                continue
            if name == "fields":
                for field, text in json.loads(str(value)).items():
                    grid.add_row(f"  {field}", Text(visible(str(text))))
            else:
                grid.add_row(name.replace("_", " "), Text(visible(_shown(value))))
        blocks += [grid, Text("")]
    return blocks or [Text("nothing to explain: the text is empty")]


@contextmanager
def progress(files: list[str]) -> Iterator[None]:
    """Show that work goes on, on a terminal only."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"reading {visible(' '.join(files))[:60]} ..."):
        yield
