"""A recording to look at: what each client did beside what was read of it. `python -m live.shown FOLDER [SCENARIO ...]`."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from live import judging

COLUMNS = (
    "source", "line_no", "time", "stage", "outcome", "cause", "basis", "count", "user", "mechanism", "tls", "service", "server_ip",
    "detail",
)  # fmt: skip


def main() -> int:
    """Print scenarios: all, or those named."""
    recording = judging.load(Path(sys.argv[1]))
    names = sys.argv[2:] or list(recording.truth["scenarios"])
    sides = pl.col("side") == "server"
    for name in names:
        facts = recording.truth["scenarios"][name]
        print(f"\n=== {name} {facts['address']}: {facts.get('what', '')}")
        for c in recording.truth["commands"]:
            if c["scenario"] == name:
                user = c["user"] and c["user"][:50]
                wanted = f" [{c['outcome']}/{c['cause']}]" if c.get("outcome") else ""
                said = (c["reply"] or "-").replace("\n", " ")
                print(f"  > {c['port']} {c['mechanism']} {user!r} {c['tls'] or ''} {c['protocol']}: {said}{wanted}")
        for row in recording.events.filter(
            (pl.col("outcome") != "info") & (pl.col("client_ip") == facts["address"]) & sides
        ).iter_rows(named=True):
            told = [f"{row['source'].rsplit('/')[-1]}:{row['line_no']}", f"{row['time']:%H:%M:%S}"]
            told += [f"{row[c]!s:.60}" for c in COLUMNS[3:] if row[c] is not None]
            print("  <", " ".join(told), f"also={len(row['also'] or [])}")
    if not sys.argv[2:]:
        known = {f["address"] for f in recording.truth["scenarios"].values()}
        print("\n=== others")
        for row in recording.events.filter(~pl.col("client_ip").is_in(known) | pl.col("client_ip").is_null()).iter_rows(
            named=True
        ):
            told = [
                f"{row['source'].rsplit('/')[-1]}:{row['line_no']}",
                str(row["side"]),
                str(row["client_ip"]),
                str(row["relay_host"]),
            ]
            told += [f"{row[c]!s:.60}" for c in COLUMNS[3:] if row[c] is not None]
            print("  <", " ".join(told))
        for deviation in judging.deviations(recording):
            print("DEVIATION", deviation)
        for confusion in judging.confusions(recording):
            print("CONFUSED", confusion)
    return 0


if __name__ == "__main__":
    sys.exit(main())
