"""One run over a dataset, step by step: what is new by its content, parts, settled slices, and the commit.

A run plans by content (`custody`), makes parts (`making`), settles the slices that something new touches (`slicing`),
and commits: new files get their names, the manifest is replaced, files that it does not list go. Until the manifest is
replaced the old state stands whole; whatever a killed run left behind is used or cleaned up by the next one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import secrets
import uuid
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import __version__, crossing, custody, opening, overview, slicing, sources
from smtplogs._crew import Meter, each
from smtplogs._durable import sync_folder, whole
from smtplogs.batching import WORKERS
from smtplogs.custody import GROWN, READ, TWIN, UNCHANGED, Planned, Stored
from smtplogs.datasets import MANIFEST, SCHEMA_VERSION, manifest_of
from smtplogs.dating import anchors
from smtplogs.making import Task, groups, make_part, named, parameters, task_of, weight
from smtplogs.part_files import PUBLIC, Part, Where, opened
from smtplogs.parts import discard, without
from smtplogs.schema import TIME

if TYPE_CHECKING:
    from smtplogs.onefile import Settings

LARGE_BYTES = 64 << 20
"""Expanded bytes from which a file is read alone."""

RESULT = {
    "source": pl.String,
    "status": pl.String,
    "lines": pl.UInt64,
    "records": pl.UInt64,
    "not_understood": pl.UInt64,
    "first_time": TIME,
    "last_time": TIME,
    "note": pl.String,
    "error": pl.String,
}
"""Columns of what `parse` returns."""


class Run:
    """One run over a dataset, step by step; nothing of the old state changes before `commit`."""

    def __init__(self, dataset: Path, settings: Settings, by: str, *, hashed: bool) -> None:
        self.dataset, self.settings, self.hashed = dataset, settings, hashed
        self.loose = dataset / "loose"
        self.manifest = manifest_of(dataset)
        self.by: str = self.manifest.get("by", by)
        if self.by != by:
            raise ValueError(f"{dataset} is partitioned by {self.by}, and a dataset keeps its partitions")
        self.loose.mkdir(exist_ok=True)
        self.about = {
            "smtplogs.version": __version__,
            "smtplogs.schema": str(SCHEMA_VERSION),
            "smtplogs.parameters": json.dumps(parameters(settings)),
        }
        self.key = _key(dataset)
        self.committed: set[str] = set(self.manifest.get("parts", []))
        self.parts = self._standing_parts()
        self.plans: list[Planned] = []
        self.tasks: list[Task] = []
        self.slices: list[dict[str, Any]] = []
        self.twins: dict[str, str] = {}
        self.vanished: dict[str, str] = {}

    def _standing_parts(self) -> list[Part]:
        """Return the parts of the manifest, and what a run that was stopped had finished."""
        dropped = set(self.manifest.get("dropped", []))
        folders = sorted(p for p in self.loose.iterdir() if not p.name.startswith(".") and p.name not in dropped)
        parts = [opened(folder) for folder in folders if (folder / "part.json").exists()]
        known = {i["id"] for p in parts if p.name in self.committed for i in p.inputs}
        return [p for p in parts if p.name in self.committed or known.isdisjoint(i["id"] for i in p.inputs)]

    @property
    def entries(self) -> list[dict[str, Any]]:
        """All inputs of the parts that stand."""
        return [i for p in self.parts for i in p.inputs]

    def plan(self, found: list[sources.Source]) -> None:
        """Tell by content what is new, and cut that into tasks."""
        names = {source.name for source in found}
        # what a stopped run had read of other files may have been a mistake
        self.parts = [
            p for p in self.parts if p.name in self.committed or all(i["found_as"] in names for i in p.inputs)
        ]
        said = parameters(self.settings)
        entries = {e["id"]: e for e in self.entries}
        self.plans = custody.planned(found, list(entries.values()), said, Stored(), hashed=self.hashed)
        begun = {
            p.source.name: dt.datetime.fromisoformat(p.of["first_time"])
            for p in self.plans
            if p.of is not None and p.verdict == UNCHANGED and p.of["first_time"]
        }
        chosen = []
        for plan, fresh in zip(self.plans, anchors(found, self.settings, begun), strict=True):
            anchor = fresh
            known = plan.of or next((entries[i] for i in plan.replaces if i in entries and entries[i]["bytes"]), None)
            if known is not None and plan.verdict != GROWN and not anchor.year_given and known["year"] is None:
                # copies only get younger: the earliest evidence is the best
                anchor = replace(anchor, latest=min(anchor.latest, dt.datetime.fromisoformat(known["anchor"])))
            if plan.verdict == UNCHANGED and plan.of is not None and custody.years_differ(plan.of, anchor):
                plan.verdict, plan.why = READ, "read again: a younger file shows that it is of an earlier year"
                plan.replaces.append(plan.of["id"])
            if plan.verdict in (READ, GROWN):
                chosen.append((plan, anchor))
        make = (self.dataset, self.settings, self.by, self.about, self.hashed)
        self.tasks = [task_of(group, *make) for group in groups(chosen)]

    def read(self, workers: int | None, cluster: Any, *, show: bool) -> None:
        """Make the parts; each is kept as soon as it is whole."""
        names = {p.name for p in self.parts}
        sizes = {t.name: sum(i.source.stored_bytes or 0 for i in t.inputs) for t in self.tasks}
        large = [t for t in self.tasks if cluster is None and _is_large(t)]
        small = [t for t in self.tasks if t not in large]
        n_files, n_read = sum(len(t.inputs) for t in self.tasks), 0
        with Meter(sum(sizes.values()), "reading", "B", show=show) as meter:
            meter.say(f"0 of {n_files:,} files")
            for tasks, at_once in ((large, workers or 1), (small, workers or WORKERS)):
                how = {"key": self.key, "meter": meter, "workers": at_once, "cluster": cluster}
                for part in each(make_part, tasks, sizes=[sizes[t.name] for t in tasks], **how):
                    n_read += len(part.inputs)
                    meter.say(f"{n_read:,} of {n_files:,} files")
                    if part.name not in names:
                        self.parts.append(part)
        self._take_out_doubles()

    def _take_out_doubles(self) -> None:
        """Take out inputs that grew or moved, and twins: what two files both hold counts once."""
        self._keep_what_vanished()
        dead = {i for p in self.plans for i in p.replaces}
        again = {i["id"] for p in self.parts if p.name not in self.committed for i in p.inputs} & dead
        rank = {p.source.name: n for n, p in enumerate(self.plans)}
        seen: dict[str, str] = {}
        gone: dict[str, set[str]] = {}
        order = sorted(self.parts, key=lambda p: (p.name not in self.committed, p.name))
        rows = [(p.name in self.committed, rank.get(i["source"], -1), p.name, i) for p in order for i in p.inputs]
        for old, _, name, entry in sorted(rows, key=lambda row: (not row[0], row[1])):
            if (entry["id"] in dead and (old or entry["id"] not in again)) or (
                entry["source"] in self.vanished and not old
            ):
                gone.setdefault(name, set()).add(entry["source"])
            elif entry["sha256"] and entry["bytes"]:
                first = seen.setdefault(entry["sha256"], entry["source"])
                if first != entry["source"]:
                    self.twins[entry["source"]] = first
                    gone.setdefault(name, set()).add(entry["source"])
        left = []
        for part in self.parts:
            if part.name not in gone:
                left.append(part)
            elif len(gone[part.name]) < len(part.inputs):
                left.append(self._trimmed(part, gone[part.name]))
        self.parts = sorted(left, key=lambda p: p.name)

    def _keep_what_vanished(self) -> None:
        """A log that had grown and went away before it was read, as in a rotation: what is known of it stands."""
        rows = [(p.name in self.committed, i) for p in self.parts for i in p.inputs]
        standing = {i["id"]: i for old, i in rows if old and i["bytes"]}
        unread = {i["source"]: i["error"] for old, i in rows if not old and i["error"] and not i["bytes"]}
        for plan in self.plans:
            name = plan.source.name
            if name in unread and any(i in standing and standing[i]["source"] == name for i in plan.replaces):
                self.vanished[name] = f"{unread[name]}; what was read of it before stands"
                plan.replaces = [i for i in plan.replaces if i not in standing]

    def _trimmed(self, part: Part, gone: set[str]) -> Part:
        """Write a part anew without some of its sources; return the new one."""
        name = hashlib.sha256(json.dumps([part.name, sorted(gone)]).encode()).hexdigest()[:16]
        folder = self.loose / f".{name}-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        places = [replace(p, path=str(Where(self.dataset, part.name, p).path)) for p in part.pieces]
        without(replace(part, pieces=places), gone, Path("/"), folder, name, self.by, self.about)
        named(folder, self.loose / name)
        return opened(self.loose / name)

    def settle(self, workers: int | None, cluster: Any, *, show: bool) -> None:
        """Settle the slices that something new touches."""
        # records that ids tie together are looked at with hours around them: two such slices would take too much memory
        at_once = workers or (1 if any(p.of("unlinked") for p in self.parts) else WORKERS)
        names = {p.name for p in self.parts}
        standing = {s["slice"]: s for s in self.manifest.get("slices", [])}
        if names == self.committed and self.manifest["version"] == __version__:
            self.slices = list(standing.values())
            return
        ordered = sorted(self.entries, key=lambda e: (e["turn"], e["source"]))
        order = {e["source"]: n for n, e in enumerate(ordered)}
        tied, hours, more = crossing.sessions(self.dataset, self.parts, order, self.about, self.settings.catalogue)
        slices = slicing.grid(self.parts, hours, self.by)
        fresh = names - self.committed
        opening.with_doubles_open(self.dataset, self.parts, tied, fresh, slices, self.about)
        known = overview.added(p.known for p in self.parts) + more
        done = {name: s["fingerprint"] for name, s in standing.items()}
        todo = slicing.tasks(self.dataset, self.parts, tied, slices, known, self.by, self.about, done)
        with Meter(len(todo), "settling", "slice", show=show) as meter:
            how = {"key": self.key, "meter": meter, "workers": at_once, "cluster": cluster}
            for one in each(slicing.settled, todo, **how):
                self.slices.append(standing[one["slice"]] if one.pop("unchanged") else one)
        self.slices.sort(key=lambda s: s["slice"])

    def commit(self, problems: list[tuple[str, str, str]]) -> None:
        """Give new files their names, replace the manifest, and remove what it does not list."""
        pieces = [s["piece"] for s in self.slices if s["piece"]]
        moves = [(self.loose / part.name / p.path, p.path) for part in self.parts for p in part.of(*PUBLIC)]
        moves += [(self.loose / ".staged" / p["path"], p["path"]) for p in pieces]
        touched = set()
        for place, path in moves:
            if place.exists():
                target = self.dataset / path
                target.parent.mkdir(parents=True, exist_ok=True)
                place.replace(target)
                touched |= {target.parent, target.parent.parent}
        for folder in touched:
            sync_folder(folder)
        names = {p.name for p in self.parts}
        files = [asdict(p) for part in self.parts for p in part.of(*PUBLIC)] + pieces
        self.manifest = {
            "dataset": "smtplogs",
            "schema": SCHEMA_VERSION,
            "version": __version__,
            "by": self.by,
            "written_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "inputs": sorted(self.entries, key=lambda e: (e["turn"], e["source"])),
            "notes": self._notes(problems),
            "files": sorted(files, key=lambda f: f["path"]),
            "slices": self.slices,
            "parts": sorted(names),
            "dropped": sorted(p.name for p in self.loose.iterdir() if p.name not in names and p.name[0] != "."),
        }
        with whole(self.dataset / MANIFEST, sync=True) as file:
            file.write(_lines_of_json(self.manifest).encode())
        self._clean({f["path"] for f in files})

    def _notes(self, problems: list[tuple[str, str, str]]) -> list[list[str]]:
        """Return what was not read, and why: of this run, and of earlier ones about other files."""
        twins = [(p.source.name, p.of["source"]) for p in self.plans if p.verdict == TWIN and p.of is not None]
        gone = [(name, "error", said) for name, said in self.vanished.items()]
        notes = [*problems, *gone, *((n, "note", _counted_once(of)) for n, of in (*twins, *self.twins.items()))]
        about = {name for name, *_ in notes} | {p.source.name for p in self.plans}
        return [*(n for n in self.manifest.get("notes", []) if n[0] not in about), *map(list, notes)]

    def _clean(self, listed: set[str]) -> None:
        """Remove files and folders that are none of the dataset's."""
        for kind in PUBLIC:
            for path in (self.dataset / kind).rglob("*.parquet"):
                if path.relative_to(self.dataset).as_posix() not in listed:
                    path.unlink(missing_ok=True)
            for folder in (self.dataset / kind).glob("*/"):
                with suppress(OSError):
                    folder.rmdir()
        names = {p.name for p in self.parts}
        for folder in self.loose.iterdir():
            if folder.name not in names:
                discard(folder)
        for part in self.parts:
            kept = {p.path for p in part.pieces} | {"part.json"}
            folder = self.loose / part.name
            for path in folder.glob("*"):
                if path.name not in kept:
                    discard(path) if path.is_dir() else path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what a failed run cannot use again: on a full disk every byte counts."""
        for folder in self.loose.glob(".*"):
            discard(folder)

    def told(self) -> pl.DataFrame:
        """Return what became of every input found."""
        entries = {e["source"]: e for e in self.entries}
        rows = []
        for plan in self.plans:
            twin = (
                self.twins.get(plan.source.name) or (plan.of or {}).get("source") if plan.verdict != UNCHANGED else None
            )
            entry = plan.of if plan.verdict == UNCHANGED and plan.of is not None else entries.get(plan.source.name, {})
            if plan.verdict == TWIN or plan.source.name in self.twins:
                rows.append({"source": plan.source.name, "status": TWIN, "note": _counted_once(str(twin))})
                continue
            facts = {k: entry.get(k) for k in ("lines", "records", "not_understood", "error")}
            for k in ("first_time", "last_time"):
                facts[k] = dt.datetime.fromisoformat(entry[k]) if entry.get(k) else None
            note = "; ".join(t for t in (plan.why, entry.get("note")) if t) or None
            gone = self.vanished.get(plan.source.name)
            status, facts["error"] = ("failed", gone) if gone else (plan.verdict, facts["error"])
            rows.append({"source": plan.source.name, "status": status, **facts, "note": note})
        found = {p.source.name for p in self.plans}
        for name, kind, text in self.manifest["notes"]:
            if name not in found:
                rows.append({"source": name, "status": "left out" if kind == "note" else "failed", kind: text})
        return pl.DataFrame(rows, schema=RESULT)


def _counted_once(of: str) -> str:
    return f"same content as {of}: counted once"


def _key(dataset: Path) -> bytes:
    """Return the key of the dataset's pseudonyms; whoever has it can test guesses, so it is for the owner alone."""
    path = dataset / ".key"
    if not path.exists():
        path.touch(mode=0o600)  # an empty one is that of a run that was killed here
    if not path.stat().st_size:
        with whole(path, sync=True) as file:
            file.write(secrets.token_hex(32).encode())
    return bytes.fromhex(path.read_text())


def _lines_of_json(manifest: dict[str, Any]) -> str:
    """Write JSON with a line for each item of a list: to be read, searched and compared."""
    parts = []
    for name, value in manifest.items():
        text = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list) and value:
            text = "[\n" + ",\n".join(f"  {json.dumps(v, ensure_ascii=False)}" for v in value) + "\n]"
        parts.append(f"{json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _is_large(task: Task) -> bool:
    """Tell whether a task keeps two cores busy by itself: two such would only take twice the memory."""
    return len(task.inputs) == 1 and weight(task.inputs[0].source) > LARGE_BYTES
