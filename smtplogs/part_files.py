"""Files of a part: its tables as Parquet, what is known of each and of all together, the partitions of events."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._durable import plain_error, sha256_of, whole
from smtplogs.overview import Overview
from smtplogs.schema import RECORDS, Column, as_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MISSED: Mapping[str, Column] = {
    "source": Column(pl.String, "file as given"),
    "line_no": Column(pl.UInt64, "1-based line in the expanded file"),
    "program": Column(pl.String, "who wrote it, as far as known"),
    "line": Column(pl.String, "the line, redacted"),
}
"""Lines that passed the prefilter and that no pattern took."""

TURNS: Mapping[str, Column] = {"time_quality": RECORDS["time_quality"]}
"""Columns of turns that are no plain text."""

PUBLIC = ("events", "traffic", "coverage", "not_understood")
"""Kinds of files that stand where readers look for them, once a run is committed."""

BY = {"month": "%Y-%m", "day": "%Y-%m-%d"}
"""Ways to partition the events."""

NO_TIME = "none"
"""Partition and hour of events without a time."""


def written(frame: pl.DataFrame, path: Path, about: dict[str, str], *, own: bool = False) -> None:
    """Write a Parquet file, onto the disk; `own`: only we read it, one by one, so enums stay what they are.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with whole(path, sync=True) as file:
            rows = frame if own else as_texts(frame)
            rows.write_parquet(file, compression="zstd", compression_level=1, statistics=not own, metadata=about)
    except pl.exceptions.PolarsError as error:
        raise plain_error(error, path) from error


def taken(path: Path, table: Mapping[str, Column]) -> pl.DataFrame:
    """Read a file of a part back in the dtypes of the table; columns of its own stay."""
    frame = pl.read_parquet(path, hive_partitioning=False)
    casts = [pl.col(n).cast(c.dtype, strict=False) for n, c in table.items() if n in frame.columns]
    return frame.with_columns(casts)


@dataclass
class Piece:
    """A file of a part: what kind, where under the part's folder, how many rows, their first and last moment."""

    kind: str
    path: str
    rows: int
    first: str | None = None
    last: str | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Where:
    """Pieces of a part, and the two places where they may stand: made public, or in the folder of the part."""

    dataset: Path
    part: str
    piece: Piece

    @property
    def path(self) -> Path:
        """Where it is."""
        public = self.dataset / self.piece.path
        return public if public.exists() else self.dataset / "loose" / self.part / self.piece.path


@dataclass
class Part:
    """What is known of a part; kept in its part.json."""

    name: str
    inputs: list[dict[str, Any]] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    hours: dict[str, int] = field(default_factory=dict)
    hosts: dict[str, list[str]] = field(default_factory=dict)
    known: Overview = field(default_factory=Overview)

    def of(self, *kinds: str) -> list[Piece]:
        """Return the files of these kinds."""
        return [p for p in self.pieces if p.kind in kinds]

    def saved(self, folder: Path) -> None:
        """Write part.json, onto the disk."""
        known = self.known
        facts = {
            "name": self.name,
            "inputs": self.inputs,
            "pieces": [vars(p) for p in self.pieces],
            "hours": self.hours,
            "hosts": self.hosts,
            "known": {
                "starttls": sorted(known.starttls),
                "databases": {n: [t.isoformat(), k] for n, (t, k) in known.databases.items()},
                "asking": sorted(known.asking),
                "answering": sorted(known.answering),
                "spans": {s: [a.isoformat(), b.isoformat(), n] for s, (a, b, n) in known.spans.items()},
            },
        }
        with whole(folder / "part.json", sync=True) as file:
            file.write(json.dumps(facts, ensure_ascii=False).encode())


def opened(folder: Path) -> Part:
    """Read the part.json of a part."""
    facts = json.loads((folder / "part.json").read_bytes())
    known, moment = facts["known"], dt.datetime.fromisoformat
    return Part(
        facts["name"],
        facts["inputs"],
        [Piece(**p) for p in facts["pieces"]],
        facts["hours"],
        facts["hosts"],
        Overview(
            frozenset(known["starttls"]),
            {n: (moment(t), k) for n, (t, k) in known["databases"].items()},
            frozenset(known["asking"]),
            frozenset(known["answering"]),
            {s: (moment(a), moment(b), n) for s, (a, b, n) in known["spans"].items()},
        ),
    )


def host_of(frame: pl.DataFrame) -> pl.Expr:
    """Return who logged, empty if nobody says; rows that only frame a session know it by their key alone."""
    named = pl.col("host") if "host" in frame.columns else pl.lit(None, pl.String)
    keyed = pl.col("key").str.extract("^([^ ]*) ") if "key" in frame.columns else pl.lit(None, pl.String)
    return pl.coalesce(named, keyed, pl.lit("")).alias("host")


def piece(kind: str, frame: pl.DataFrame, path: str, place: Path, about: dict[str, str]) -> Piece:
    """Write rows as a file of a part."""
    written(frame, place, about, own=kind not in PUBLIC)
    first, last = (frame["time"].min(), frame["time"].max()) if "time" in frame.columns else (None, None)
    return Piece(
        kind,
        path,
        frame.height,
        first.isoformat() if isinstance(first, dt.datetime) else None,
        last.isoformat() if isinstance(last, dt.datetime) else None,
        sha256_of(place),
    )


def partitioned(events: pl.DataFrame, by: str) -> Iterable[tuple[str, pl.DataFrame]]:
    """Cut events into partitions: `month=2026-06`, its rows; those without a time are in `month=none`."""
    if events.is_empty():
        return
    first, last = events["time"].min(), events["time"].max()
    if isinstance(first, dt.datetime) and isinstance(last, dt.datetime) and not events["time"].null_count():
        one = f"{by}={first:{BY[by]}}"
        if one == f"{by}={last:{BY[by]}}":
            yield one, events
            return
    keys = events["time"].dt.strftime(BY[by]).fill_null(NO_TIME)
    for (key,), rows in events.with_columns(_by=keys).partition_by("_by", as_dict=True, include_key=False).items():
        yield f"{by}={key}", rows
