"""Evidence verified: whether the logs are unchanged, and whether every event still shows its line."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import custody, documents, parsing, planning, sources
from smtplogs._crew import Meter, shown
from smtplogs._durable import sha256_of
from smtplogs.datasets import manifest_of
from smtplogs.errors import NothingToRead
from smtplogs.part_files import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    Checked = tuple[str, str, str, int | None, str | None]
    """A row of what `verify` returns."""

OK, CHANGED, MISSING, GROWN, UNCHECKED = "ok", "changed", "missing", "grown", "not checked"

CHECKED = {"source": pl.String, "check": pl.String, "status": pl.String, "n": pl.UInt64, "message": pl.String}
"""Columns of what `verify` returns."""

_CUT = re.compile(r"\[redacted(?::user)?\](?:#[0-9a-f]{8})?")
_EXAMPLES = 5


def verify(dataset: str | PathLike[str], *, progress: bool | None = None) -> pl.DataFrame:
    """Check a dataset against its manifest and against the logs that it was made of.

    Parameters
    ----------
    dataset
        Folder that `parse` wrote.
    progress
        As in `parse`.

    Returns
    -------
    DataFrame
        `source` (an input, or a file of the dataset), `check` (file: the dataset's own file; stored: SHA-256 of the
        log as it lies there; content: SHA-256 of its expanded bytes; lines: every event's line is still the one that
        the event shows), `status` (ok, grown: what was read still stands at its beginning, changed, missing, not
        checked), `n` (bytes, or events compared), `message`.

    Raises
    ------
    NothingToRead
        If there is no dataset.

    Notes
    -----
    Where secrets were cut from a line, the rest of it is compared. A line in `also` is only counted on, not shown, so
    it stands or falls with the hash of its log.
    """
    folder = Path(dataset)
    manifest = manifest_of(folder)
    if not manifest:
        raise NothingToRead(f"{folder} is not a dataset: it has no manifest")
    rows = _checked_files(folder, manifest)
    ranges = _line_ranges(folder, manifest)
    inputs = manifest["inputs"]
    with Meter(sum(i["stored_bytes"] or 0 for i in inputs), "verifying", "B", show=shown(progress)) as meter:
        for entry in inputs:
            rows += _checked_input(entry, ranges.get(entry["source"], []))
            meter(entry["stored_bytes"] or 0)
    return pl.DataFrame(rows, schema=CHECKED, orient="row")


def _checked_files(folder: Path, manifest: dict[str, Any]) -> list[Checked]:
    """Compare the files of the dataset with the manifest."""
    rows: list[Checked] = []
    listed = {f["path"] for f in manifest["files"]}
    for file in manifest["files"]:
        place = folder / file["path"]
        if not place.exists():
            rows.append((file["path"], "file", MISSING, None, "the manifest lists it"))
        elif sha256_of(place) != file["sha256"]:
            rows.append((file["path"], "file", CHANGED, place.stat().st_size, "not the bytes that were written"))
        else:
            rows.append((file["path"], "file", OK, place.stat().st_size, None))
    for kind in PUBLIC:
        for place in sorted((folder / kind).rglob("*.parquet")):
            path = place.relative_to(folder).as_posix()
            if path not in listed:
                said = "not in the manifest: a stopped run may have left it, run parse again"
                rows.append((path, "file", CHANGED, place.stat().st_size, said))
    return rows


def _line_ranges(folder: Path, manifest: dict[str, Any]) -> dict[str, list[tuple[int, int, Path]]]:
    """Return for each source the files with its events, and from which line to which."""
    ranges: dict[str, list[tuple[int, int, Path]]] = defaultdict(list)
    for file in manifest["files"]:
        place = folder / file["path"]
        if file["kind"] != "events" or not place.exists():
            continue
        lines = pl.col("line_no")
        seen = pl.scan_parquet(place, hive_partitioning=False).group_by("source")
        seen = seen.agg(lines.min().alias("first"), lines.max().alias("last")).collect()
        for source, first, last in seen.iter_rows():
            ranges[source].append((first, last, place))
    return {source: sorted(found) for source, found in ranges.items()}


def _checked_input(entry: dict[str, Any], ranges: list[tuple[int, int, Path]]) -> list[Checked]:
    """Check one log: stored bytes, content, lines."""
    name = entry["source"]
    if entry["path"] is None:
        return [(name, "content", UNCHECKED, entry["bytes"], "it came from standard input")]
    path = Path(entry["path"])
    if not path.exists():
        return [(name, "stored", MISSING, entry["stored_bytes"], f"there is no {path} any more")]
    rows: list[Checked] = []
    if entry["stored_sha256"]:
        same = sha256_of(path) == entry["stored_sha256"]
        rows.append((name, "stored", OK if same else CHANGED, path.stat().st_size, None))
    try:
        found, _ = sources.find(f"{path}!{entry['member']}" if entry["member"] else path)
    except NothingToRead as error:
        return [*rows, (name, "content", MISSING, entry["bytes"], str(error))]
    source = found[0]
    sha256, compared, wrong = _compared(source, name, ranges)
    if entry["sha256"] and sha256 != entry["sha256"]:
        grown = custody.prefix_sha256(source, entry["bytes"]) == entry["sha256"]
        said = "more was written to it since" if grown else "not the content that was read"
        rows.append((name, "content", GROWN if grown else CHANGED, entry["bytes"], said))
        if grown:
            rows = [(n, c, GROWN if c == "stored" else s, k, m) for n, c, s, k, m in rows]
    elif entry["sha256"]:
        rows.append((name, "content", OK, entry["bytes"], None))
    said = (
        f"{len(wrong)} event(s) show another line than line {', '.join(map(str, wrong[:_EXAMPLES]))}" if wrong else None
    )
    rows.append((name, "lines", CHANGED if wrong else OK, compared, said))
    return rows


def _compared(
    source: sources.Source, name: str, ranges: list[tuple[int, int, Path]]
) -> tuple[str | None, int, list[int]]:
    """Read a log once: its SHA-256, how many lines of events were compared, and which of them differ."""
    todo, held = list(ranges), pl.DataFrame()
    compared, wrong = 0, []
    with sources.open_source(source, hash=True) as reading:
        for lines in _lines(reading):
            if lines.is_empty():
                continue
            last = int(lines["line_no"].max())  # type: ignore[arg-type]
            while todo and todo[0][0] <= last:
                held = pl.concat([held, _shown(todo.pop(0)[2], name)], how="diagonal")
            if held.is_empty():
                continue
            text = pl.coalesce(pl.col(c) for c in ("written", "line") if c in lines.columns)
            there = lines.select("line_no", text.alias("_text"))
            both = held.join(there, on="line_no", how="inner")
            held = held.join(there, on="line_no", how="anti")
            compared += both.height
            wrong += _differing(both)
        rest = [held, *(_shown(place, name) for _, _, place in todo)]
    wrong += [n for frame in rest if frame.height for n in frame["line_no"]]
    return reading.sha256, compared, sorted(set(wrong))


def _differing(both: pl.DataFrame) -> list[int]:
    """Return the numbers of the lines that are not what their events show (`raw`, `redacted`, `_text` of the log)."""
    odd = both.filter(pl.col("raw") != pl.col("_text")).select("line_no", "raw", "redacted", "_text")
    return [number for number, raw, redacted, text in odd.iter_rows() if redacted is None or not _shows(raw, text)]


def _lines(reading: sources.Reading) -> Iterator[pl.DataFrame]:
    """Yield all lines of a log, or the elements of a JSON document: what events show."""
    head = reading.peek()
    if documents.is_document(head):
        yield from documents.Document(chunk.data.decode("utf-8", "replace") for chunk in reading).batches()
        return
    for chunk in parsing.chunks(reading, planning.plan(head, traffic=True)):
        yield chunk.collect()


def _shown(place: Path, source: str) -> pl.DataFrame:
    """Return the lines that the events of a source show."""
    events = pl.scan_parquet(place, hive_partitioning=False)
    events = events.filter(pl.col("source") == source, pl.col("raw").is_not_null())
    return events.select("line_no", "raw", "redacted").unique().collect()


def _shows(raw: str, line: str) -> bool:
    """Tell whether a redacted line is that line, less what was cut out of it."""
    parts = _CUT.split(raw)
    if len(parts) < 2 or not line.startswith(parts[0]) or not line.endswith(parts[-1]):
        return False
    at = len(parts[0])
    for part in parts[1:-1]:
        at = line.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return at <= len(line) - len(parts[-1])
