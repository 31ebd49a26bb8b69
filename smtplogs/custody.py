"""Chain of custody: what is known of every input, and which of those found now are known, grown, twins or new.

Inputs are told by content. The stored bytes of a file that looks like a known one (size, first and last bytes) are
hashed in full before it is skipped; a log that begins with all of a known one has grown.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from smtplogs import sources
from smtplogs._durable import sha256_of
from smtplogs.sources import START

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from smtplogs.sources import Source
    from smtplogs.stamps import Anchor

    Entry = dict[str, Any]

ENDS = 1 << 16
"""Bytes at either end by which a file is recognised."""

READ, UNCHANGED, GROWN, TWIN = "read", "unchanged", "grown", "same content"


@dataclass
class Planned:
    """What is to become of a source.

    Attributes
    ----------
    source
        The source, under the name that its rows will carry.
    signature
        Size and hash of the ends of the stored file, and where in it a member lies.
    verdict
        READ, UNCHANGED, GROWN or TWIN.
    replaces
        Entries (`id`) whose rows go when this one is read.
    of
        The entry that it is, or is a twin of.
    why
        Why a known one is read again.
    """

    source: Source
    signature: str
    verdict: str = READ
    replaces: list[str] = field(default_factory=list)
    of: Entry | None = None
    why: str = ""


class Stored:
    """Signatures and hashes of stored files, each taken once."""

    def __init__(self) -> None:
        self._signatures: dict[Path, str] = {}
        self._hashes: dict[Path, str] = {}

    def signature(self, source: Source) -> str:
        """Return what a stored file is recognised by; empty for standard input."""
        if source.path is None:
            return ""
        if source.path not in self._signatures:
            self._signatures[source.path] = _ends(source.path)
        where = f":{source.member}@{source.place.offset}" if source.place else ""
        return self._signatures[source.path] + where

    def sha256(self, source: Source) -> str | None:
        """Return the SHA-256 of a stored file (of a member: of its archive)."""
        if source.path is None:
            return None
        if source.path not in self._hashes:
            try:
                self._hashes[source.path] = sha256_of(source.path)
            except OSError:
                return None
        return self._hashes[source.path]


def _ends(path: Path) -> str:
    """Return size and SHA-256 of both ends of a file; empty if it cannot be read."""
    try:
        with path.open("rb", buffering=0) as file:
            size = file.seek(0, 2)
            file.seek(0)
            digest = hashlib.sha256(file.read(ENDS))
            if size > ENDS:
                file.seek(max(ENDS, size - ENDS))
                digest.update(file.read(ENDS))
    except OSError:
        return ""
    return f"{size}:{digest.hexdigest()[:32]}"


def planned(
    found: Iterable[Source], entries: list[Entry], parameters: dict[str, Any], stored: Stored, *, hashed: bool
) -> list[Planned]:
    """Tell what is to become of each source, in the order given.

    Parameters
    ----------
    found
        Sources, in rotation order.
    entries
        What the manifest knows.
    parameters
        How logs are read now, and by which version: what was read otherwise is read again.
    stored
        Signatures and hashes.
    hashed
        Compare whole contents; else ends and sizes are believed.
    """
    plans = [_recognised(s, entries, stored, hashed=hashed) for s in found]
    verdicts = {p.source.name: p for p in plans}
    for plan in plans:
        known = plan.of
        if known is None:
            continue
        namesake = verdicts.get(known["source"])
        if plan.verdict == TWIN and namesake is not None and (namesake.of or {}).get("id") != known["id"]:
            # the log was moved on by rotation: under its old name there is another one now
            plan.verdict, plan.why = READ, f"was {known['source']}"
            plan.replaces.append(known["id"])
        elif plan.verdict == UNCHANGED and any(known[k] != v for k, v in parameters.items()):
            plan.verdict, plan.why = READ, "is read otherwise now"
            plan.replaces.append(known["id"])
    for plan in plans:
        # it went away between being found and being read, as a log does that is rotated: nothing to keep
        unread = [e["id"] for e in entries if e["error"] and not e["bytes"] and _name(e) == plan.source.name]
        if plan.verdict in (READ, GROWN):
            plan.replaces += [i for i in unread if i not in plan.replaces]
    gone = {i for p in plans for i in p.replaces}
    names = {e["source"] for e in entries if e["id"] not in gone}
    for plan in plans:
        if plan.verdict in (READ, GROWN) and plan.source.name in names:
            # copytruncate without a copy: the old content is kept under the plain name, so this one gets a number
            k = next(k for k in range(2, len(names) + 3) if f"{plan.source.name}#{k}" not in names)
            plan.source = replace(plan.source, name=f"{plan.source.name}#{k}")
            plan.why = "another log stood under this name before"
        if plan.verdict in (READ, GROWN):
            names.add(plan.source.name)
    return plans


def _recognised(source: Source, entries: list[Entry], stored: Stored, *, hashed: bool) -> Planned:
    """Tell whether an input is known, a twin of a known one, grown, or new."""
    plan = Planned(source, stored.signature(source))
    if not entries or source.path is None:
        return plan
    alike = [e for e in entries if plan.signature and e["signature"] == plan.signature]
    same = [e for e in alike if not hashed or e["stored_sha256"] in (None, stored.sha256(source))]
    if same:
        plan.of = next((e for e in same if _name(e) == source.name), same[0])
        plan.verdict = UNCHANGED if _name(plan.of) == source.name else TWIN
        return plan
    kin = _begins_with(source, entries, hashed=hashed)
    twin = next((e for e, whole in kin if whole), None)
    if twin is not None:
        plan.of, plan.verdict = twin, UNCHANGED if _name(twin) == source.name else TWIN
        return plan
    plan.replaces = [e["id"] for e, _ in kin]
    plan.verdict = GROWN if kin else READ
    return plan


def _name(entry: Entry) -> str:
    """Return the name under which an input is found, without the number it may have been given."""
    return str(entry["found_as"])


def _begins_with(source: Source, entries: list[Entry], *, hashed: bool) -> list[tuple[Entry, bool]]:
    """Return the entries whose whole content this source begins with, and whether it ends there too."""
    with sources.open_source(source) as reading:
        reading.peek()
        start = reading.start
        alike = [e for e in entries if e["bytes"] and started(start, e["bytes"]) == e["start"]]
        if not alike or not hashed:
            return [(e, False) for e in alike if _name(e) == source.name and e["bytes"] > START]
        sizes = {e["bytes"] for e in alike}
        found, ended = _hashes_at(reading, sizes)
    return [(e, ended == e["bytes"]) for e in alike if e["sha256"] and found.get(e["bytes"]) == e["sha256"]]


def started(start: bytes, size: int) -> str:
    """Return the hash of the first bytes of a content of that size."""
    return hashlib.sha256(start[: min(START, size)]).hexdigest()[:32]


def _hashes_at(reading: sources.Reading, sizes: set[int]) -> tuple[dict[int, str], int | None]:
    """Return the SHA-256 of the first so many bytes, and the size of the whole if that was reached."""
    digest, done, found = hashlib.sha256(), 0, {}
    marks = sorted(sizes)
    for piece in reading.pieces():
        at = 0
        while marks and marks[0] <= done + len(piece):
            cut = marks.pop(0) - done
            digest.update(piece[at:cut])
            at = cut
            found[done + cut] = digest.hexdigest()
        if not marks and done + len(piece) > max(sizes):
            return found, None
        digest.update(piece[at:])
        done += len(piece)
    return found, done


def prefix_sha256(source: Source, size: int) -> str | None:
    """Return the SHA-256 of the first bytes of an expanded source; None if it has fewer."""
    with sources.open_source(source) as reading:
        return _hashes_at(reading, {size})[0].get(size)


def years_differ(entry: Entry, anchor: Anchor) -> bool:
    """Tell whether new evidence (a younger file of the same rotated set) would put a log into another year."""
    if not entry["yearless"] or entry["last_time"] is None:
        return False
    last = dt.datetime.fromisoformat(entry["last_time"]).replace(tzinfo=None)
    return last > anchor.latest + dt.timedelta(days=1)
