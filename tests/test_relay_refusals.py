"""Relay refusals: our server is the client; on hand-made frames."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from small_events import NINE, events, only, shuffled
from smtplogs.detect.relaying import COLUMNS, relay_refusals
from smtplogs.errors import MissingColumns
from smtplogs.schema import EVENTS, FINDINGS, TRAFFIC, as_table, dtypes, empty

RELAY = "smtp.example.net"
WORDS = "Error: authentication failed: authentication failure"


def refusals(
    minutes: list[float], *, relay: str = RELAY, cause: str = "bad_credentials", stage: str = "auth", **more: Any
) -> list[dict[str, Any]]:
    """Return a mail that a relay puts off at each of these minutes."""
    usual = {
        "side": "client", "stage": stage, "outcome": more.pop("outcome", "failure"), "cause": cause, "relay_host": relay,
        "delivery": "deferred", "dsn": "4.7.8", "reply_code": 535, "enhanced_code": "5.7.8", "detail": WORDS,
        "client_ip": None, "user": None, "service": None, "program": "postfix/smtp", "session": None,
    }  # fmt: skip
    return [usual | {"at": m, "queue_id": f"A{i}"} | more for i, m in enumerate(minutes)]


def traffic(*sent: float, relay: str | None = RELAY, deferred: int = 0) -> pl.DataFrame:
    """Return a mail that the relay took in each of these minutes after nine."""
    rows = [
        {
            "time": NINE + timedelta(minutes=m),
            "host": "mx",
            "side": "client",
            "relay_host": relay,
            "n_sent": 0 if deferred else 1,
            "n_deferred": deferred,
        }
        for m in sent
    ]
    return as_table(pl.DataFrame(rows), TRAFFIC)


def test_a_forgotten_secret_of_a_relay():
    found = only(relay_refusals(events(*refusals([0, 30, 300])), traffic=traffic(-60, -7)))
    expected = {
        "kind": "relay_refusal",
        "severity": "serious",
        "confidence": "high",
        "subject_kind": "relay",
        "subject": f"mx at {RELAY} (bad_credentials)",
        "relay_host": RELAY,
        "server": "mx",
        "relay_state": "ongoing",
        "start": NINE,
        "end": NINE + timedelta(hours=5),
        "n_events": 3,
        "n_mails": 3,
        "n_deferred": 3,
        "n_bounced": 0,
        "last_sent": NINE - timedelta(minutes=7),
        "recovered_at": None,
        "n_sent_between": 0,
        "reply": WORDS,
        "reply_code": 535,
        "enhanced_code": "5.7.8",
        "wrong_kind": None,
        "title": f"The relay {RELAY} refuses mx since 2026-02-03 09:00 UTC: bad credentials, 3 times, 3 mails put off; the last "
        "mail went out at 2026-02-03 08:53 UTC.",
        "evidence": ["mail.log:1", "mail.log:2", "mail.log:3"],
    }
    assert {name: found[name] for name in expected} == expected
    assert any("Postfix and Exim put it off by design" in reason for reason in found["because"])


def test_the_same_mail_tried_again_is_one_mail():
    rows = refusals([0, 30, 300], queue_id="A1") + refusals([400], queue_id="A1", delivery="bounced")
    found = only(relay_refusals(events(*rows), traffic=traffic(-7)))
    assert (found["n_events"], found["n_mails"], found["n_deferred"], found["n_bounced"]) == (4, 1, 1, 1)


def test_a_mail_after_the_last_refusal_is_a_recovery():
    found = only(relay_refusals(events(*refusals([0, 30, 300])), traffic=traffic(-7, 301, 400)))
    assert (found["relay_state"], found["severity"], found["recovered_at"]) == (
        "recovered",
        "warning",
        NINE + timedelta(minutes=301),
    )
    assert found["title"].endswith("it takes mail again since 2026-02-03 14:01 UTC.")


def test_mail_in_between_is_counted_and_lowers_the_severity():
    found = only(relay_refusals(events(*refusals([0, 30, 300])), traffic=traffic(-7, 100)))
    assert (found["relay_state"], found["n_sent_between"], found["severity"]) == ("ongoing", 1, "warning")


@pytest.mark.parametrize(("n", "severity"), [(3, "serious"), (2, "warning")])
def test_three_refused_logins_are_serious(n: int, severity: str):
    assert only(relay_refusals(events(*refusals([0, 1, 2][:n])), traffic=traffic(-7)))["severity"] == severity


@pytest.mark.parametrize(("minutes", "severity"), [([0, 5, 10], "serious"), ([0, 5, 9.9], "info"), ([0, 10], "info")])
def test_refused_mails_are_serious_after_ten_minutes(minutes: list[float], severity: str):
    rows = refusals(minutes, cause="relay_denied", stage="rcpt", outcome="refused")
    assert only(relay_refusals(events(*rows), traffic=traffic(-7)))["severity"] == severity


def test_limits_and_faults_that_pass_are_information():
    rows = refusals([0, 5, 30], cause="throttled_sending", stage="mail", outcome="throttled")
    assert only(relay_refusals(events(*rows), traffic=traffic(40)))["severity"] == "info"
    assert only(relay_refusals(events(*rows), traffic=traffic(-40)))["severity"] == "warning"


@pytest.mark.parametrize(
    ("minutes", "sent", "severity"),
    [([0, 30, 60], [70], "warning"), ([0, 30, 59], [70], "info"), ([0, 30, 60], [45, 70], "info")],
)
def test_a_relay_that_cannot_be_reached_for_an_hour_is_worth_a_look(
    minutes: list[float], sent: list[float], severity: str
):
    rows = refusals(minutes, cause="service_unavailable", stage="connect", outcome="deferred", delivery=None)
    assert only(relay_refusals(events(*rows), traffic=traffic(*sent)))["severity"] == severity


def test_one_finding_for_each_server_relay_and_cause():
    rows = (
        refusals([0, 1])
        + refusals([2], relay="mx.example.org")
        + refusals([3], cause="auth_required", outcome="refused")
    )
    rows += refusals([4], host="mx2")
    found = relay_refusals(events(*rows), traffic=traffic(-7))
    assert sorted(found["n_events"]) == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("relay", "login", "wrong"),
    [
        ("smtp.sendgrid.net", "apikey", False),
        ("smtp.sendgrid.net", "ann@example.com", True),
        ("email-smtp.eu-west-1.amazonaws.com", "ann@example.com", True),
        ("smtp.sendgrid.net", None, None),
        ("smtp.example.net", "apikey", None),
    ],
)
def test_credentials_of_the_wrong_kind(relay: str, login: str | None, wrong: bool | None):
    found = only(relay_refusals(events(*refusals([0, 1, 2], relay=relay, user=login)), traffic=traffic(-7)))
    assert found["wrong_kind"] is wrong
    assert (found["wants"] is None) == (relay == "smtp.example.net")
    assert ("as user name it wants" in found["advice"]) == (relay != "smtp.example.net")


def test_what_the_queue_manager_put_off_by_itself_is_counted():
    waiting = pl.concat([traffic(-7), traffic(0, 100, 299, 301, relay=None, deferred=2)])
    assert only(relay_refusals(events(*refusals([0, 30, 300])), traffic=waiting))["n_suspended"] == 6


def test_without_traffic_recovery_is_not_assessable():
    found = relay_refusals(events(*refusals([0, 30, 300])))
    assert sorted(found["status"].cast(pl.String)) == ["found", "not_assessable"]
    told = found.filter(pl.col("status") == "found").row(0, named=True)
    assert (told["relay_state"], told["n_sent_between"], told["last_sent"], told["severity"]) == (
        "unknown",
        None,
        None,
        "serious",
    )


def test_what_we_refuse_others_is_not_asked_for():
    assert relay_refusals(
        events({"at": 0, "outcome": "failure", "client_ip": "192.0.2.5"}), traffic=traffic(-7)
    ).is_empty()


def test_the_order_of_the_rows_and_the_library_do_not_matter():
    frame = events(*refusals([0, 30, 300]), *refusals([2], relay="mx.example.org"))
    expected = relay_refusals(frame, traffic=traffic(-7))
    assert_frame_equal(relay_refusals(shuffled(frame), traffic=traffic(-7)), expected)
    assert_frame_equal(relay_refusals(frame.lazy(), traffic=traffic(-7).lazy()), expected)
    assert (
        relay_refusals(frame.to_pandas(), traffic=traffic(-7).to_pandas())["title"].tolist()
        == expected["title"].to_list()
    )


def test_nothing_gives_nothing_and_mistakes_are_named():
    found = relay_refusals(empty(EVENTS), traffic=empty(TRAFFIC))
    assert found.is_empty()
    assert found.schema == dtypes(FINDINGS) | dtypes(COLUMNS)
    with pytest.raises(MissingColumns, match="side"):
        relay_refusals(empty(EVENTS).drop("side"))


def test_columns_that_are_only_used_may_be_missing():
    frame = events(*refusals([0, 1, 2])).select("time", "outcome", "cause", "side", "relay_host")
    found = only(relay_refusals(frame, traffic=empty(TRAFFIC)))
    assert (found["n_events"], found["n_mails"], found["server"]) == (3, 0, None)
