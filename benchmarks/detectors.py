"""How well the detectors tell simulated incidents, attacks, takeovers, limits and bans, on fresh seeds: a table.

    PYTHONPATH=. python benchmarks/detectors.py [--seeds 5] [--first SEED]

Towns are those of `tests/simulate_incidents.py`: hidden state in, Postfix lines out, read by `smtplogs.read`, and the
findings held against what really happened. Without `--first` the seeds are drawn anew each time.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from score_detectors import (  # pyright: ignore
    ATTACKS,
    INCIDENTS,
    Tally,
    attack_of,
    banned,
    incident_of,
    limited,
    takeover_of,
)


def main() -> None:
    """Draw seeds, play the stories, print the tables."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--first", type=int, default=None)
    chosen = options.parse_args()
    first = random.SystemRandom().randrange(10**6) if chosen.first is None else chosen.first
    seeds = range(first, first + chosen.seeds)
    print(f"seeds {seeds.start} to {seeds.stop - 1}\n")
    matrix: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    print("| story | true | told | found | precision | recall | onset error s | end error s |\n|-|-|-|-|-|-|-|-|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for story in (*INCIDENTS, "quiet"):
            tally = Tally()
            for seed in seeds:
                one, pairs = incident_of(seed, story, folder)
                tally.add(one)
                matrix += pairs
            _row(f"incidents: {story}", tally, wrong)
        for story in (*ATTACKS, "quiet"):
            tally = Tally()
            for seed in seeds:
                tally.add(attack_of(seed, story, folder))
            _row(f"attacks: {story}", tally, wrong)
        tally = Tally()
        for seed in seeds:
            tally.add(takeover_of(seed, folder))
        _row("compromises: takeover", tally, wrong)
        print(_matrix(matrix))
        for seed in seeds:
            place, found = limited(seed, folder)
            told = found.select("client_ip", "limit_n", "limit_window_s", "limit_method", "n_refused").rows()
            print(f"\nlimit 30 / 60 s, {sum(map(len, place.refusals.values()))} refused: {told}")
            for seconds in (600.0, 3600.0, None):
                place, found = banned(seed, folder, seconds=seconds)
                told = found.select("n_sources", "n_bans", "ban_s").rows()
                print(f"ban {seconds} s, {len(place.bans)} bans of {len({b[0] for b in place.bans})}: {told}")
    print("\n".join(["", *wrong]))


def _matrix(pairs: Counter[tuple[str, str]]) -> str:
    """Return what was told of each true incident: a row a truth, a column a kind told."""
    told = sorted({found for _, found in pairs}, key=lambda kind: (kind == "(nothing)", kind))
    lines = [f"| truth, down; told, across | {' | '.join(told)} |", "|-" * (len(told) + 1) + "|"]
    for true in sorted({true for true, _ in pairs}, key=lambda kind: (kind == "(nothing)", kind)):
        lines.append(f"| {true} | {' | '.join(str(pairs[true, kind] or '') for kind in told)} |")
    return "\n" + "\n".join(lines)


def _row(name: str, tally: Tally, wrong: list[str]) -> None:
    onset, end = tally.errors()
    print(
        f"| {name} | {tally.true} | {tally.told} | {tally.found} | {tally.precision:.2f} | {tally.recall:.2f} | "
        f"{onset:.0f} | {end:.0f} |",
        flush=True,
    )
    wrong += [f"{name}: wrong: {w}" for w in tally.wrong] + [f"{name}: missed: {m}" for m in tally.missed]


if __name__ == "__main__":
    main()
