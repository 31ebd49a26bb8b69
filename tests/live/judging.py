"""The answer of smtplogs held against the truth of a recording: what each client saw, and what the log made of it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import reading

if TYPE_CHECKING:
    from pathlib import Path

SILENT = frozenset({"refused", "aborted"})
"""What a command without a reply, or refused by the state of the session, can be known as."""

VERDICTS = (
    ("235", frozenset({"success"})),
    ("a OK", frozenset({"success"})),
    ("+OK", frozenset({"success"})),
    ("454", frozenset({"deferred", "throttled"})),
    ("451", frozenset({"deferred", "throttled"})),
    ("435", frozenset({"deferred", "throttled"})),
    ("450", frozenset({"throttled"})),
    ("421", frozenset({"throttled", "deferred"})),
    ("a NO [PRIVACYREQUIRED]", frozenset({"refused"})),
    ("a NO", frozenset({"failure"})),
    ("-ERR", frozenset({"failure"})),
    ("501", SILENT),
    ("500", SILENT),
    ("502", SILENT),
    ("503", SILENT),
    ("504", SILENT),
    ("523", SILENT),
    ("530", SILENT),
    ("534", SILENT),
    ("538", SILENT),
)

REASONS = (
    ("Invalid base64", frozenset({"aborted"})),
    ("Invalid authentication mechanism", frozenset({"refused"})),
)
"""What a 535 says of its reason."""


@dataclass(frozen=True)
class Deviation:
    """One thing that the log was read as and that was not so."""

    scenario: str
    what: str
    wanted: str
    found: str


def events(out: Path) -> pl.DataFrame:
    """Read the logs of a recording."""
    return reading.read(sorted(out.glob("*.log")), host="mx1")


def fitting(reply: str | None) -> frozenset[str]:
    """Return the outcomes that fit a reply."""
    if reply is None:
        return SILENT
    for start, outcomes in VERDICTS:
        if reply.startswith(start):
            return outcomes
    return next((outcome for words, outcome in REASONS if words in reply), frozenset({"failure"}))


def table(out: Path, read: pl.DataFrame | None = None) -> list[tuple[str, list[dict[str, Any]], list[dict[str, Any]]]]:
    """Return per scenario: its commands, and the rows at stage auth of its address."""
    truth = json.loads((out / "truth.json").read_text())
    found = events(out) if read is None else read
    sent = defaultdict(list)
    for command in truth["commands"]:
        sent[command["scenario"]].append(command)
    rows = found.filter(pl.col("side") == "server", pl.col("stage") == "auth", pl.col("outcome") != "info")
    by_address = defaultdict(list)
    for row in rows.iter_rows(named=True):
        by_address[row["client_ip"]].append(row)
    return [(name, sent[name], by_address[facts["address"]]) for name, facts in truth["scenarios"].items()]


def unmatched(wanted: list[frozenset[str]], found: Counter[str]) -> list[frozenset[str]]:
    """Return what is wanted but not found, the narrowest wishes served first."""
    left, missing = found.copy(), []
    for outcomes in sorted(wanted, key=len):
        fits = next((o for o in sorted(outcomes) if left[o]), None)
        if fits is None:
            missing.append(outcomes)
        else:
            left[fits] -= 1
    return missing
