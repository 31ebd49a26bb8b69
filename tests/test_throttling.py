"""Throttling: episodes and keys by hand, limits printed and inferred, fair and abusive, and a site with a limit."""

from __future__ import annotations

import random
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import smtplogs as sl
from hand_made import NINE, events
from rewrite_samples import read
from score_detectors import limited
from smtplogs.detect._limits import inferred
from smtplogs.detect.throttles import COLUMNS
from smtplogs.schema import FINDINGS, dtypes

if TYPE_CHECKING:
    from pathlib import Path

IP, RELAY = "203.0.113.5", "smtp.example.net"


def refused(*seconds: float, **more: Any) -> list[tuple[Any, ...]]:
    return [(s, None, IP, "throttled", more) for s in seconds]


def found(rows: list[tuple[Any, ...]], **how: Any) -> list[dict[str, Any]]:
    table = sl.throttling(events(rows), **how)
    assert table.schema == dtypes(FINDINGS) | dtypes(COLUMNS)
    return table.to_dicts()


def test_three_refusals_are_an_episode_and_two_are_not():
    assert [f["n_refused"] for f in found(refused(0, 1, 2))] == [3]
    assert found(refused(0, 1)) == []
    assert [f["n_refused"] for f in found(refused(0, 1), refused=2)] == [2]
    assert [f["n_refused"] for f in found([(0, None, IP, "throttled", {"count": 3})])] == [3]


@pytest.mark.parametrize(("pause", "n"), [(300, 1), (300.000001, 2)])
def test_a_longer_pause_ends_an_episode(pause: float, n: int):
    assert len(found(refused(0, 1, 2, 2 + pause, 3 + pause, 4 + pause))) == n


def test_the_window_of_the_log_may_be_longer_than_the_pause():
    rows = refused(0, 1, 2, 1000, 1001, 1002, rate_window_s=600.0)
    assert len(found(rows)) == 1


def test_who_is_behind_and_when_it_was_over():
    rows = [(-600 + i, f"u{i}@example.com", IP, "success") for i in range(4)]
    rows += [*refused(0, 10, 20, 30), (15, "u1@example.com", IP, "failure"), (90, "u2@example.com", IP, "success")]
    (f,) = found(rows)
    assert (f["severity"], f["fairness"], f["n_users"], f["n_accepted"]) == ("info", "fair", 4, 1)
    assert (f["recovery_s"], f["reaction"], f["retry_s"]) == (60.0, "fixed", 10.0)
    assert f["collateral"] == [f"u{i}@example.com" for i in range(4)]
    assert f["refused_share"] == 0.8
    assert f["evidence"] == ["mail.log:5", "mail.log:6", "mail.log:7", "mail.log:8"]


@pytest.mark.parametrize(
    ("n", "back", "severity"), [(9, 300, "info"), (10, 300, "warning"), (9, 300.001, "warning"), (9, None, "warning")]
)
def test_a_person_who_mistypes_and_waits_is_information(n: int, back: float | None, severity: str):
    rows = [(-600 + i, "ann@example.com", IP, "success") for i in range(4)]
    rows += refused(*range(n))
    rows += [] if back is None else [(n - 1 + back, "ann@example.com", IP, "success")]
    assert [f["severity"] for f in found(rows)] == [severity]


def test_a_limit_that_the_server_prints_is_no_person():
    rows = [(-600 + i, "ann@example.com", IP, "success") for i in range(4)]
    rows += [*refused(0, 1, 2, rate_value=11.0, rate_window_s=60.0), (30, "ann@example.com", IP, "success")]
    assert [f["severity"] for f in found(rows)] == ["warning"]


def test_strangers_who_are_slowed_down_are_information():
    (f,) = found([*refused(0, 1, 2, 3), (1, "x", IP, "failure")])
    assert (f["severity"], f["fairness"], f["recovered_at"]) == ("info", "abusive", None)
    assert "not seen to be let through again" in f["title"]


def test_a_client_that_backs_off():
    (f,) = found(refused(0, 10, 30, 70, 150))
    assert f["reaction"] == "backing_off"


def test_postfix_prints_the_count_reached():
    rows = [(i, None, IP, "throttled", {"rate_value": 31.0 + i, "detail": "AUTH command rate"}) for i in range(5)]
    (f,) = found(rows)
    assert (f["limit_n"], f["limit_window_s"], f["limit_method"]) == (30, 60.0, "printed")
    assert "The limit is 30 in 60 s, printed by the server." in f["because"]
    rows = [(i, None, IP, "throttled", {"rate_value": 11.0, "detail": "Connection concurrency"}) for i in range(5)]
    (f,) = found(rows)
    assert (f["limit_n"], f["limit_window_s"]) == (10, None)


def test_a_limit_is_not_told_from_four_episodes():
    (f,) = found(refused(0, 1, 2))
    assert (f["limit_n"], f["limit_method"], f["limit_episodes"]) == (None, None, None)


def test_accounts_and_relays_are_keys_too():
    sending = {"cause": "throttled_sending", "stage": "mail"}
    rows = [(i, "Ann@example.com", f"192.0.2.{i}", "throttled", sending) for i in range(4)]
    (f,) = found(rows)
    assert (f["limit_key"], f["subject"], f["subject_kind"]) == ("user", "ann@example.com", "user")
    theirs = sending | {"side": "client", "relay_host": RELAY, "delivery": "deferred"}
    rows = [(i, None, None, "throttled", theirs | {"queue_id": f"Q{i % 2}"}) for i in range(4)]
    went = [(60, None, None, "success", theirs | {"delivery": "sent"})]
    (f,) = found(rows + went)
    assert (f["kind"], f["subject"], f["relay_host"], f["client_ip"]) == ("relay_throttling", RELAY, RELAY, None)
    assert (f["n_deferred_mails"], f["recovery_s"], f["severity"]) == (2, 57.0, "warning")
    quota = [(t, u, ip, o, more | {"cause": "quota_exceeded"}) for t, u, ip, o, more in rows]
    assert [g["severity"] for g in found(quota)] == ["serious"]


