"""Exposure: weak logins that succeed and secrets in the log; on hand-made frames."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from small_events import ANN, BOB, HOME, NINE, STRANGER, events, kinds, only, shuffled, tries
from smtplogs.detect.exposing import COLUMNS, exposure
from smtplogs.errors import MissingColumns
from smtplogs.schema import EVENTS, FINDINGS, dtypes, empty

GOOD = {"mechanism": "PLAIN", "tls": "TLSv1.3"}


@pytest.mark.parametrize(
    ("kind", "more", "seen", "severity"),
    [
        ("plain_text_login", {"mechanism": "PLAIN", "tls": "none"}, ["PLAIN"], "warning"),
        ("plain_text_login", {"mechanism": "PLAIN", "tls": "none", "client_ip": "10.0.0.9"}, ["PLAIN"], "info"),
        ("old_tls_login", {"mechanism": "PLAIN", "tls": "TLSv1.1"}, ["TLSv1.1"], "info"),
        ("old_tls_login", {"mechanism": "PLAIN", "tls": "SSLv3"}, ["SSLv3"], "info"),
        ("weak_mechanism", {"mechanism": "CRAM-MD5", "tls": "TLSv1.3"}, ["CRAM-MD5"], "info"),
        ("weak_mechanism", {"mechanism": "NTLM", "tls": "TLSv1.3"}, ["NTLM"], "info"),
        ("port_25_login", {**GOOD, "service": None, "program": "postfix/smtpd"}, ["TLSv1.3"], "info"),
        ("port_25_login", {**GOOD, "server_port": 25}, ["TLSv1.3"], "info"),
    ],
)
def test_each_weakness(kind: str, more: dict[str, Any], seen: list[str], severity: str):
    rows = [r | more for r in tries(ANN, STRANGER, [0, 30])] + tries(ANN, STRANGER, [60, 90], **GOOD)
    found = only(exposure(events(*rows)))
    assert (found["kind"], found["variants"], found["severity"]) == (kind, seen, severity)
    assert (found["user"], found["n_logins"], found["login_share"]) == (ANN, 2, 0.5)
    assert (found["first"], found["last"]) == (NINE, NINE + timedelta(minutes=30))
    assert found["evidence"] == ["mail.log:1", "mail.log:2"]


def test_good_logins_and_what_cannot_be_told_are_no_exposure():
    unknown = tries(ANN, STRANGER, [1], mechanism="PLAIN", tls=None) + tries(
        ANN, STRANGER, [2], mechanism="PLAIN", tls="yes"
    )
    scram = tries(ANN, STRANGER, [3], mechanism="SCRAM-SHA-256", tls="TLSv1.2")
    assert exposure(events(*tries(ANN, STRANGER, [0], **GOOD), *unknown, *scram)).is_empty()


def test_only_logins_that_succeed_count():
    weak = {"mechanism": "CRAM-MD5", "tls": "none"}
    frame = events(*tries(ANN, STRANGER, [0], "failure", **weak), *tries(ANN, STRANGER, [1], stage="mail", **weak))
    assert exposure(frame).is_empty()


def test_one_login_may_be_weak_in_several_ways():
    weak = {"mechanism": "CRAM-MD5", "tls": "none", "service": None, "program": "postfix/smtpd"}
    assert kinds(exposure(events(*tries(ANN, HOME, [0], **weak)))) == [
        "plain_text_login",
        "port_25_login",
        "weak_mechanism",
    ]


@pytest.mark.parametrize(
    ("minutes", "trend"),
    [([1, 2, 3, 98], "falling"), ([1, 2, 98], "steady"), ([1, 98, 99], "steady"), ([1, 97, 98, 99], "rising")],
)
def test_the_trend_compares_the_halves_of_the_log(minutes: list[float], trend: str):
    frame = events(*tries(ANN, HOME, minutes, mechanism="NTLM"), *tries(BOB, HOME, [0, 100], **GOOD))
    assert only(exposure(frame))["trend"] == trend


def test_the_addresses_of_a_user_are_listed_by_number():
    frame = events(*tries(ANN, HOME, [0], mechanism="NTLM"), *tries(ANN, STRANGER, [1, 2], mechanism="NTLM"))
    found = only(exposure(frame))
    assert (found["client_ip"], found["sources"], found["n_sources"]) == (STRANGER, [STRANGER, HOME], 2)


@pytest.mark.parametrize(("users", "rows"), [(3, 3), (2, 3), (1, 2)])
def test_accounts_beyond_the_first_share_one_row(users: int, rows: int):
    frame = events(
        *(t for i in range(3) for t in tries(f"u{i}@example.com", HOME, list(range(i + 1)), mechanism="NTLM"))
    )
    found = exposure(frame, users=users)
    assert found.height == rows
    assert found["n_logins"].sum() == 6
    rest = found.filter(pl.col("subject") == "further accounts")
    assert rest["n_users"].to_list() == ([3 - users] if users < 3 else [])


def test_a_domain_that_knows_tokens_and_takes_passwords():
    token = tries("t@example.com", HOME, [0], mechanism="XOAUTH2", tls="TLSv1.3")
    found = only(
        exposure(events(*token, *tries(ANN, HOME, [1, 2, 3], **GOOD), *tries("x@example.org", HOME, [4], **GOOD)))
    )
    assert (found["kind"], found["subject"], found["n_users"], found["login_share"]) == (
        "password_login",
        "example.com",
        1,
        0.75,
    )
    assert exposure(events(*tries(ANN, HOME, [1], **GOOD))).is_empty()


def test_secrets_are_told_by_file_and_line_and_never_shown():
    raw = "< mx: AUTH PLAIN [redacted]"
    rows = [{"at": m, "outcome": "info", "redacted": "sasl response", "raw": raw} for m in (0, 5)]
    rows += [{"at": 9, "outcome": "failure", "redacted": "password as user name", "source": "b.log"}]
    found = exposure(events(*rows)).sort("subject")
    assert found["severity"].to_list() == ["info", "warning"]
    assert found["evidence"].to_list() == [["b.log:3"], ["mail.log:1", "mail.log:2"]]
    assert found["n_events"].to_list() == [1, 2]
    assert not any("AUTH PLAIN" in str(value) for value in found.row(1))


def test_a_secret_without_a_time_is_told_all_the_same():
    frame = events({"at": 0, "redacted": "password"}).with_columns(pl.lit(None, EVENTS["time"].dtype).alias("time"))
    assert only(exposure(frame))["kind"] == "secret_in_log"


def test_the_order_of_the_rows_and_the_library_do_not_matter():
    frame = events(
        *tries(ANN, HOME, [0, 1], mechanism="NTLM"),
        *tries(BOB, STRANGER, [2], tls="none"),
        {"at": 5, "redacted": "password"},
    )
    expected = exposure(frame)
    assert expected.height == 3
    assert_frame_equal(exposure(shuffled(frame)), expected)
    assert_frame_equal(exposure(frame.lazy()), expected)
    assert exposure(frame.to_pandas())["title"].tolist() == expected["title"].to_list()


def test_nothing_gives_nothing_and_mistakes_are_named():
    found = exposure(empty(EVENTS))
    assert found.is_empty()
    assert found.schema == dtypes(FINDINGS) | dtypes(COLUMNS)
    with pytest.raises(MissingColumns, match="user"):
        exposure(empty(EVENTS).drop("user"))
    with pytest.raises(ValueError, match="users=0"):
        exposure(empty(EVENTS), users=0)


def test_rows_without_a_name_are_told_as_such():
    assert only(exposure(events(*tries(None, HOME, [0], mechanism="NTLM"))))["subject"] == "(no name)"
    assert exposure(events(*tries(ANN, HOME, [0], mechanism="NTLM")).drop("redacted", "tls", "program")).height == 1
