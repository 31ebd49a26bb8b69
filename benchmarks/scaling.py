"""Cost of `smtplogs parse` against size: the line should be flat. Also many small files, and a small log from a cold start."""

from __future__ import annotations

import argparse
import tempfile
from itertools import islice
from pathlib import Path

from _measure import ROOT, Usage, middle, python, run, table
from memory import log_of

PARSE = "import smtplogs as sl; sl.parse(sys.argv[1], sys.argv[2], hash=len(sys.argv) < 4)"
READ = "import smtplogs as sl; sl.read(sys.argv[1])"
TRIAGE = "from smtplogs.cli import main; main(['triage', sys.argv[1]])"


def parsed(path: Path, rounds: int, folder: Path, *, hashed: bool = True) -> Usage:
    """Parse a log or folder into a fresh dataset, some rounds, and take the medians."""
    usages = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=folder) as out:
            more = [] if hashed else ["no-hash"]
            usages.append(run(python(PARSE, str(path), str(Path(out) / "dataset"), *more)))
    return middle(usages)


def by_size(sizes: list[int], auth_percent: float, rounds: int, folder: Path) -> list[tuple[int, Usage]]:
    """Measure each size."""
    return [(size, parsed(log_of(size, auth_percent, folder), rounds, folder)) for size in sizes]


def small_files(n: int, folder: Path, n_lines: int = 40) -> Path:
    """Cut a log into so many files of so many lines, the rotated logs of twenty hosts."""
    place = folder / f"small-{n}-{n_lines}"
    if not place.exists():
        place.mkdir(parents=True)
        with log_of(n * n_lines // 6_000 + 1, 20, folder).open("rb") as log:
            for k in range(n):
                (place / f"mx{k % 20}.log.{(n - k - 1) // 20 + 1}").write_bytes(b"".join(islice(log, n_lines)))
    return place


def by_file(n: int, rounds: int, folder: Path) -> list[list[str]]:
    """Measure what small files cost each, to `parse` with and without hashes and to `read`."""
    place = small_files(n, folder)
    rows = []
    for name, hashed in (("parse", True), ("parse --no-hash", False), ("read", None)):
        usage = (
            middle([run(python(READ, str(place))) for _ in range(rounds)])
            if hashed is None
            else parsed(place, rounds, folder, hashed=hashed)
        )
        each = f"{usage.cpu_s / n * 1000:.2f} cpu-ms, {usage.wall_s / n * 1000:.2f} ms each"
        rows.append([f"{name}, {n:,} files", f"{usage.wall_s:.1f}", each, "-", f"{usage.rss_mb:.0f}"])
    return rows


def draw(results: list[tuple[int, Usage]], path: Path) -> None:
    """Draw cpu seconds per GB, and peak memory, against size."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    sizes = [size / 1000 for size, _ in results]
    _, (cost, memory) = plt.subplots(2, sharex=True, figsize=(7, 6), layout="constrained")
    cost.plot(sizes, [usage.cpu_s / size for size, (_, usage) in zip(sizes, results, strict=True)], marker="o")
    cost.set(ylabel="cpu-s / GB", ylim=(0, None), title="smtplogs parse: cost against size")
    memory.plot(sizes, [usage.rss_mb for _, usage in results], marker="o")
    memory.axhline(700, linestyle="--", color="grey")
    memory.set(ylabel="peak RSS, MB", xlabel="GB of log", xscale="log", ylim=(0, None))
    plt.savefig(path, dpi=120)


def main() -> None:
    """Measure, print a table, and draw it if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "benchmarks" / "data")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10, 100, 1000], metavar="MB")
    parser.add_argument("--auth-percent", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--files", type=int, default=0, metavar="N", help="also N small files (the goal: 4 ms each)")
    parser.add_argument("--cold", action="store_true", help="also a log of 1 MB from a cold start (the goal: 1 s)")
    parser.add_argument("--draw", type=Path, metavar="PNG", help="draw cost against size")
    parser.add_argument("--table", action="store_true", help="Markdown rows")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    results = by_size(args.sizes, args.auth_percent, args.rounds, args.folder)
    lines = [
        [
            f"{size:,} MB",
            f"{usage.wall_s:.1f}",
            f"{size / usage.wall_s:.0f}",
            f"{usage.cpu_s / size * 1000:.2f}",
            f"{usage.rss_mb:.0f}",
        ]
        for size, usage in results
    ]
    if args.files:
        lines += by_file(args.files, args.rounds, args.folder)
    if args.cold:
        usage = middle(
            [run(python(TRIAGE, str(log_of(1, args.auth_percent, args.folder)))) for _ in range(args.rounds)]
        )
        lines.append(["triage, 1 MB, cold", f"{usage.wall_s:.2f}", "-", "-", f"{usage.rss_mb:.0f}"])
    print(table(["log", "wall s", "MB/s", "cpu-s/GB", "peak RSS MB"], lines, markdown=args.table))
    if args.draw:
        draw(results, args.draw)


if __name__ == "__main__":
    main()
