"""Draw fresh sites with hidden truth, read their logs, and print how well the detectors of clients tell what is so.

python benchmarks/quality_clients.py --sites 10           # seeds from the system's randomness, printed
python benchmarks/quality_clients.py --seed 7 --sites 3   # the same sites again
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import polars as pl

from score_clients import SCORES, Score, judged, play
from simulate_clients import busy_site, quiet_site


def table(scores: dict[str, Score]) -> list[str]:
    """Return the lines of a Markdown table: a row a detector, then a row a kind."""
    rows = ["| | precision | of | recall | of observable |", "|---|---|---|---|---|"]
    for name, score in scores.items():
        rows.append(_row(f"**{name}**", score, None))
        rows += [_row(kind, score, kind) for kind in sorted({*score.right, *score.wrong, *score.there})]
    return rows


def _row(title: str, score: Score, kind: str | None) -> str:
    told = sum((c[kind] if kind else c.total()) for c in (score.right, score.wrong))
    there = score.there[kind] if kind else score.there.total()
    precision = f"{score.precision(kind):.3f} | {told}" if told else "– | 0"
    recall = f"{score.recall(kind):.3f} | {there}" if there else "– | –"
    return f"| {title} | {precision} | {recall} |"


def main() -> int:
    """Play, score, print; exit code 1 below the floors of the tests."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sites", type=int, default=5)
    parser.add_argument("--seed", type=int, help="first seed; without it a fresh one")
    given = parser.parse_args()
    first = given.seed if given.seed is not None else random.SystemRandom().randrange(1000, 10**9)
    print(f"seeds {first} to {first + given.sites - 1}")
    scores = {name: Score() for name in SCORES}
    loud: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + given.sites):
            site = busy_site(seed)
            events, _, traffic = play(site, Path(folder))
            for name, found in judged(events, traffic).items():
                scores[name].add(SCORES[name](site, found))
            events, _, traffic = play(quiet_site(seed), Path(folder))
            for found in judged(events, traffic).values():
                loud += found.filter(pl.col("severity") != "info")["title"].to_list()
    print("\n".join(table(scores)))
    stale = scores["stale_credentials"]
    errors = stale.period_errors
    print(
        f"\nperiod: median error {statistics.median(errors):.2%}, worst {max(errors):.2%} ({len(errors)} applications)"
    )
    print(f"hidden change inside its bracket: {sum(stale.brackets)} of {len(stale.brackets)}")
    relays = scores["relay_refusals"].brackets
    print(f"hidden failure of a relay inside its bracket: {sum(relays)} of {len(relays)}")
    print(f"findings above info in {given.sites} quiet fortnights: {len(loud)}")
    for score in scores.values():
        for line in (*(f"wrong: {m}" for m in score.mistakes), *(f"missed: {m}" for m in score.missed)):
            print(f"  {line[:200]}")
    for line in loud:
        print(f"  loud: {line[:200]}")
    good = all(s.precision() >= 0.95 and s.recall() >= 0.9 for s in scores.values()) and not loud
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
