"""Seconds and memory of every chart on a frame of many events: a table.

    PYTHONPATH=. python benchmarks/charts.py [--millions 10]

Each chart is drawn in a process of its own: what it needs beyond the frame is the rise of its peak of memory.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import polars as pl
from matplotlib.figure import Figure

from many_events import CHARTS, draw, many_events  # pyright: ignore
from smtplogs.schema import EVENTS, as_table


def peak() -> float:
    """Return the most memory that this process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one(name: str, path: str) -> tuple[float, float, float, float]:
    """Draw one chart; return seconds, processor seconds, and MB before and at the peak."""
    events = as_table(pl.read_parquet(path), EVENTS)
    draw(name, events.head(1_000), Figure().add_subplot())  # the fonts, and what is loaded on first use
    before, wall, cpu = peak(), time.perf_counter(), time.process_time()
    figure = Figure(figsize=(9, 3.4))
    draw(name, events, figure.add_subplot())
    figure.savefig(io.BytesIO(), format="png")
    return time.perf_counter() - wall, time.process_time() - cpu, before, peak()


def main() -> None:
    """Draw every chart, print a row for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--millions", type=float, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/events.parquet"
        frame = many_events(int(given.millions * 1e6)).drop(
            [
                c
                for c in EVENTS
                if c
                not in {
                    "time",
                    "time_quality",
                    "stage",
                    "outcome",
                    "cause",
                    "count",
                    "side",
                    "protocol",
                    "user",
                    "client_ip",
                    "tls",
                    "mechanism",
                }
            ]
        )
        frame.with_columns(pl.col(pl.Enum).cast(pl.String)).write_parquet(path)
        size = frame.estimated_size("mb")
        print(
            f"{frame.height:,} events, {size:,.0f} MB in memory\n\n| chart | s | cpu s | MB beyond the frame |\n|---|---|---|---|"
        )
        del frame
        for name in CHARTS:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                seconds, cpu, before, most = pool.apply(one, (name, path))
            print(f"| {name} | {seconds:.1f} | {cpu:.1f} | {most - before:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
