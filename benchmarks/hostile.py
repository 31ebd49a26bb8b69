"""Read lines made to slow a reader down, at 1, 2 and 4 times the length: and see whether the time grows faster.

The shapes and fillers are those of `tests/test_linear.py`, which counts calls instead of seconds. A row a shape: median
processor seconds for each size over all fillers, and the worst growth from the first size to the last (4 is linear).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import smtplogs as sl  # noqa: E402
from test_linear import FILLERS, LONG  # noqa: E402


def seconds(path: Path, rounds: int) -> float:
    """Return the median processor time of reading a file."""
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        sl.read(path, progress=False)
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def main() -> int:
    """Measure and print a table; 1 if anything grows by more than `--most` from one doubling to the next."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", help="some of the shapes; all of them if none is named")
    parser.add_argument("--kilobytes", type=int, default=500, help="length of a line; then twice and four times that")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--most", type=float, default=6.0, help="growth of time from 1 to 4 that is still called linear"
    )
    given = parser.parse_args()
    sizes = [given.kilobytes * 1000 * n for n in (1, 2, 4)]
    bad = 0
    print(
        "| shape | MB | s | growth, all | worst filler | its growth |\n| --- | --- | --- | --- | --- | --- |",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mail.log"
        for shape in given.shapes or LONG:
            found: dict[str, list[float]] = {}
            for filler in FILLERS:
                for size in sizes:
                    lines = LONG[shape](filler * (size // len(filler)))
                    path.write_text("\n".join(lines * 4) + "\n")
                    found.setdefault(filler, []).append(seconds(path, given.rounds))
            sums = [sum(times[n] for times in found.values()) for n in range(3)]
            worst = max(found, key=lambda f: found[f][2] / max(found[f][0], 0.01))
            growth = found[worst][2] / max(found[worst][0], 0.01)
            bad += growth > given.most
            total = "/".join(f"{len(FILLERS) * 4 * n / 1e6:.0f}" for n in sizes)
            print(
                f"| {shape} | {total} | {'/'.join(f'{s:.2f}' for s in sums)} | {sums[2] / sums[0]:.1f} | `{worst}` | {growth:.1f} |",
                flush=True,
            )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
