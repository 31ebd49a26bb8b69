"""Datasets beside one reading of the same files: what both must have in common."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

import smtplogs as sl
from small_logs import SAMPLES
from smtplogs import redacting


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows in one order, whatever order they came in."""
    return frame.sort(pl.exclude("auth_offered") if "auth_offered" in frame.columns else pl.all(), nulls_last=True)


Tables = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]

_READ: dict[str, Tables] = {}
"""What was read of samples, which are the same for every test."""


def read(dataset: Path, paths: Any, **how: Any) -> Tables:
    """Read logs in memory with the pseudonyms of a dataset; samples without a pseudonym are read once."""
    asked = repr((paths, how))
    if asked in _READ:
        return _READ[asked]
    with redacting.keyed(bytes.fromhex((dataset / ".key").read_text())):
        tables = sl.read(paths, full=True, **how)
    ours = isinstance(paths, list) and all(SAMPLES in Path(path).parents for path in paths)
    if ours and not any(frame.write_ndjson().count("[redacted:user]") for frame in tables):
        _READ[asked] = tables
    return tables


def assert_same(dataset: Path, paths: Any, **how: Any) -> pl.DataFrame:
    """Hold all three tables against one reading of all files, and the manifest against the files; return the events."""
    events, coverage, traffic = read(dataset, paths, **how)
    mine = sl.load(dataset).collect()
    assert_frame_equal(ordered(mine), ordered(events))
    assert_frame_equal(ordered(sl.load(dataset, table="traffic").collect()), ordered(traffic))
    seen = [c for c in coverage.columns if c != "note"]
    assert_frame_equal(sl.coverage(dataset).select(seen).sort(seen[:2]), coverage.select(seen).sort(seen[:2]))
    on_disk = {p.relative_to(dataset).as_posix() for p in dataset.rglob("*.parquet")} - {
        p.relative_to(dataset).as_posix() for p in (dataset / "loose").rglob("*.parquet")
    }
    assert on_disk == {f["path"] for f in manifest(dataset)["files"]}
    return mine


def manifest(dataset: Path) -> dict[str, Any]:
    """Return the manifest of a dataset."""
    return json.loads((dataset / "manifest.json").read_text())


def lines_of(paths: list[Path]) -> list[str]:
    """Return the lines of logs, unpacked."""
    lines = []
    for path in paths:
        data = path.read_bytes()
        lines += (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode().splitlines()
    return lines
