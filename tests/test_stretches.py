"""Settling in memory by stretches of time: the same rows as at once, in the same order, whatever the cuts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from smtplogs import stretches
from smtplogs.settling import REACH

SAMPLES = Path(__file__).parent.parent / "sample_logs" / "postfix"

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def rows(*minutes: int | None) -> pl.DataFrame:
    times = [None if m is None else NOON + timedelta(minutes=m) for m in minutes]
    return pl.DataFrame({"time": times, "n": range(len(minutes))}, schema_overrides={"time": pl.Datetime("us", "UTC")})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the logs of five days of a made-up site, the same in Postfix's and in Exim's words."""
    folder = tmp_path_factory.mktemp("site")
    sl.simulate(folder, scenarios=("lockout", "outage"), seed=5, days=5, users=40)
    return folder


@pytest.mark.parametrize("log", ["postfix", "exim"])
def test_the_same_as_at_once(log: str, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = sl.read(site / log)
    made: list[int] = []
    cut = stretches._stretches
    monkeypatch.setattr(stretches, "ROWS", at_once.height // 10)
    monkeypatch.setattr(stretches, "_stretches", lambda e: made.append(len(cut(e))) or cut(e))

    assert_frame_equal(sl.read(site / log), at_once)
    assert made[0] > 5


@pytest.mark.parametrize(
    "sample", ["postfix/lockout", "postfix/postfix3.10-dovecot2.4", "dovecot/log-path", "all of Postfix"]
)
def test_samples_one_by_one_and_all_together(sample: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = list(SAMPLES.glob("*/mail.log*")) if sample.startswith("all") else sl.sample(sample)
    at_once = sl.read(logs)
    monkeypatch.setattr(stretches, "ROWS", at_once.height // 10)
    monkeypatch.setattr(stretches, "LEAST", timedelta(minutes=1))

    assert_frame_equal(sl.read(logs), at_once)


def test_time_is_cut_where_rows_have_gathered_and_an_hour_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "ROWS", 3)
    few = stretches._stretches([rows(0, 1, 2)])
    many = stretches._stretches([rows(0, 1, 2, 10, 20, None), rows(59, 60, 61, 200)])

    assert [(s.begin, s.end) for s in few] == [(None, None)]
    assert [(s.begin, s.end) for s in many] == [
        (None, NOON + timedelta(hours=1)),
        (NOON + timedelta(hours=1), None),
    ]


def test_what_is_near_is_in_both_and_what_has_no_time_in_the_last() -> None:
    border = NOON + timedelta(hours=2)
    two = [stretches.Stretch(None, border), stretches.Stretch(border, None)]
    reach = int(REACH.total_seconds() // 60)
    mixed = rows(0, 120 - reach - 1, 120 - reach, 120 + reach - 1, 120 + reach, None)
    first, last = (some["n"].to_list() for _, some in stretches._shared_out(mixed, two))
    early = rows(1, 2)

    assert first == [0, 1, 2, 3]
    assert last == [2, 3, 4, 5]
    assert [some is early for _, some in stretches._shared_out(early, two)] == [True]
