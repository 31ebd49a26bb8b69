"""Time and memory of every detector on a large dataset of events, read lazily from Parquet.

    PYTHONPATH=. python benchmarks/detector_scale.py build 50 /tmp/events50      # 50 million events, a year and a half
    PYTHONPATH=. python benchmarks/detector_scale.py build 1 /tmp/events1 --days 60
    PYTHONPATH=. python benchmarks/detector_scale.py measure /tmp/events50 [--only lockouts]
    PYTHONPATH=. python benchmarks/detector_scale.py measure /tmp/events1 --compare

What stands in the dataset tells `_years.py`. Each detector runs in a process of its own; `--compare` runs it three times:
lazily, on the table collected first, and lazily in pieces that are as many as those of the large table. The digests of the
findings must be equal.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import polars as pl
from _measure import python, run, table
from _years import months

import smtplogs as sl
from smtplogs.detect import DETECTORS
from smtplogs.detect._slices import MOST_ROWS

CALL = (
    "import smtplogs as sl, hashlib; from smtplogs.detect import _slices; events = sl.load(sys.argv[1]); "
    "events = events.collect() if sys.argv[3] == 'memory' else events; "
    "_slices.MOST_ROWS = int(sys.argv[4]); "
    "found = getattr(sl, sys.argv[2])(events); "
    "print(found.height, hashlib.sha256(found.write_ndjson().encode()).hexdigest()[:12])"
)
WAYS = {"lazy": 1, "memory": 1, "pieces": 25}
"""How the events are given to a detector, and into how many pieces more than usual they are cut."""


def build(millions: float, out: Path, days: int) -> None:
    """Write the dataset, a file a month, as `parse` names and packs them."""
    started = time.perf_counter()
    for month in months(round(millions * 1e6), days):
        first = month["time"][0]
        folder = out / "events" / f"month={first:%Y-%m}"
        folder.mkdir(parents=True, exist_ok=True)
        texts = month.with_columns(pl.selectors.enum().cast(pl.String))
        texts.write_parquet(folder / f"{first:%Y%m%d}.parquet", compression="zstd", compression_level=1)
        print(f"{first:%Y-%m-%d}: {month.height:,} events, {time.perf_counter() - started:.0f} s", flush=True)


def measure(folder: Path, only: list[str], ways: list[str]) -> None:
    """Run the detectors one after another, and print what each took."""
    n = sl.load(folder).select(pl.len()).collect().item()
    print(f"{n:,} events")
    rows = []
    for name in [d.__name__ for d in DETECTORS] + ["findings"]:
        if not only or name in only:
            for way in ways:
                rows.append(_measured(folder, name, way))
                print("  ".join(rows[-1]), flush=True)
    print(
        table(["detector", "events", "wall s", "cpu s", "RSS MB", "anon MB", "findings", "digest"], rows, markdown=True)
    )


def _measured(folder: Path, name: str, way: str) -> list[str]:
    """Run one detector in a process of its own."""
    most = str(MOST_ROWS // WAYS[way])
    with tempfile.TemporaryDirectory() as place:
        output = Path(place) / "out"
        used = run(python(CALL, str(folder), name, way, most), output)
        told = output.read_text().split()
    count, digest = told if len(told) == 2 else ("failed", f"exit {used.exit_code}")
    figures = (f"{used.wall_s:.1f}", f"{used.cpu_s:.1f}", f"{used.rss_mb:,.0f}", f"{used.anon_mb or 0:,.0f}")
    return [name, way, *figures, count, digest]


def main() -> None:
    """Build, or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    builder = commands.add_parser("build")
    builder.add_argument("millions", type=float)
    builder.add_argument("out", type=Path)
    builder.add_argument("--days", type=int, default=546)
    measurer = commands.add_parser("measure")
    measurer.add_argument("folder", type=Path)
    measurer.add_argument("--only", nargs="*", default=[])
    measurer.add_argument("--compare", action="store_true")
    given = parser.parse_args()
    if given.command == "build":
        build(given.millions, given.out, given.days)
    else:
        measure(given.folder, given.only, list(WAYS) if given.compare else ["lazy"])


if __name__ == "__main__":
    main()
