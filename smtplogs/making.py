"""Some files to one part: the piece of work that a thread here or a worker of a cluster does, as often as need be."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smtplogs import __version__, custody, sources
from smtplogs._durable import sha256_of, sync_folder
from smtplogs._granted import enough
from smtplogs.batching import WORKERS
from smtplogs.custody import Planned, Stored
from smtplogs.datasets import SCHEMA_VERSION
from smtplogs.logformats import EVERY
from smtplogs.part_files import Part, opened
from smtplogs.parts import PartWriter, discard
from smtplogs.together import Given, read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from smtplogs.logformats import Dialogue, Table
    from smtplogs.onefile import Passed, Settings
    from smtplogs.stamps import Anchor

GROUP_BYTES = 24 << 20
"""Small files are read in groups of about so many stored bytes."""

GROUP_FILES = 2_000
"""And of at most so many files."""


@dataclass(frozen=True)
class Input:
    """A source, the evidence for its year, what it is recognised by, and the name under which it is found."""

    source: sources.Source
    anchor: Anchor
    signature: str
    found_as: str


@dataclass(frozen=True)
class Task:
    """A group of files to make a part of, on this machine or another; its name says what and how."""

    name: str
    dataset: Path
    inputs: tuple[Input, ...]
    settings: Settings
    by: str
    about: dict[str, str]
    parameters: dict[str, Any]
    hashed: bool


def task_of(
    group: list[tuple[Planned, Anchor]], dataset: Path, settings: Settings, by: str, about: dict[str, str], hashed: bool
) -> Task:
    """Make a task of some files."""
    inputs = tuple(Input(p.source, a, p.signature, _found_as(p)) for p, a in group)
    said = parameters(settings)
    # standard input is another one each time
    who = [[i.source.name, i.signature or uuid.uuid4().hex, i.anchor.latest.isoformat()] for i in inputs]
    name = hashlib.sha256(json.dumps([who, said, by], sort_keys=True).encode()).hexdigest()[:16]
    return Task(name, dataset, inputs, settings, by, about, said, hashed)


def make_part(task: Task, advance: Callable[[int], None] | None = None) -> Part:
    """Read the files of a task into a part; where it stands already, it is not made twice."""
    place = task.dataset / "loose" / task.name
    if (place / "part.json").exists():
        return opened(place)
    enough(sum(weight(i.source) for i in task.inputs))
    folder = place.with_name(f".{task.name}-{uuid.uuid4().hex[:8]}")
    folder.mkdir(parents=True)
    stored = Stored()
    settings = replace(task.settings, sparing=True)
    try:
        entries: dict[int, dict[str, Any]] = {}
        with PartWriter(folder, task.name, task.by, task.about) as writer, ThreadPoolExecutor(WORKERS) as pool:
            files = [Given(i.source, i.anchor) for i in task.inputs]
            for n, passed in read_all(files, settings, pool, writer, hash=task.hashed, advance=advance):
                given = task.inputs[n]
                writer.coverage(passed.coverage)
                sha256 = stored.sha256(given.source) if given.source.packed and task.hashed else passed.sha256
                entries[n] = _entry(task, given, passed, sha256 or passed.sha256)
            writer.finish([entries[n] for n in sorted(entries)])
        named(folder, place)
    except BaseException:
        discard(folder)
        raise
    return opened(place)


def _entry(task: Task, given: Input, passed: Passed, stored: str | None) -> dict[str, Any]:
    """Return what the manifest keeps of an input."""
    source = given.source
    facts = passed.coverage.row(0, named=True)
    times = {k: facts[k].isoformat() if facts[k] else None for k in ("first_time", "last_time")}
    return {
        "id": passed.sha256 or hashlib.sha256(f"{given.found_as}\n{given.signature}".encode()).hexdigest(),
        "source": source.name,
        "found_as": given.found_as,
        "path": str(source.path.resolve()) if source.path else None,
        "member": source.member,
        "compression": source.compression,
        "stored_bytes": source.stored_bytes if source.path else passed.bytes,
        "stored_sha256": stored,
        "bytes": passed.bytes,
        "sha256": passed.sha256,
        **{k: facts[k] for k in ("lines", "kept", "records", "context", "dismissed", "not_understood", "bad_stamps")},
        **times,
        **{k: facts[k] for k in ("year_evidence", "zone_evidence", "note", "error")},
        "read_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        **task.parameters,
        "anchor": passed.anchor.latest.isoformat(),
        "yearless": passed.yearless,
        "signature": given.signature,
        "start": custody.started(passed.start, passed.bytes),
        "turn": json.loads(json.dumps(sources.turn(replace(source, name=given.found_as)))),
    }


def parameters(settings: Settings) -> dict[str, Any]:
    """Return how logs are read: what must be the same for a known log to be skipped."""
    return {
        "format": settings.only or _said(settings.whole) or "auto",
        "tz": settings.tz,
        "year": settings.year,
        "host": settings.host,
        "catalogue": sha256_of(Path(settings.catalogue)) if settings.catalogue else None,
        "version": __version__,
        "schema": SCHEMA_VERSION,
    }


def _said(format_: Dialogue | Table | None) -> str | None:
    """Return the name of a format; of a declared one also what it declares, which may change."""
    if format_ is None or format_ in EVERY:
        return format_ and format_.name
    return f"{format_.name} {hashlib.sha256(repr(format_).encode()).hexdigest()[:16]}"


def _found_as(plan: Planned) -> str:
    """Return the name without the number that a second log of one name was given."""
    stem, mark, number = plan.source.name.rpartition("#")
    return stem if mark and number.isdigit() and plan.why.startswith("another log") else plan.source.name


SHRINK = 8
"""Logs shrink to about an eighth when they are packed."""


def weight(source: sources.Source) -> int:
    """Guess the expanded bytes of a source."""
    if source.stored_bytes is None:
        return GROUP_BYTES
    return source.stored_bytes * SHRINK if source.compression else source.stored_bytes


def groups(chosen: Iterable[tuple[Planned, Anchor]]) -> Iterator[list[tuple[Planned, Anchor]]]:
    """Put small files together; a large one, or standard input, is a group of its own."""
    group: list[tuple[Planned, Anchor]] = []
    size = 0
    for plan, anchor in chosen:
        n = weight(plan.source)
        if group and (size + n > GROUP_BYTES or len(group) >= GROUP_FILES):
            yield group
            group, size = [], 0
        group.append((plan, anchor))
        size += n
    if group:
        yield group


def named(folder: Path, place: Path) -> None:
    """Let a finished folder appear under its name; if another worker was faster, its copy stays."""
    try:
        folder.rename(place)
        sync_folder(place.parent)
    except OSError:
        if not (place / "part.json").exists():
            shutil.rmtree(place, ignore_errors=True)
            folder.rename(place)
        else:
            discard(folder)
