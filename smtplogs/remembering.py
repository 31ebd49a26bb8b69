"""State of a watch on disk: its place in each log, recent events, open sessions, and the findings already reported."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import stamps, stitching
from smtplogs._durable import whole
from smtplogs.following import Place
from smtplogs.part_files import taken, written
from smtplogs.schema import RECORDS
from smtplogs.unsettled import FINISHED, stacked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from smtplogs.schema import Column

STATE, TOLD = "state.json", "told.json"

_ABOUT = {"smtplogs": "state of watch"}

Told = dict[str, list[list[Any]]]
"""What a finding is about (JSON) -> the moment until which it was told and the rank of its severity, per story."""


@dataclass
class Position:
    """Where the watch is in one log.

    Attributes
    ----------
    place
        File and offset.
    clock
        What its stamps have shown so far.
    sessions
        Those that are open.
    """

    place: Place
    clock: stamps.Carry = field(default_factory=stamps.Carry)
    sessions: stitching.Carry = field(default_factory=stitching.Carry)


@dataclass
class Memory:
    """All that a watch must know to go on where it was.

    Attributes
    ----------
    events, loose
        Recent events, and records that other lines may still complete.
    positions
        Name of a log -> where the watch is in it.
    told
        The findings that were told.
    rotations
        How many files have been rotated away.
    generation
        Number of the save; the frames on disk carry it in their names.
    """

    events: pl.DataFrame = field(default_factory=pl.DataFrame)
    loose: pl.DataFrame = field(default_factory=pl.DataFrame)
    positions: dict[str, Position] = field(default_factory=dict)
    told: Told = field(default_factory=dict)
    rotations: int = 0
    generation: int = 0


def save_told(folder: Path, told: Told) -> None:
    """Write down what was told, at once and by itself: it must not be told again after a crash."""
    plain = {about: [[until.isoformat(), rank] for until, rank in stories] for about, stories in told.items()}
    _write(folder / TOLD, plain)


def save(folder: Path, memory: Memory) -> None:
    """Write everything: frames under a new number first, then the file that names the number."""
    memory.generation += 1
    frames = {"events": memory.events, "loose": memory.loose}
    for n, position in enumerate(memory.positions.values()):
        frames[f"open-{n}"] = stacked(*position.sessions.open)
    for name, frame in frames.items():
        if frame.height:
            written(frame, folder / f"{name}.{memory.generation}.parquet", _ABOUT)
    facts = {
        "generation": memory.generation,
        "rotations": memory.rotations,
        "logs": [
            {
                "path": path,
                "place": vars(position.place),
                "clock": {f.name: _plain(getattr(position.clock, f.name)) for f in fields(position.clock)},
                "connects": {k: [t.isoformat(), n] for k, (t, n) in position.sessions.connects.items()},
            }
            for path, position in memory.positions.items()
        ],
    }
    save_told(folder, memory.told)
    _write(folder / STATE, facts)
    for path in folder.glob("*.parquet"):
        if path.name.split(".")[1] != str(memory.generation):
            path.unlink(missing_ok=True)


def load(folder: Path) -> Memory | None:
    """Return what `save` wrote; None if nothing was saved."""
    if not (folder / STATE).exists():
        return None
    facts = json.loads((folder / STATE).read_bytes())
    generation = facts["generation"]

    def frame(name: str, table: Mapping[str, Column]) -> pl.DataFrame:
        path = folder / f"{name}.{generation}.parquet"
        return taken(path, table) if path.exists() else pl.DataFrame()

    memory = Memory(
        frame("events", FINISHED), frame("loose", RECORDS), rotations=facts["rotations"], generation=generation
    )
    if (folder / TOLD).exists():
        told = json.loads((folder / TOLD).read_bytes())
        memory.told = {a: [[dt.datetime.fromisoformat(t), rank] for t, rank in s] for a, s in told.items()}
    for n, entry in enumerate(facts["logs"]):
        sessions = stitching.Carry()
        sessions.connects = {k: (dt.datetime.fromisoformat(t), i) for k, (t, i) in entry["connects"].items()}
        sessions.open = [f for f in [frame(f"open-{n}", RECORDS)] if f.height]
        clock = stamps.Carry(**{name: _typed(value) for name, value in entry["clock"].items()})
        memory.positions[entry["path"]] = Position(Place(**entry["place"]), clock, sessions)
    return memory


def _write(path: Path, facts: object) -> None:
    with whole(path, sync=True) as file:
        file.write(json.dumps(facts).encode())


def _plain(value: Any) -> Any:
    """Return a value of a clock as JSON has it."""
    if isinstance(value, frozenset):
        return {"set": sorted(value)}
    if isinstance(value, dt.datetime):
        return {"moment": value.isoformat()}
    return {"day": value.isoformat()} if isinstance(value, dt.date) else value


def _typed(value: Any) -> Any:
    """Return a value of a clock as it was."""
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "set":
        return frozenset(inner)
    return dt.datetime.fromisoformat(inner) if kind == "moment" else dt.date.fromisoformat(inner)
