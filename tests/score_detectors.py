"""How well detectors tell what happened in a simulated site, from its log lines to the findings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

import polars as pl

import smtplogs as sl
from simulate_incidents import INCIDENTS, FaultySite, Truth, agreeing, eventful_site

if TYPE_CHECKING:
    from pathlib import Path

ATTACKS = ("spray_fast", "botnet", "guess", "two_lists", "stuff")
OTHERS = ("takeover", "quiet")
KIND_OF = {"spray_rise": "spray", "botnet_rise": "distributed"}
"""A story's truth names the incident; this is what `attacks` calls it."""


@dataclass
class Tally:
    """Right and wrong, found and missed, and how far off in time."""

    found: int = 0
    right: int = 0
    true: int = 0
    told: int = 0
    onset_s: list[float] = field(default_factory=list)
    end_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of what was found that is true."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of what is true that was told."""
        return self.told / self.true if self.true else 1.0

    def add(self, other: Tally) -> None:
        """Pool two tallies."""
        for name in ("found", "right", "true", "told"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("onset_s", "end_s", "wrong", "missed"):
            getattr(self, name).extend(getattr(other, name))

    def errors(self) -> tuple[float, float]:
        """Return the median error of onset and end, in seconds."""
        return (median(self.onset_s) if self.onset_s else 0.0, median(self.end_s) if self.end_s else 0.0)


def held_against(found: pl.DataFrame, truth: list[Truth], kinds: dict[str, str] | None = None) -> Tally:
    """Hold findings above info against the truth: same kind, overlapping, and the same subject where one is known.

    What the detector itself calls a part of another finding is not counted by itself.
    """
    tally = Tally()
    loud = found.filter(pl.col("status") == "found", pl.col("severity") != "info").to_dicts()
    leading = [r for r in loud if r["part_of"] is None]
    tally.found, tally.true = len(leading), len(truth)
    for true in truth:
        kind = (kinds or {}).get(true.kind, true.kind)
        same = [r for r in loud if r["kind"] == kind and agreeing(true, r["start"], r["end"])]
        if true.kind not in {"network_loss", "botnet_rise"} and true.subject:
            same = [r for r in same if true.subject in (r["subject"], r["user"], r["client_ip"])]
        for row in same:
            row["right"] = True
        if same:
            start, end = true.span
            tally.told += 1
            tally.onset_s.append(abs((same[0]["start"] - start).total_seconds()))
            tally.end_s.append(abs((same[0]["end"] - end).total_seconds()))
        else:
            tally.missed.append(f"{true.kind} {true.span[0]:%d %H:%M} {true.subject or ''}")
    tally.right = sum(bool(r.get("right")) for r in leading)
    tally.wrong = [f"{r['kind']}: {r['title']}" for r in leading if not r.get("right")]
    return tally


def incident_of(seed: int, story: str, folder: Path, *, users: int = 60) -> tuple[Tally, Counter[tuple[str, str]]]:
    """Return how `incidents` tells one story, and (true kind, found kind) pairs; what is told of no story counts too."""
    place = eventful_site(seed, *(() if story == "quiet" else (story,)), users=users)
    events, traffic = place.read(folder)
    found = sl.incidents(events, traffic=traffic)
    matrix: Counter[tuple[str, str]] = Counter()
    loud = found.filter(pl.col("status") == "found", pl.col("severity") != "info")
    for true in place.truth:
        near = [r["kind"] for r in loud.to_dicts() if agreeing(true, r["start"], r["end"])]
        matrix[true.kind, near[0] if near else "(nothing)"] += 1
    untrue = [r["kind"] for r in loud.to_dicts() if not any(agreeing(t, r["start"], r["end"]) for t in place.truth)]
    if not place.truth or untrue:
        matrix["(nothing)", untrue[0] if untrue else "(nothing)"] += 1
    return held_against(found, place.truth), matrix


def attack_of(seed: int, story: str, folder: Path, *, users: int = 60) -> Tally:
    """Return how `attacks` tells one story; slow campaigns are scored by their members, for they are told as info."""
    place = eventful_site(seed, *(() if story == "quiet" else (story,)), users=users)
    events, _ = place.read(folder)
    found = sl.attacks(events)
    if story != "two_lists":
        return held_against(found, place.truth, KIND_OF)
    tally = held_against(found, [])
    campaigns = found.filter(kind="distributed").to_dicts()
    for true in place.truth:
        bots = set((true.subject or "").split(","))
        pure = [c for c in campaigns if set(c["sources"]) <= bots and c["n_sources"] >= 0.9 * len(bots)]
        tally.true += 1
        tally.told += len(pure) == 1
        tally.missed += [] if pure else [f"list of {len(bots)}"]
    return tally


def takeover_of(seed: int, folder: Path, *, users: int = 60) -> Tally:
    """Return how `compromises` tells takeovers from people with a new phone and a repaired application."""
    place = FaultySite(seed=seed, n_users=users)
    place.people()
    place.typists(4)
    place.bots(10)
    place.newcomers(4)
    for failures in (0, 3, 30):
        place.takeover(failures=failures)
    repaired = place.random.choice(place.users)
    for k in range(30):
        place.attempt(
            place.at(day=4) + 60 * k, repaired, "203.0.113.78", "right" if k > 12 else "old", who="application"
        )
    events, _ = place.read(folder)
    return held_against(sl.compromises(events), place.truth)


def limited(seed: int, folder: Path, *, n: int = 30) -> tuple[FaultySite, pl.DataFrame]:
    """Return a site with a limit of n AUTH commands a minute, printed as Postfix does, and what is found of it."""
    place = FaultySite(seed=seed, n_users=40, n_days=4)
    place.people()
    place.forget(every=1.2, length=20 * 60)
    place.limit = (n, 60.0)
    events, _ = place.read(folder)
    return place, sl.throttling(events)


def banned(seed: int, folder: Path, *, seconds: float | None = 600.0) -> tuple[FaultySite, pl.DataFrame]:
    """Return a site whose firewall bans addresses after 5 failures in 10 min (or not at all), and what is found."""
    place = FaultySite(seed=seed, n_users=40, n_days=6)
    place.people()
    place.typists(3)
    place.bots(10)
    place.brute_force(6, tries=(60, 200))
    place.brute_force(2, tries=(12, 14), names=10)
    place.forget(every=20)
    place.ban = (5, 600.0, seconds) if seconds else None
    events, _ = place.read(folder)
    return place, sl.lockouts(events).filter(pl.col("kind") == "ip_ban")


__all__ = [
    "ATTACKS", "INCIDENTS", "Tally", "attack_of", "banned", "held_against", "incident_of", "limited", "takeover_of",
]  # fmt: skip
