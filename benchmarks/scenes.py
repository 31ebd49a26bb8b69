"""What leads in each scenario of `smtplogs simulate`, on fresh seeds: a table of truth against leading findings.

    PYTHONPATH=. python benchmarks/scenes.py [--seeds 2] [--first SEED] [--scenarios outage ban ...]

Each scenario is written, read by `smtplogs.read` and judged by `smtplogs.findings`, as Postfix with Dovecot and as Exim.
Counted are the leading findings above info, once a kind and log: those that the truth names, and any other.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

import polars as pl

import smtplogs as sl
from smtplogs.simulating import SCENARIOS

LOGS = ("postfix", "exim")


def main() -> None:
    """Draw seeds, play every scenario, print the table and what was wrong."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=2)
    options.add_argument("--first", type=int, default=None)
    options.add_argument("--scenarios", nargs="*", default=list(SCENARIOS), choices=list(SCENARIOS))
    chosen = options.parse_args()
    first = random.SystemRandom().randrange(10**6) if chosen.first is None else chosen.first
    seeds = range(first, first + chosen.seeds)
    print(f"seeds {seeds.start} to {seeds.stop - 1}\n")
    print("| scenario | leads | logs | led as it should | something else led |\n|-|-|-|-|-|")
    wrong: list[str] = []
    for scenario in chosen.scenarios:
        kinds: set[str] = set()
        good = odd = 0
        for seed in seeds:
            truth, told = leading(scenario, seed)
            leads = set(truth.filter("leads")["kind"])
            seen = set(truth.filter("leads", "observable")["kind"])
            kinds |= leads
            for name, top in told.items():
                loud = top.filter(pl.col("severity") != "info")
                extra = loud.filter(~pl.col("kind").cast(pl.String).is_in(leads))
                missed = seen - set(top["kind"].cast(pl.String))
                good += not missed
                odd += extra.height > 0
                wrong += [f"{scenario} {seed} {name}: also {title}" for title in extra["title"]]
                wrong += [f"{scenario} {seed} {name}: missed {kind}" for kind in sorted(missed)]
        n = len(seeds) * len(LOGS)
        print(f"| {scenario} | {', '.join(sorted(kinds)) or '-'} | {n} | {good} | {odd} |", flush=True)
    print("\n".join(["", *wrong]))


def leading(scenario: str, seed: int) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """Return the truth of a scenario, and the findings that are part of no other, by log."""
    told = {}
    with tempfile.TemporaryDirectory() as name:
        truth = sl.simulate(name, scenarios=[scenario], seed=seed)
        for log in LOGS:
            events, coverage, traffic = sl.read(Path(name) / log, full=True)
            found = sl.findings(events, coverage=coverage, traffic=traffic)
            told[log] = found.filter(pl.col("status") == "found", pl.col("part_of").is_null())
    return truth, told


if __name__ == "__main__":
    main()
