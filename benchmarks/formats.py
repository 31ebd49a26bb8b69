"""Speed of `smtplogs.read` on every format, against Postfix: its samples, repeated to some megabytes.

With `--grow` each is also read at four times that size: what costs more per byte then grows faster than the log.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from _measure import ROOT, Usage, middle, python, run, table

sys.path.insert(0, str(ROOT))

import smtplogs as sl

READ = "import smtplogs as sl; sl.read(sys.argv[1], year=2026)"
POSTFIX = "postfix"
SKIPPED = ("example-relay",)
"""Read only where the caller names it."""

UUID = re.compile(rb"[0-9A-F]{8}-((?:[0-9A-F]{4}-){3}[0-9A-F]{12})")

LEAST = {"exim": 0.5}
"""Share of Postfix's MB/s that a format must reach; all others a tenth."""


def repeated(sample: str, size: int, folder: Path) -> Path:
    """Repeat the largest log of a sample to so many bytes; a header, and a document, stand once."""
    source = max(sl.sample(sample), key=lambda path: path.stat().st_size)
    data = source.read_bytes()
    data += b"" if data.endswith(b"\n") else b"\n"
    head = 0
    if source.suffix.lower() == ".csv" or data.startswith(b"#") or b"\n#" in data[:400]:
        lines = data.splitlines(keepends=True)
        first = next((i for i, line in enumerate(lines) if not line.startswith(b"#")), 0)
        head = sum(map(len, lines[: first + (source.suffix.lower() == ".csv")]))
    body = data[head:]
    folder.mkdir(exist_ok=True)
    out = folder / f"{sample.replace('/', '-')}{source.suffix}"
    with out.open("wb") as file:
        file.write(data[:head])
        for n in range(max(1, (size - head) // len(body))):
            file.write(UUID.sub(b"%08X-" % n + rb"\1", body))  # a session is no other one's
    return out


def samples() -> dict[str, str]:
    """Return for each folder of samples the name of its largest one."""
    listed = sl.samples().sort("bytes", descending=True)
    found: dict[str, str] = {}
    for name in listed["name"]:
        folder = name.partition("/")[0]
        if folder not in SKIPPED:
            found.setdefault(folder, name)
    return dict(sorted(found.items()))


def measured(paths: dict[Any, Path], rounds: int) -> dict[Any, Usage]:
    """Time every file, rounds interleaved; medians."""
    usages: dict[Any, list[Usage]] = {name: [] for name in paths}
    for _ in range(rounds):
        for name, path in paths.items():
            usages[name].append(run(python(READ, str(path))))
    return {name: middle(runs) for name, runs in usages.items()}


def main() -> None:
    """Measure, print a table, exit with 1 if a format is slower than it may be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="Markdown rows")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="FORMAT", help="formats, or samples (`postfix/outage`)"
    )
    parser.add_argument("--grow", action="store_true", help="also at four times the size")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        chosen = {n: s for n, s in samples().items() if not args.only or n in (*args.only, POSTFIX)}
        chosen |= {n: n for n in args.only if "/" in n}
        sizes = (1, 4) if args.grow else (1,)
        paths = {
            (name, size): repeated(sample, size * args.megabytes * 1_000_000, folder / str(size))
            for name, sample in chosen.items()
            for size in sizes
        }
        empty = folder / "empty.log"
        empty.write_bytes(b"")
        usages = measured({None: empty, **paths}, args.rounds)
        start = usages.pop(None).cpu_s
        every = {key: path.stat().st_size / 1e6 / max(usages[key].cpu_s - start, 1e-6) for key, path in paths.items()}
    rates = {name: every[name, 1] for name in chosen}
    rows = [
        [
            name,
            f"{rates[name]:.1f}",
            f"{rates[name] / rates[POSTFIX]:.2f}",
            f"{usages[name, sizes[-1]].rss_mb:.0f}",
            *([f"{rates[name] / every[name, 4]:.2f}"] if args.grow else []),
        ]
        for name in rates
    ]
    head = [
        "format",
        "MB per cpu-s",
        "share of Postfix",
        "RSS MB",
        *(["cost of a byte at 4 times"] if args.grow else []),
    ]
    print(table(head, rows, markdown=args.table))
    slow = [name for name, rate in rates.items() if rate < LEAST.get(name, 0.1) * rates[POSTFIX]]
    if slow:
        print(f"too slow: {', '.join(slow)}")
    raise SystemExit(1 if slow else 0)


if __name__ == "__main__":
    main()
