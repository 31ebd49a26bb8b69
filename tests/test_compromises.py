"""Takeovers: new source and burst from both sides; travel, repaired applications and new phones are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import smtplogs as sl
from hand_made import events
from score_detectors import Tally, takeover_of
from smtplogs.detect.takeovers import COLUMNS
from smtplogs.schema import FINDINGS, dtypes

if TYPE_CHECKING:
    from pathlib import Path

ANN, THIEF, HOME = "ann@example.com", "203.0.113.9", "192.0.2.7"
DAY = 86_400
MAIL = {"stage": "mail"}


def owner(days: float = 4, per_day: int = 5) -> list[tuple[Any, ...]]:
    rows = []
    for k in range(int(days * per_day)):
        at = -days * DAY + k * DAY / per_day
        rows += [(at, ANN, HOME, "success"), (at + 1, ANN, HOME, "success", MAIL)]
    return rows


def burst(n: int, *, ip: str = THIEF, gap: float = 10, **more: Any) -> list[tuple[Any, ...]]:
    return [(0, ANN, ip, "success"), *((i * gap, ANN, ip, "success", MAIL | more) for i in range(n))]


def found(rows: list[tuple[Any, ...]], **how: Any) -> list[dict[str, Any]]:
    table = sl.compromises(events(rows), **how)
    assert table.schema == dtypes(FINDINGS) | dtypes(COLUMNS)
    return table.filter(pl.col("status") == "found").to_dicts()


@pytest.mark.parametrize(("n", "hit"), [(20, True), (19, False)])
def test_twenty_mails_of_a_new_source_within_an_hour(n: int, hit: bool):
    assert bool(found(owner() + burst(n))) == hit
    assert found(owner() + burst(n), messages=n)[0]["n_messages"] == n


def test_later_mails_do_not_count():
    assert found(owner() + burst(20, gap=3600 / 19))
    assert not found(owner() + burst(20, gap=3601 / 19))


def test_recipients_count_as_well():
    (f,) = found(owner() + burst(2, n_recipients=15))
    assert (f["n_messages"], f["n_recipients"]) == (2, 30)


def test_it_is_never_called_more_than_consistent():
    (f,) = found(owner() + burst(30))
    assert (f["kind"], f["severity"], f["confidence"], f["client_ip"]) == ("takeover", "serious", "low", THIEF)
    assert "is consistent with takeover" in f["title"]
    assert "compromised" not in str(f)
    assert f["refuted_by"]
    assert len(f["evidence"]) == 20


def test_what_adds_weight():
    before = [(-60 * k, ANN, THIEF, "failure") for k in range(1, 6)]
    others = [(-90, f"u{k}@example.com", THIEF, "failure") for k in range(5)]
    after = [(5000, ANN, THIEF, "throttled", {"cause": "quota_exceeded", "stage": "mail"})]
    (f,) = found(owner() + burst(30, sender="boss@example.org") + before + others + after)
    assert (f["n_failures_before"], f["n_names_failed"], f["n_refused_after"]) == (5, 6, 1)
    assert f["foreign_sender"] is True
    assert f["confidence"] == "high"


@pytest.mark.parametrize("ip", [HOME, "192.0.2.200"])
def test_a_source_or_network_that_was_used_before_is_none(ip: str):
    assert not found(owner() + burst(60, ip=ip))


def test_an_account_that_is_new_itself_is_none():
    assert found(owner(days=3.0) + burst(30))
    assert not found([*owner(days=2.9), *burst(30), (-4 * DAY, "bob@example.com", HOME, "success")])


def test_an_account_that_always_sends_much_needs_more():
    busy = [(-DAY * d + i * 60, ANN, HOME, "success", MAIL) for d in range(1, 5) for i in range(30)]
    assert not found(owner() + busy + burst(92))
    assert found(owner() + busy + burst(93))  # three times 31, with the mail that the owner sends in that hour anyway


def test_a_new_phone_and_a_repaired_application_are_none():
    phone = burst(3, ip="198.51.100.3", gap=600)
    repaired = [(-3000 + i, ANN, "198.51.100.4", "failure") for i in range(40)] + [(0, ANN, "198.51.100.4", "success")]
    assert not found(owner() + phone + repaired)


def test_logs_that_cannot_tell_say_so():
    short = sl.compromises(events(owner(days=1)))
    assert short.select("status", "kind").rows() == [("not_assessable", "takeover")]
    assert "shorter than 3 d" in short["title"][0]
    no_mail = sl.compromises(events([(-5 * DAY, ANN, HOME, "success"), (0, ANN, HOME, "success")]))
    assert "no mail" in no_mail["title"][0]
    assert sl.compromises(events([(0, ANN, HOME, "failure")])).is_empty()


@pytest.mark.parametrize(("n", "hit"), [(20, True), (19, False)])
def test_where_no_mail_is_shown_logins_stand_for_it(n: int, hit: bool):
    """Dovecot's submission hands mail on, and its own log shows the login only."""
    logins = [row for row in owner() if len(row) == 4]
    stolen = [(i * 60, ANN, THIEF, "success") for i in range(n)]
    assert bool(found(logins + stolen)) == hit
    if hit:
        (f,) = found(logins + stolen)
        assert (f["severity"], f["confidence"], f["n_messages"], f["n_events"]) == ("warning", "low", None, 20)
        assert f["title"].startswith(f"How often {THIEF} logged in as {ANN} is consistent with takeover: 20 logins ")
        failed = [(-60 * i, ANN, THIEF, "failure") for i in range(1, 5)]
        assert found(logins + failed + stolen)[0]["severity"] == "serious"
    # one mail of anybody shows that the log tells mails
    assert not found(logins + stolen + [(-DAY, "bob@example.com", "192.0.2.8", "success", MAIL)])


def test_null_users_and_addresses_are_passed_over():
    rows = [(i, u, ip, "success", MAIL) for i in range(40) for u, ip in ((None, THIEF), (ANN, None))]
    assert not found(owner() + rows)


@pytest.mark.parametrize("how", [{"messages": 0}, {"times_usual": 0.0}, {"established": "long"}, {"within": "0h"}])
def test_senseless_parameters_are_refused(how: dict[str, Any]):
    with pytest.raises(ValueError, match=next(iter(how))):
        found(owner(), **how)


@pytest.mark.slow
def test_takeovers_of_towns_never_used_for_tuning(tmp_path: Path):
    pooled = Tally()
    for seed in range(9101, 9108):
        pooled.add(takeover_of(seed, tmp_path, users=40))
    assert pooled.true == 21
    assert pooled.precision >= 0.95, pooled.wrong
    assert pooled.recall >= 0.9, pooled.missed
