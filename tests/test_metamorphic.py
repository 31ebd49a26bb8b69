"""The same log told otherwise gives the same findings: cut, copied, packed, shuffled, in another zone, under other names.

Two logs, in which together nearly every kind of finding occurs; each is compared as it comes out of all detectors.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from retold import (
    PACKED,
    Pseudonyms,
    Told,
    among_others,
    an_hour_east,
    attacks_log,
    clients_log,
    cut,
    told,
    without_names,
    written,
)

if TYPE_CHECKING:
    from pathlib import Path

WHAT = ("detector", "kind", "status", "severity", "subject_kind", "client_ip", "relay_host", "start", "end", "n_events")
WHOM = ("subject", "user", "cause", "title", "advice", "confidence", "refuted_by")
LOGS = {"clients": (clients_log, 10), "attacks": (attacks_log, 5)}


class Log:
    """A log, and what is found in it as it stands."""

    def __init__(self, name: str, folder: Path) -> None:
        make, self.days = LOGS[name]
        self.name, self.lines = name, make(folder)
        self.whole = told([written(folder / "mail.log", self.lines)])


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=() if name == "clients" else pytest.mark.slow) for name in LOGS]
)
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Log:
    return Log(request.param, tmp_path_factory.mktemp(request.param))


def same(one: Told, other: Told) -> None:
    """Hold two sets of findings against each other: all but the names of files."""
    assert one.rows(*WHAT, *WHOM, "because") == other.rows(*WHAT, *WHOM, "because")
    assert one.stories() == other.stories()
    assert one.details() == other.details()
    assert one.evidence() == other.evidence()


def test_the_logs_are_worth_it(log: Log) -> None:
    found = set(log.whole.findings["kind"].cast(pl.String))
    assert len(found) >= {"clients": 30, "attacks": 9}[log.name]
    assert log.whole.evidence()


def test_pieces_given_in_any_order(log: Log, tmp_path: Path) -> None:
    parts = cut(log.lines, 5)
    names = ["mail.log", *(f"mail.log.{i}" for i in range(1, 5))]
    paths = [written(tmp_path / name, part) for name, part in zip(names, reversed(parts), strict=True)]
    random.Random(1).shuffle(paths)

    same(log.whole, told(paths))


def test_the_names_of_pieces_change_nothing(log: Log, tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{name}.txt", part) for name, part in zip("dacb", cut(log.lines, 4, 6), strict=True)]

    same(log.whole, told(paths))


@pytest.mark.parametrize("pack", [pytest.param(p, marks=() if p == "gz" else pytest.mark.slow) for p in PACKED])
def test_packing_changes_no_event(log: Log, tmp_path: Path, pack: str) -> None:
    events = sl.read(str(written(tmp_path / f"mail.log.{pack}", log.lines, pack)))
    plain = sl.read(str(written(tmp_path / "mail.log", log.lines)))

    assert_frame_equal(events.drop("source", "also"), plain.drop("source", "also"))
    if pack == "gz":
        same(log.whole, told([tmp_path / "mail.log.gz"]))


def test_given_twice_packed_and_plain(log: Log, tmp_path: Path) -> None:
    """A copy beside its original, one of them packed, as backups hold them."""
    paths = [written(tmp_path / "mail.log", log.lines), written(tmp_path / "backup-mail.log.gz", log.lines, "gz")]

    same(log.whole, told(paths))


def test_a_shorter_copy_beside_the_whole(log: Log, tmp_path: Path) -> None:
    """The log as it was days ago, and as it is now."""
    ended = next(i for i in range(len(log.lines) * 2 // 3, len(log.lines)) if " disconnect from " in log.lines[i]) + 1
    paths = [written(tmp_path / "mail.log", log.lines), written(tmp_path / "old-mail.log", log.lines[:ended])]

    same(log.whole, told(paths))


def test_the_order_of_rows_changes_no_finding(log: Log, tmp_path: Path) -> None:
    events, coverage, traffic = sl.read(str(written(tmp_path / "mail.log", log.lines)), full=True)
    whole = sl.findings(events, coverage=coverage, traffic=traffic)
    shuffled = sl.findings(
        events.sample(fraction=1, shuffle=True, seed=3),
        coverage=coverage.sample(fraction=1, shuffle=True, seed=4),
        traffic=traffic.sample(fraction=1, shuffle=True, seed=5),
    )

    assert_frame_equal(shuffled, whole)


def test_a_clock_an_hour_east(log: Log, tmp_path: Path) -> None:
    other = told([written(tmp_path / "mail.log", an_hour_east(log.lines))])

    assert log.whole.rows(*WHAT, *WHOM, "because") == other.rows(*WHAT, *WHOM, "because")
    assert log.whole.stories() == other.stories()
    assert log.whole.details() == other.details()


def test_other_names_for_the_same_people(log: Log, tmp_path: Path) -> None:
    other_names = Pseudonyms({})
    other = told([written(tmp_path / "mail.log", other_names(log.lines))])
    back = Told(
        other.findings.with_columns(
            pl.col("subject", "user").map_elements(other_names.named, return_dtype=pl.String)
        ),
        other.lines,
    )  # fmt: skip

    assert log.whole.rows(*WHAT, "subject", "user", "cause", "confidence") == back.rows(
        *WHAT, "subject", "user", "cause", "confidence"
    )
    assert log.whole.stories() == back.stories()


def test_among_people_and_programs_that_have_nothing_to_do_with_it(log: Log, tmp_path: Path) -> None:
    """What was found above info is found again, and nothing else is."""
    other = told([written(tmp_path / "mail.log", among_others(log.lines, tmp_path, log.days))])
    columns = ("detector", "kind", "status", "severity", "subject", "client_ip", "start", "end", "n_events")
    loud = [
        Counter(r for r in one.rows(*columns) if r[3] != "info")
        for one in (log.whole, other)
    ]  # fmt: skip

    assert loud[0] == loud[1]


def test_failures_without_names(log: Log, tmp_path: Path) -> None:
    """Postfix before 3.9: what rests on addresses stays, what rests on accounts says that it cannot be told."""
    other = told([written(tmp_path / "mail.log", without_names(log.lines))])
    found = other.findings.filter(status="found")

    unjudged = set(other.findings.filter(status="not_assessable")["detector"])
    assert {"lockouts", "stale_credentials", "attacks"} <= unjudged
    assert not {"lockout", "spray", "brute_force"} & set(found["kind"].cast(pl.String))
    # the only account that logs in from an address may be named, where all names show it as well
    ties = ("client_ip", "user")
    assert set(found.filter(kind="stale_credential").select(ties).rows()) <= set(log.whole.findings.select(ties).rows())
    by_address = ("no_tls", "port_25", "old_tls", "mechanism", "bad_base64", "tls_mode", "cert_not_trusted", "no_login")
    by_address += ("relay_refusal", "throttling", "outage", "takeover", "plain_text_login", "weak_mechanism")
    by_address += ("old_tls_login", "port_25_login", "login_per_message")
    columns = ("kind", "severity", "client_ip", "relay_host", "start", "end", "n_events")
    assert [r for r in log.whole.rows(*columns) if r[0] in by_address] == [
        r for r in other.rows(*columns) if r[0] in by_address
    ]
