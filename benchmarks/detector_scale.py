"""Time and memory of every detector on a large dataset of events, read lazily from Parquet.

    PYTHONPATH=. python benchmarks/detector_scale.py build 5 /tmp/events5        # 5 million events
    PYTHONPATH=. python benchmarks/detector_scale.py measure /tmp/events5 [--only lockouts] [--in-memory]

The dataset is one simulated fortnight (`smtplogs.simulate`: people, a forgotten application that locks, spray, botnet,
brute force, an outage) told again for other accounts, addresses and later times, a file a fortnight, in order of time. Each
detector runs in a process of its own; `digest` tells whether two ways gave the same findings.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import polars as pl
from _measure import python, run, table

import smtplogs as sl
from smtplogs.detect import DETECTORS

DAYS, USERS = 14, 250
STORIES = ("lockout", "spray", "botnet", "brute-force", "outage", "takeover", "stuffing")
NETWORKS = {"198.51.100.": "198.18.{}.", "192.0.2.": "198.19.{}.", "203.0.113.": "198.19.{}."}

CALL = (
    "import smtplogs as sl, hashlib; events = sl.load(sys.argv[1]); "
    "events = events.collect() if sys.argv[3] == 'memory' else events; "
    "found = getattr(sl, sys.argv[2])(events); "
    "text = found.write_ndjson(); "
    "print(found.height, hashlib.sha256(text.encode()).hexdigest()[:12])"
)


def build(millions: float, out: Path) -> None:
    """Write the dataset: rounds in time, and in each as many towns as keep a file near two million events."""
    with tempfile.TemporaryDirectory() as folder:
        sl.simulate(folder, scenarios=STORIES, seed=20, days=DAYS, users=USERS)
        base = sl.read(Path(folder) / "postfix")
    out.mkdir(parents=True, exist_ok=True)
    towns = max(1, min(round(2_000_000 / base.height), round(millions * 1e6 / base.height)))
    rounds = max(1, round(millions * 1e6 / base.height / towns))
    for k in range(rounds):
        parts = [_moved(base, town, k * DAYS) for town in range(towns)]
        whole = pl.concat(parts).sort("time", "source", "line_no")
        enums = pl.selectors.enum().cast(pl.String)
        whole.with_columns(enums).write_parquet(out / f"part-{k:03d}.parquet", row_group_size=262_144)
        print(f"part {k}: {whole.height:,} events", flush=True)


def _moved(base: pl.DataFrame, town: int, days: int) -> pl.DataFrame:
    ip = pl.col("client_ip")
    for text, form in NETWORKS.items():
        ip = ip.str.replace(text, form.format(town + (100 if text == "203.0.113." else 0)), literal=True)
    ip = ip.str.replace("2001:db8:", f"3fff:{town:x}:", literal=True)  # RFC 9637: networks stay apart
    return base.with_columns(
        pl.col("time").dt.offset_by(f"{days}d"),
        ip.alias("client_ip"),
        pl.col("user").str.replace("@", f"@t{town}.", literal=True),
        pl.format("{}-{}-{}", "source", pl.lit(town), pl.lit(days)).alias("source"),
        pl.format("{}-{}-{}", "session", pl.lit(town), pl.lit(days)).alias("session"),
    )


def measure(folder: Path, only: list[str], *, memory: bool) -> None:
    """Run the detectors one after another, and print what each took."""
    n = sl.load(folder).select(pl.len()).collect().item()
    print(f"{n:,} events, {'collected first' if memory else 'lazy'}")
    rows = []
    for name in [d.__name__ for d in DETECTORS] + ["findings"]:
        if only and name not in only:
            continue
        with tempfile.TemporaryDirectory() as place:
            output = Path(place) / "out"
            used = run(python(CALL, str(folder), name, "memory" if memory else "lazy"), output)
            told = output.read_text().split()
        count, digest = told if len(told) == 2 else ("failed", f"exit {used.exit_code}")
        rows.append([name, f"{used.wall_s:.1f}", f"{used.cpu_s:.1f}", f"{used.rss_mb:,.0f}", count, digest])
        print("  ".join(rows[-1]), flush=True)
    print(table(["detector", "wall s", "cpu s", "RSS MB", "findings", "digest"], rows, markdown=True))


def main() -> None:
    """Build, or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    builder = commands.add_parser("build")
    builder.add_argument("millions", type=float)
    builder.add_argument("out", type=Path)
    measurer = commands.add_parser("measure")
    measurer.add_argument("folder", type=Path)
    measurer.add_argument("--only", nargs="*", default=[])
    measurer.add_argument("--in-memory", action="store_true")
    given = parser.parse_args()
    if given.command == "build":
        build(given.millions, given.out)
    else:
        measure(given.folder, given.only, memory=given.in_memory)


if __name__ == "__main__":
    main()
