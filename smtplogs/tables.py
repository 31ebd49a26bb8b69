"""Frames on the terminal and in files: rich tables, Parquet, CSV, NDJSON."""

from __future__ import annotations

import json
import os
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any, BinaryIO

import polars as pl
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from smtplogs._durable import whole
from smtplogs._visible import visible
from smtplogs.schema import as_texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console, RenderableType

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
        raise IsADirectoryError(21, "is a folder; give the name of a file", str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(2, "its folder does not exist", str(path))
    if not os.access(path if path.exists() and not path.is_file() else path.parent, os.W_OK):
        raise PermissionError(13, "may not be written here", str(path))


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


def explained(table: pl.DataFrame) -> Iterator[RenderableType]:
    """Lay out the answer of `explain`: the text, its likeliest meaning, the others in short, what was looked at in vain."""
    for _, rows in groupby(table.iter_rows(named=True), lambda row: (row["line_no"], row["text"])):
        answers = list(rows)
        text = "\n".join(visible(line, limit=2_000) for line in answers[0]["text"].split("\n"))
        yield Text(f"{answers[0]['line_no']}: {text}", style="dim")
        in_vain: dict[str, list[str]] = {}
        before = ""
        for row in answers:
            if row["verdict"] == "looked at":
                in_vain.setdefault(row["why"], []).append(f"{row['format']} {row['pattern']}")
            elif row["verdict"] in _SHORT:
                undecided = answers[0]["cause"] == "unknown" and row["verdict"] == "less likely"
                if row["verdict"] != before:
                    yield Text(f"\n{'It may mean:' if undecided else _SHORT[row['verdict']]}", style="bold")
                yield Padding(_short(row, undecided=undecided), (0, 0, 0, 2))
            else:
                yield from (Text(""), _answer(row)) if before else (_answer(row),)
            before = row["verdict"]
        for why, names in in_vain.items():
            yield Text(f"looked at: {', '.join(names)}: {why}", style="dim")
        yield Text("")
    if "not understood" in table["verdict"]:
        yield Text(WHAT_TO_PASTE)


WHAT_TO_PASTE = (
    "What can be explained: whole lines of a mail log, a reply with its code ('535 5.7.8 ...'), a traceback, a transcript. "
    "Of the journal: journalctl -o short-iso, -o json or -o export."
)

_SHORT = {
    "less likely": "Why not something else:",
    "could also be": "The same words are said for other causes too. What would tell:",
}
"""Verdicts of the candidates after the first."""

_LABELS = {
    "meaning": "what it means",
    "first_check": "check first",
    "who": "who must act",
    "sign": "what would tell",
    "decided_by": "ask",
    "provider_wants": "it wants",
    "row": "catalogue row",
}


def _short(row: dict[str, Any], *, undecided: bool) -> Text:
    """One candidate after the first in a sentence: the cause, why not (or, where none is first, what to do), how to tell."""
    if undecided:
        told = f"{row['why']}: {row['meaning']} {row['fix']}"
    elif row["verdict"] == "could also be":
        told = row["sign"]
    else:
        told = f"{row['why']} would mean it, but {row['why_not']}."
    ask = f" Ask: {_asked(row['decided_by'])}" if row["decided_by"] else ""
    return Text.assemble((row["cause"], "bold"), f": {visible(told, limit=2_000)}{ask}")


def _asked(detectors: list[str]) -> str:
    """Spell detectors as commands."""
    return ", ".join(f"smtplogs {name.replace('_', '-')} FILES" for name in detectors)


def _answer(row: dict[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    promised = f"; its code says {row['code_class']}" if row["code_class"] else ""
    for name, value in row.items():
        if name in ("line_no", "text", "code_class", "why_not") or value in (None, "", []):
            continue
        if name == "fields":
            for field, text in json.loads(value).items():
                grid.add_row(f"  {field}", Text(visible(text, limit=2_000)))
            continue
        told = words(value)
        if name == "temporary":
            name, told = "passes by itself", f"{'yes' if value else 'no'}{promised}"  # noqa: PLW2901
        elif name == "decided_by":
            told = _asked(value)
        grid.add_row(_LABELS.get(name, name.replace("_", " ")), Text(visible(told, limit=2_000)))
    return grid
