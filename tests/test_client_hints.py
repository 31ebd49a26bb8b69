"""Hints at the software of a client: the table is sound, each hint fires on what it is for, and on nothing near it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from small_events import ANN, APP, HOME, events, shuffled, tries
from smtplogs.detect._hints import hint_table, known_bots, likely_software
from smtplogs.detect._rhythm import rhythm, schedules
from smtplogs.detect.forgotten import stale_credentials
from smtplogs.detect.hinting import COLUMNS, client_hints
from smtplogs.errors import MissingColumns
from smtplogs.schema import EVENTS, dtypes, empty


def session(*mechanisms: str, at: float = 0, name: str = "s", **more: Any) -> list[dict[str, Any]]:
    """Return one session that tries these mechanisms in turn."""
    return [
        {
            "at": at + i / 60,
            "user": ANN,
            "client_ip": APP,
            "outcome": "failure",
            "mechanism": m,
            "session": name,
            **more,
        }
        for i, m in enumerate(mechanisms)
    ]


def rules(*rows: dict[str, Any]) -> set[str]:
    """Return the hints that fit."""
    return set(client_hints(events(*rows))["rule"])


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("python-smtplib", session("CRAM-MD5", "PLAIN", "LOGIN")),
        ("python-smtplib-or-thunderbird", session("PLAIN", "LOGIN")),
        ("symfony-mailer", session("CRAM-MD5", "LOGIN", "PLAIN")),
        ("symfony-mailer", session("LOGIN", "PLAIN")),
        ("ntlm-first", session("NTLM", "LOGIN")),
        ("php-mailer", session("LOGIN", helo="localhost.localdomain")),
        ("web-application", session("LOGIN", helo="www.example.com")),
        ("web-application", session("LOGIN", helo="tickets.example.com")),
        ("loopback-literal", session("PLAIN", helo="[127.0.0.1]")),
        ("localhost", session("PLAIN", helo="localhost")),
        ("salesforce", session("PLAIN", client_name="smtp12.mta.salesforce.com")),
        ("ticket-service", session("PLAIN", client_name="out1.zendesk.com")),
        ("cloud-server", session("PLAIN", client_name="static.9.113.0.203.your-server.de")),
        ("apple-mail", session("PLAIN", helo="smtpclient.apple")),
        ("phone-by-name", session("PLAIN", helo="Anns-iPhone.local")),
        ("mobile-network", session("PLAIN", client_name="ip-9.mobile.example.net")),
        ("windows-name", session("LOGIN", helo="DESKTOP-4F2K9QX")),
        ("windows-server-name", session("LOGIN", helo="WIN-8JQ2K7L9P0A")),
        ("mail-program-behind-router", session("PLAIN", helo="[192.168.1.20]")),
        ("printer", session("LOGIN", helo="BRN30055C0A1B2C")),
        ("printer", session("LOGIN", helo="NPI8A9B0C.example.com")),
        ("printer-by-word", session("LOGIN", helo="scanner2.example.com")),
        ("nas", session("LOGIN", helo="diskstation")),
        ("old-device", session("LOGIN", tls="TLSv1", client_ip="10.1.2.3")),
        ("old-software", session("LOGIN", tls="TLSv1.1")),
        ("bot-ylmf", session("LOGIN", helo="ylmf-pc")),
        ("bot-user", session("LOGIN", helo="User")),
        ("scanner-service", session("LOGIN", helo="scan-07.shodan.example")),
        ("scanner-service-name", session("LOGIN", client_name="s1.censys-scanner.example")),
        ("every-minute", [r for i in range(20) for r in session("PLAIN", at=i, name=f"s{i}")]),
        ("scheduled-job", [r for i in range(20) for r in session("PLAIN", at=15 * i, name=f"s{i}")]),
        ("sleep-loop", [r for i in range(60) for r in session("PLAIN", at=5.1 * i, name=f"s{i}")]),
        (
            "hangs-up",
            [
                {
                    "at": i * i,
                    "client_ip": APP,
                    "stage": "session",
                    "outcome": "info",
                    "detail": "lost connection; ehlo=1",
                }
                for i in range(5)
            ],
        ),
    ],
)
def test_each_hint_fires_on_what_it_is_for(rule: str, rows: list[dict[str, Any]]):
    assert rule in rules(*rows)


def test_every_hint_is_tried_above():
    marks = test_each_hint_fires_on_what_it_is_for.pytestmark  # type: ignore[attr-defined]
    assert {hint["id"] for hint in hint_table()} == {rule for rule, _ in marks[0].args[1]}


@pytest.mark.parametrize(
    "row",
    [
        {"helo": "mail.example.com"},
        {"helo": "users.example.com"},
        {"helo": "BRN30055C"},
        {"helo": "localhost.example.com"},
        {"helo": "www"},
        {"client_name": "salesforce.com.example.net"},
        {"client_name": "automobile.example.net"},
        {"helo": "[192.168.1.20]", "client_ip": "192.168.1.20"},
        {"tls": "TLSv1.2"},
        {"mechanism": "PLAIN"},
        {"helo": "printerette.example.com"},
    ],
)
def test_no_hint_fires_on_what_only_looks_alike(row: dict[str, Any]):
    assert rules({"at": 0, "user": ANN, "client_ip": APP, **row}) == set()


def test_mechanisms_of_two_sessions_are_no_order():
    assert "python-smtplib" not in rules(*session("CRAM-MD5"), *session("PLAIN", "LOGIN", at=5, name="t"))


def test_a_retry_of_one_mechanism_is_no_new_step():
    assert "python-smtplib" in rules(*session("CRAM-MD5", "CRAM-MD5", "PLAIN", "PLAIN", "LOGIN"))


def test_the_surest_hint_comes_first_and_says_what_was_seen():
    found = client_hints(events(*session("CRAM-MD5", "PLAIN", "LOGIN", helo="www.example.com")))
    assert found["rule"].to_list() == ["python-smtplib", "web-application"]
    assert found["seen"].to_list() == ["mechanisms CRAM-MD5 PLAIN LOGIN", "helo www.example.com"]
    assert found["source"][0].startswith("CPython Lib/smtplib.py")
    assert found["users"].to_list() == [[ANN], [ANN]]


def test_titles_take_only_sure_hints():
    frame = events(
        *session("CRAM-MD5", "PLAIN", "LOGIN", helo="www.example.com"),
        *session("PLAIN", client_ip=HOME, helo="localhost"),
    )
    assert likely_software(frame.lazy(), [APP, HOME]) == {APP: "a Python script (smtplib)"}
    assert likely_software(frame.lazy(), []) == {}
    assert known_bots(events(*session("LOGIN", helo="ylmf-pc")).lazy(), [APP]) == {APP}


def test_the_title_of_a_forgotten_application_names_the_software():
    rows = [r for i in range(12) for r in session("CRAM-MD5", "PLAIN", "LOGIN", at=60 * i, name=f"s{i}")]
    frame = events(*tries(ANN, APP, [-30, -20, -10]), *tries(ANN, HOME, [100, 300]), *rows)
    found = stale_credentials(frame).filter(pl.col("kind") == "stale_credential").row(0, named=True)
    assert found["likely"] == "a Python script (smtplib)"
    assert "(likely a Python script (smtplib)) still uses an old password" in found["title"]
    assert (found["n_events"], found["n_ticks"]) == (36, 12)


@pytest.mark.parametrize(
    ("period", "drift", "n", "schedule"),
    [(15, 0.0, 10, "clock"), (15, 0.0, 9, None), (15, 0.2, 80, "pause"), (7.77, 0.0, 20, "pause")],
)
def test_a_clock_is_told_from_a_pause(period: float, drift: float, n: int, schedule: str | None):
    rows = events(*tries(ANN, APP, [(period + drift) * i for i in range(n)]))
    beat = rhythm(rows, ["client_ip"])
    assert beat["regular"].to_list() == [True]
    assert schedules(rows, beat, ["client_ip"])["schedule"].cast(pl.String).to_list() == ([schedule] if n >= 10 else [])


def test_a_clock_that_moves_with_summer_time_is_regular():
    """A daily job in local time: one gap of 23 hours among fourteen of a day."""
    minutes = [1440.0 * i - (60 if i > 6 else 0) for i in range(15)]
    beat = rhythm(events(*tries(ANN, APP, minutes)), ["client_ip"]).row(0, named=True)
    assert (beat["regular"], beat["period_s"]) == (True, 86_400.0)


def test_only_the_clients_asked_for():
    frame = events(*session("NTLM"), *session("NTLM", client_ip=HOME))
    assert set(client_hints(frame)["client_ip"]) == {APP, HOME}
    assert set(client_hints(frame, clients=(HOME,))["client_ip"]) == {HOME}


def test_the_order_of_the_rows_and_the_library_do_not_matter():
    frame = events(*session("CRAM-MD5", "PLAIN", "LOGIN", helo="www.example.com"))
    expected = client_hints(frame)
    assert_frame_equal(client_hints(shuffled(frame)), expected)
    assert_frame_equal(client_hints(frame.lazy()), expected)
    assert client_hints(frame.to_pandas())["rule"].tolist() == expected["rule"].to_list()


def test_nothing_gives_nothing_and_mistakes_are_named():
    assert client_hints(empty(EVENTS)).schema == dtypes(COLUMNS)
    with pytest.raises(MissingColumns, match="client_ip"):
        client_hints(empty(EVENTS).drop("client_ip"))
    bare = events(*session("NTLM")).select("time", "stage", "outcome", "client_ip")
    assert client_hints(bare).is_empty()