def test_rows_without_key_or_time_and_other_protocols_are_passed_over():
    assert found([(i, None, None, "throttled") for i in range(5)]) == []
    assert found(refused(0, 1, 2, protocol="imap")) == []
    assert len(found(refused(0, 1, 2, protocol="imap"), protocols=["imap"])) == 1
    assert len(found(refused(0, 0, 0))) == 1


def test_senseless_parameters_are_refused():
    for how in ({"refused": 0}, {"pause": "soon"}):
        with pytest.raises(ValueError, match=next(iter(how))):
            found(refused(0), **how)


# ---- limits that nobody prints


def limiter(kind: str, n: int, window: float, *, seed: int, episodes: int = 8) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Play a client that sends bursts against a limiter; return what went through, and the episodes."""
    r = random.Random(seed)
    through, refusals, at, begun, count = [], [], 0.0, 0.0, 0
    recent: deque[float] = deque()
    for _ in range(episodes):
        first = last = None
        end = at + window * 2.5
        while at < end:
            at += window / n * r.uniform(0.2, 0.5)
            while recent and at - recent[0] >= window:
                recent.popleft()
            if at - begun >= window:
                begun, count = at, 0
            if (len(recent) if kind == "sliding" else count) < n:
                recent.append(at)
                count += 1
                through.append(at)
                if first is not None:
                    break
            else:
                first, last = first or at, at
        if first is not None:
            refusals.append((first, last))
        at += window * r.uniform(2, 4)
    moment = [NINE + timedelta(seconds=t) for t in through]
    accepted = pl.DataFrame({"key": ["k"] * len(through), "time": moment})
    spans = [(NINE + timedelta(seconds=a), NINE + timedelta(seconds=b)) for a, b in refusals]
    return accepted, pl.DataFrame([("k", a, b) for a, b in spans], schema=["key", "first", "last"], orient="row")


@pytest.mark.parametrize(("n", "window"), [(30, 60.0), (30, 30.0), (100, 60.0), (50, 3600.0), (300, 86_400.0)])
@pytest.mark.parametrize("kind", ["sliding", "fixed"])
@pytest.mark.parametrize("seed", [31, 32, 33])
def test_limit_and_window_are_inferred(kind: str, n: int, window: float, seed: int):
    limit = inferred(*limiter(kind, n, window, seed=seed))
    assert limit.method == "inferred"
    assert limit.n is not None
    assert abs(limit.n - n) <= max(0.02 * n, 1)
    assert limit.window_s is not None
    assert abs(limit.window_s - window) <= 0.05 * window


def test_four_episodes_or_disagreeing_ones_give_no_limit():
    accepted, refused_ = limiter("sliding", 30, 60.0, seed=1, episodes=4)
    assert inferred(accepted, refused_).method is None
    r = random.Random(3)
    odd = refused_.clear().vstack(
        pl.DataFrame(
            [("k", t, t) for t in sorted(accepted["time"].sample(8, seed=r.randrange(99)).to_list())],
            schema=refused_.schema, orient="row",
        )
    )  # fmt: skip
    assert inferred(accepted.sample(fraction=0.5, seed=2), odd).method is None


def test_every_refusal_of_a_limiter_is_told_and_nobody_elses(tmp_path: Path):
    """Every refusal of the limiter, and its printed limit; nobody else is told."""
    for seed in (9001, 9002):
        place, told = limited(seed, tmp_path)
        met = {ip: times for ip, times in place.refusals.items() if len(times) >= 3}
        assert set(told["client_ip"]) == set(met)
        assert told["n_refused"].sum() == sum(map(len, met.values()))
        assert told["limit_n"].unique().to_list() == [30]
        assert told["limit_window_s"].unique().to_list() == [60.0]


@pytest.mark.parametrize("name", ["postfix/quiet", "postfix/lockout", "postfix/outage", "postfix/misconfigured"])
def test_samples_without_a_limit_are_silent(name: str):
    assert sl.throttling(read(name)).is_empty()


@pytest.mark.parametrize(("pause", "sent", "n"), [(4000, None, [6]), (4001, None, [3, 3]), (4000, 2000, [3, 3])])
def test_a_queue_that_waits_ends_no_episode_of_a_relay(pause: float, sent: float | None, n: list[int]):
    """Postfix asks again after 4000 s at most; what goes through meanwhile ends it."""
    theirs = {"cause": "quota_exceeded", "stage": "auth", "side": "client", "relay_host": RELAY}
    rows = [(at + i, None, None, "throttled", theirs) for at in (0, 2 + pause) for i in range(3)]
    went = [] if sent is None else [(sent, None, None, "success", theirs | {"stage": "mail", "delivery": "sent"})]
    assert [f["n_refused"] for f in sorted(found(rows + went), key=lambda f: f["start"])] == n


def test_single_refusals_of_a_relay_add_up_while_the_queue_waits():
    theirs = {"cause": "throttled_sending", "stage": "mail", "side": "client", "relay_host": RELAY}
    (f,) = found([(3600 * i, None, None, "throttled", theirs) for i in range(3)])
    assert (f["n_refused"], f["end"] - f["start"]) == (3, timedelta(hours=2))
    assert found([(3600 * i, None, IP, "throttled", theirs | {"side": "server"}) for i in range(3)]) == []
