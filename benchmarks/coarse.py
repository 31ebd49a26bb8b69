"""What the coarse scan costs on a log, and what each of its words adds: run it when a word is added to `planning.COARSE`.

    python benchmarks/coarse.py mail.log

Words are taken off from the end, one by one; medians of seven interleaved rounds, on one thread of the engine.
"""

import re
import sys
import time
from pathlib import Path
from statistics import median

import polars as pl

from smtplogs import planning

MOST = 32 << 20


def cost(lines: pl.Series, words: tuple[str, ...]) -> float:
    """Return the processor seconds that looking for these words takes."""
    began = time.process_time()
    lines.str.contains("|".join(map(re.escape, words)))
    return time.process_time() - began


def main(path: str) -> None:
    """Print processor seconds per GB for all words, for all but the last, and so on."""
    with Path(path).open("rb") as file:
        data = file.read(MOST)
    lines = pl.Series(data.decode(errors="replace").splitlines())
    sets = [planning.COARSE[:n] for n in range(len(planning.COARSE), len(planning.COARSE) - 9, -1)]
    sets.append(planning.COARSE_TRAFFIC)
    spent: list[list[float]] = [[] for _ in sets]
    for _ in range(7):
        for times, words in zip(spent, sets, strict=True):
            times.append(cost(lines, words))
    for times, words in zip(spent, sets, strict=True):
        print(f"{median(times) / len(data) * 1e9:5.2f} cpu-s/GB  {len(words)} words, the last {words[-1]!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
