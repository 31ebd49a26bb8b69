"""One log told in other ways: cut, copied, packed, in another zone, under other names, among strangers."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import hmac
import json
import lzma
import random
import re
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

import smtplogs as sl
from simulate_clients import Site
from simulate_incidents import FaultySite

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

SECRET = b"another key in every release of these tests"
NAME = re.compile(r"(?<=sasl_username=)[^\s@,]+(?:@[^\s,]+)?")

PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}


def clients_log(folder: Path, seed: int = 411) -> list[str]:
    """Return the lines of a site where each thing that is wrong with clients goes wrong once."""
    site = Site(seed, days=10)
    site.lock_after = 5
    site.people()
    site.polling(4)
    site.late_phones(1)
    site.locking_application()
    site.bots(12)
    site.scanners(8)
    site.outage(8 * 86_400.0 + 50_400.0, 2400.0)
    site.forgotten(3)
    site.misconfigured()
    site.storm()
    site.per_message()
    site.passwords_off()
    site.relay("relay.example.net", repaired=True)
    site.weak()
    return site.write(folder / "clients.log").read_text(encoding="utf-8").splitlines()


def attacks_log(_folder: Path, seed: int = 412) -> list[str]:
    """Return the lines of a site that is attacked, limited, and whose backend fails."""
    place = FaultySite(seed=seed, n_users=30, n_days=5)
    place.people()
    place.bots(6)
    place.typists(2)
    place.down("535")
    place.guess()
    place.spray_fast()
    place.botnet(30)
    place.stuff()
    place.takeover()
    place.limit = (40, 60.0)
    place.forget(every=1.2, length=900)
    return place.log()


def written(path: Path, lines: Iterable[str], pack: str = "") -> Path:
    """Write lines as one file, packed or not."""
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(PACKED[pack](data) if pack else data)
    return path


def cut(lines: list[str], parts: int, seed: int = 5) -> list[list[str]]:
    """Cut lines at any places, in the middle of sessions too."""
    places = sorted(random.Random(seed).sample(range(1, len(lines)), parts - 1))
    return [lines[a:b] for a, b in zip([0, *places], [*places, len(lines)], strict=True)]


def an_hour_east(lines: list[str]) -> list[str]:
    """Return the same moments as a clock one hour east of Greenwich writes them."""

    def east(line: str) -> str:
        stamp, rest = line.split(" ", 1)
        there = datetime.fromisoformat(stamp) + timedelta(hours=1)
        return f"{there:%Y-%m-%dT%H:%M:%S.%f}+01:00 {rest}"

    return [east(line) for line in lines]


@dataclass
class Pseudonyms:
    """Other names for the same people; local part and domain by themselves, so that the form of a name stays."""

    back: dict[str, str]

    def __call__(self, lines: list[str]) -> list[str]:
        """Return the lines under other names."""
        return [NAME.sub(lambda m: self._name(m[0]), line) for line in lines]

    def _name(self, name: str) -> str:
        local, at, domain = name.partition("@")
        clean = local.rstrip("?'")
        other = self._part(clean) + local[len(clean) :]
        if "\\" in clean:
            outer, inner = clean.split("\\", 1)
            other = f"{outer}\\{self._part(inner)}"
        if clean == "apikey":
            other = local
        known = domain.rstrip("?' ")
        return f"{other}{at}{self._part(known, '.example')}{domain[len(known) :]}" if at else other

    def _part(self, text: str, end: str = "") -> str:
        digest = hmac.new(SECRET, text.lower().encode(), hashlib.sha256).hexdigest()
        made = "".join(chr(97 + int(c, 16)) for c in digest[:12]) + end
        self.back[made] = text
        return made

    def named(self, text: str) -> str:
        """Return text with the first names again."""
        return re.sub("|".join(map(re.escape, self.back)), lambda m: self.back[m[0]], text)


def without_names(lines: list[str]) -> list[str]:
    """Return the lines as Postfix before 3.9 wrote them: failures name nobody."""
    return [re.sub(r"(SASL \S+ authentication failed: .*), sasl_username=.*", r"\1", line) for line in lines]


def among_others(lines: list[str], folder: Path, days: int) -> list[str]:
    """Return the lines among those of other programs, and of people of another domain on another server.

    They make no mistakes: somebody's refused attempts at the same minute do bear on whether it was an outage.
    """
    begin = min(lines).split("T")[0]
    other = Site(7, users=12, days=days)
    renamed = [u.replace("@example.com", "@example.edu") for u in other.users]
    other.users = renamed
    other.home = {u: f"2001:db8:ed0:{i:x}::5" for i, u in enumerate(renamed)}
    other.secrets = {u: [(0.0, "first")] for u in renamed}
    for i, user in enumerate(renamed):
        for day in range(days):
            for k in range(1 + (i + day) % 5):
                at = day * 86_400.0 + 25_200 + 7200 * k + 997 * i
                other.plan(at, lambda t, u=user: other.attempt(t, u, other.home[u]))
    text = other.write(folder / "others.log").read_text(encoding="utf-8").splitlines()
    ahead = datetime.fromisoformat(begin) - datetime.fromisoformat(min(text).split("T")[0])
    moved = []
    for line in text:
        stamp, _, rest = line.split(" ", 2)
        at = datetime.fromisoformat(stamp) + ahead
        moved.append(f"{at:%Y-%m-%dT%H:%M:%S.%f}+00:00 mx9 {rest}")
        if len(moved) % 5 == 0:
            moved.append(f"{at:%Y-%m-%dT%H:%M:%S.%f}+00:00 mx9 CRON[17]: (root) CMD (run-parts /etc/cron.hourly)")
            moved.append(f"{at:%Y-%m-%dT%H:%M:%S.%f}+00:00 mx9 sshd[9]: Failed password for root from 192.0.2.77")
    return sorted([*lines, *moved], key=lambda line: line.split(" ", 1)[0])


@dataclass
class Told:
    """What is found in a log, in a form that says nothing of files."""

    findings: pl.DataFrame
    lines: dict[str, str]

    def rows(self, *columns: str) -> list[tuple[Any, ...]]:
        """Return some columns of what was found, sorted."""
        return sorted(self.findings.select(columns).rows(), key=repr)

    def stories(self) -> list[tuple[str, str, str]]:
        """Return which finding belongs to which: kinds and starts."""
        named = {r["finding_id"]: f"{r['kind']} {r['start']}" for r in self.findings.to_dicts()}
        return sorted((named[r["finding_id"]], named.get(r["part_of"], "")) for r in self.findings.to_dicts())

    def evidence(self) -> list[list[str]]:
        """Return the lines behind each finding, as they stand in the log."""
        return sorted([self.lines[e] for e in (row or [])] for row in self.findings["evidence"].to_list())

    def details(self) -> list[dict[str, Any]]:
        """Return the detectors' own columns."""
        return sorted((json.loads(d or "{}") for d in self.findings["details"].to_list()), key=repr)


def told(paths: list[Path], **how: Any) -> Told:
    """Read logs and find everything."""
    events, coverage, traffic = sl.read([str(p) for p in paths], full=True, **how)
    known = events.filter(pl.col("source").is_not_null()).select(pl.format("{}:{}", "source", "line_no"), "raw")
    also = events.select("also", "raw").explode("also").drop_nulls("also").select("also", "raw")
    return Told(sl.findings(events, coverage=coverage, traffic=traffic), {**dict(also.rows()), **dict(known.rows())})
