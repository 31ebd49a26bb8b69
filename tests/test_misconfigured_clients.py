"""Misconfigured clients: each mistake on a frame small enough to read, the thresholds, and the scanners beside them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from small_events import ANN, APP, BOB, HOME, NINE, STRANGER, events, kinds, only, shuffled, tries
from smtplogs.detect.misconfiguring import COLUMNS, misconfigured_clients
from smtplogs.errors import MissingColumns
from smtplogs.schema import EVENTS, FINDINGS, dtypes, empty

EVERY_TWENTY = [20.0 * k for k in range(5)]
NEAR = "192.0.2.80"
PLAIN = {"service": None, "program": "postfix/smtpd"}

SIGNS: dict[str, dict[str, Any]] = {
    "port_25": {"outcome": "refused", "cause": "unknown", "basis": "counter", **PLAIN},
    "no_tls": {"outcome": "refused", "cause": "tls_required", "tls": "none"},
    "tls_mode": {"stage": "tls", "outcome": "aborted", "cause": "wrong_host_or_port", "detail": "wrong version number"},
    "old_tls": {"stage": "tls", "outcome": "aborted", "cause": "tls_too_old", "detail": "unsupported protocol"},
    "cert_not_trusted": {
        "stage": "tls",
        "outcome": "aborted",
        "cause": "tls_handshake_failed",
        "detail": "alert unknown ca",
    },
    "mechanism": {"outcome": "refused", "cause": "mechanism_unsupported", "mechanism": "NTLM"},
    "bad_base64": {"outcome": "aborted", "cause": "malformed_response", "detail": "Invalid base64 data"},
    "password_not_allowed": {"outcome": "failure", "cause": "app_password_required", "user": ANN},
    "wrong_kind": {"outcome": "failure", "cause": "bad_credentials", "user": "apikey"},
    "helo": {"stage": "rcpt", "outcome": "refused", "cause": "helo_rejected", "helo": "scanner-7"},
    "local_part_only": {"outcome": "failure", "cause": "bad_credentials", "user": "ann"},
    "blank_or_break": {"outcome": "failure", "cause": "bad_credentials", "user": f"{ANN} "},
    "no_login": {"stage": "rcpt", "outcome": "refused", "cause": "relay_denied"},
}
"""What one row of each mistake looks like."""

OFFICE = tries(ANN, HOME, [-60, -30, 500])


def tries_of(kind: str, ip: str = NEAR, minutes: list[float] = EVERY_TWENTY, **more: Any) -> list[dict[str, Any]]:
    """Return rows that show a mistake, with their own name if the mistake is in it."""
    return [{"at": m, "client_ip": ip, "user": None} | SIGNS[kind] | more for m in minutes]


def clients(*rows: dict[str, Any], **how: Any) -> pl.DataFrame:
    """Return the findings but scanners, with ann at work in the office."""
    return misconfigured_clients(events(*OFFICE, *rows), **how).filter(pl.col("kind") != "scanner")


def test_a_sign_in_that_waits_for_its_owner_is_told_in_its_own_words():
    """Entra 50076, Gmail's "log in via your web browser": the password may be right, but is not enough."""
    found = only(clients(*tries_of("password_not_allowed", cause="account_action_required")))
    assert (found["kind"], found["cause"]) == ("password_not_allowed", "account_action_required")
    assert "logs in with a password alone where its owner must confirm the sign-in" in found["title"]
    assert "OAuth 2.0, or give it an app password" in found["advice"]


def test_a_short_name_that_logs_in_is_no_mistake():
    rows = tries_of("local_part_only")
    assert kinds(clients(*rows)) == ["local_part_only"]
    assert kinds(clients(*rows, *tries("ann", APP, [50]))) == []


@pytest.mark.parametrize("kind", SIGNS)
def test_each_mistake_is_told_by_its_own_kind(kind: str):
    found = only(clients(*tries_of(kind)))
    assert (found["kind"], found["severity"], found["client_ip"]) == (kind, "warning", NEAR)
    assert (found["n_events"], found["n_sessions"], found["period_s"]) == (5, 5, 1200.0)
    assert (found["start"], found["end"]) == (NINE, NINE + timedelta(minutes=80))
    assert found["evidence"] == [f"mail.log:{i}" for i in range(4, 9)]
    assert NEAR in found["title"]
    assert found["advice"]
    assert found["answers"]


@pytest.mark.parametrize("kind", SIGNS)
def test_strangers_with_the_same_signs_are_counted_as_scanners(kind: str):
    uneven = [0.0, 13, 14, 100, 333]
    found = misconfigured_clients(events(*OFFICE, *tries_of(kind, STRANGER, uneven)))
    if kind in ("blank_or_break", "password_not_allowed"):  # ann's account ties them to us
        assert only(found)["tie"] == "user"
    elif kind == "local_part_only":  # nobody of that name logs in from there, or from near it
        assert found.is_empty()
    else:
        row = only(found)
        assert (row["kind"], row["severity"], row["n_scanners"], row["sources"]) == ("scanner", "info", 1, [STRANGER])


@pytest.mark.parametrize("kind", SIGNS)
def test_a_login_in_the_same_session_is_no_mistake(kind: str):
    rows = [row | {"session": f"x{i}"} for i, row in enumerate(tries_of(kind))]
    after = [{"at": 20.0 * i + 0.1, "user": ANN, "client_ip": NEAR, "session": f"x{i}"} for i in range(5)]
    assert clients(*rows, *after).is_empty()


@pytest.mark.parametrize(("minutes", "told"), [([0, 5, 10], True), ([0, 5, 9.99], False), ([0, 10], False)])
def test_three_sessions_over_ten_minutes_make_a_client(minutes: list[float], told: bool):
    assert clients(*tries_of("no_tls", minutes=minutes)).height == told


def test_three_signs_of_one_session_are_one():
    assert clients(*tries_of("no_tls", minutes=[0, 8, 16], session="one")).is_empty()
    assert clients(*tries_of("no_tls", minutes=[0, 8]), sessions=2, span="8m").height == 1


@pytest.mark.parametrize(
    ("ip", "how", "tie", "confidence"),
    [
        (HOME, {}, "address", "high"),
        (NEAR, {}, "network", "medium"),
        ("10.7.0.9", {}, "own", "high"),
        (STRANGER, {"networks": ("203.0.113.0/28",)}, "own", "high"),
    ],
)
def test_what_ties_a_client_to_us(ip: str, how: dict[str, Any], tie: str, confidence: str):
    found = only(clients(*tries_of("no_tls", ip, [0, 9, 31, 77]), **how))
    assert (found["tie"], found["confidence"]) == (tie, confidence)


def test_the_rhythm_alone_is_told_with_doubt():
    hour = [12.0 * k for k in range(6)]
    found = only(clients(*tries_of("no_tls", STRANGER, hour)))
    assert (found["tie"], found["severity"], found["confidence"]) == ("rhythm", "info", "low")
    assert clients(*tries_of("no_tls", STRANGER, hour[:5])).is_empty()  # less than an hour
    assert clients(*tries_of("no_tls", STRANGER, [0.9 * k for k in range(90)])).is_empty()  # faster than a minute
    assert clients(*tries_of("no_tls", STRANGER, hour, helo="ylmf-pc")).is_empty()  # a bot by its own name


def test_a_neighbour_that_tries_many_names_is_a_guesser():
    names = [t for i in range(4) for t in tries(f"name{i}@example.com", NEAR, [300.0 + i], "failure")]
    assert clients(*tries_of("no_tls"), *names).is_empty()
    assert clients(*tries_of("no_tls"), *names[:3]).height == 1


def test_a_client_whose_logins_succeed_later_is_repaired():
    later = tries(BOB, NEAR, [200, 300])
    found = only(clients(*tries_of("no_tls"), *later))
    assert (found["severity"], found["fixed_at"]) == ("info", NEAR and NINE + timedelta(minutes=200))
    between = tries(BOB, NEAR, [30, 200])
    assert only(clients(*tries_of("no_tls"), *between))["fixed_at"] is None


# -- single mistakes -----------------------------------------------------------------------------------------------


def test_who_logs_in_from_the_address_is_said():
    found = only(clients(*tries_of("old_tls", HOME)))
    assert (found["user"], found["works_elsewhere"]) == (ANN, [ANN])
    assert f"Clients log in from {HOME} at other times ({ANN})." in found["because"]


@pytest.mark.parametrize("name", ["ann", "ANN", "office\\ann"])
def test_a_name_without_its_domain(name: str):
    found = only(clients(*tries_of("local_part_only", HOME, user=name)))
    assert (found["meant"], found["user"], found["subject"]) == (ANN, ANN, f"{name} at {HOME}")
    assert found["advice"] == f"Enter {ANN} as user name in the client at {HOME}."


def test_a_name_in_another_domain_counts_only_where_the_right_one_is_used():
    wrong = {"user": "ann@old.example", "cause": "unknown_user"}
    assert only(clients(*tries_of("local_part_only", HOME, **wrong)))["meant"] == ANN
    assert clients(*tries_of("local_part_only", NEAR, **wrong)).is_empty()


def test_a_name_that_two_accounts_share_is_not_guessed():
    other = tries("ann@example.org", "192.0.2.6", [-10])
    assert clients(*other, *tries_of("local_part_only", NEAR)).is_empty()


@pytest.mark.parametrize("name", [f"{ANN} ", f" {ANN}", f"{ANN}?", f"'{ANN}'", f"{ANN}#012", f"{ANN}\u200b"])
def test_blanks_quotes_and_breaks_at_the_ends_of_a_name(name: str):
    assert only(clients(*tries_of("blank_or_break", user=name)))["kind"] == "blank_or_break"


@pytest.mark.parametrize("name", [ANN, "o'neil@example.com", "[redacted:user]#0012abcd"])
def test_usual_names_are_no_mistake(name: str):
    assert clients(*tries_of("blank_or_break", user=name)).is_empty()


@pytest.mark.parametrize(
    ("name", "relay"),
    [
        ("apikey", "SendGrid"),
        ("AKIAIOSFODNN7EXAMPLE", "Amazon SES"),
        ("SMTP_Injection", "SparkPost"),
        ("postmaster@mg.example.com", "Mailgun"),
        ("0f8fad5b-d9cb-469f-a165-70867728950e", "Postmark"),
        ("0123456789abcdef0123456789abcdef", "Mailjet"),
        ("ann@smtp-brevo.com", "Brevo"),
        ("resend", "Resend"),
    ],
)
def test_the_user_names_of_relays_are_known_by_their_shape(name: str, relay: str):
    found = only(clients(*tries_of("wrong_kind", user=name)))
    assert (found["kind"], found["seen"]) == ("wrong_kind", relay)


@pytest.mark.parametrize("name", ["apikeys", "akia", "postmaster@example.com", "0123456789abcdef"])
def test_names_that_only_look_alike(name: str):
    assert "wrong_kind" not in kinds(clients(*tries_of("wrong_kind", user=name)))


def test_a_web_browser_on_the_port_is_no_client():
    assert clients(*tries_of("tls_mode", detail="SSL routines::http request")).is_empty()


def test_tls_where_plain_text_is_expected_is_seen_in_the_counters():
    ended = {"stage": "session", "outcome": "info", "cause": None, "tls": "none"}
    hello = tries_of("tls_mode", **ended, detail="lost connection; unknown=0/1 commands=0/1")
    assert only(clients(*hello))["kind"] == "tls_mode"
    waits = tries_of("tls_mode", **ended | {"tls": None}, service="submissions", detail="timeout; commands=0/0")
    assert only(clients(*waits))["kind"] == "tls_mode"


def test_a_session_that_only_looks_is_told_with_doubt():
    looks = {"stage": "session", "outcome": "info", "cause": None, "tls": "none", "detail": "ehlo=1 quit=1 commands=2"}
    found = only(clients(*tries_of("no_tls", **looks)))
    assert (found["kind"], found["severity"], found["confidence"]) == ("no_tls", "info", "low")
    assert clients(*tries_of("no_tls", minutes=[0, 9, 50, 51, 130], **looks)).is_empty()  # no rhythm
    assert misconfigured_clients(events(*OFFICE, *tries_of("no_tls", STRANGER, **looks))).is_empty()


def test_port_25_is_a_mistake_only_for_clients_of_ours():
    relay = {"stage": "rcpt", "cause": "relay_denied"}
    assert only(clients(*tries_of("port_25", HOME, **relay)))["kind"] == "port_25"
    found = misconfigured_clients(events(*OFFICE, *tries_of("port_25", STRANGER, [0, 9, 50, 51, 130], **relay)))
    assert kinds(found) == ["scanner"]


# -- many clients at once ------------------------------------------------------------------------------------------


def certificate(n: int, *, hours: float = 1) -> list[dict[str, Any]]:
    """Return n people who log in for a day and then complain about the certificate."""
    rows = []
    for i in range(n):
        rows += tries(f"u{i}@example.com", f"192.0.2.{100 + i}", [-900, -500])
        rows += tries_of(
            "cert_not_trusted",
            f"192.0.2.{100 + i}",
            [60 * hours * i / max(n - 1, 1)],
            detail="alert certificate expired",
        )
    return rows


@pytest.mark.parametrize(("n", "hours", "told"), [(5, 24, True), (4, 24, False), (5, 24.01, False)])
def test_five_clients_within_a_day_speak_of_the_certificate(n: int, hours: float, told: bool):
    found = clients(*certificate(n, hours=hours))
    assert found.height == told
    if told:
        row = found.row(0, named=True)
        assert (row["severity"], row["subject_kind"], row["subject"], len(row["sources"])) == (
            "serious",
            "server",
            "mx",
            5,
        )


def domain(accounts: int, *, tokens: int = 3) -> list[dict[str, Any]]:
    """Return a domain whose passwords stop working at nine while tokens go on."""
    rows = []
    for i in range(accounts):
        user, ip = f"m{i}@example.org", f"198.51.100.{i}"
        rows += tries(user, ip, [-100, -50], mechanism="PLAIN") + tries(
            user, ip, [10, 20], "failure", mechanism="PLAIN"
        )
    return rows + tries("t@example.org", "198.51.100.99", [-60, *range(30, 30 + tokens)], mechanism="XOAUTH2")


@pytest.mark.parametrize(("accounts", "tokens", "told"), [(5, 3, True), (4, 3, False), (5, 2, False)])
def test_passwords_that_stop_while_tokens_go_on(accounts: int, tokens: int, told: bool):
    found = clients(*domain(accounts, tokens=tokens))
    assert found.height == told
    if told:
        row = found.row(0, named=True)
        assert (row["kind"], row["subject"], row["severity"]) == ("password_not_allowed", "example.org", "serious")
        assert row["start"] == NINE + timedelta(minutes=10)


# -- too often -----------------------------------------------------------------------------------------------------


def storm(n: int, minutes: float, ip: str = HOME, **more: Any) -> pl.DataFrame:
    """Return what is found when ann's client is refused n times, the last after so many minutes."""
    step = minutes / (n - 1)
    return clients(*tries(ANN, ip, [step * k for k in range(n)], "failure", **more))


def test_thirty_refusals_within_an_hour_are_a_storm():
    found = only(storm(30, 60, ip=NEAR))
    assert (found["kind"], found["severity"], found["n_events"], found["pace"]) == (
        "retry_storm",
        "warning",
        30,
        "fixed",
    )
    assert storm(29, 50).is_empty()
    assert storm(30, 60.1).is_empty()


def test_a_storm_is_history_once_the_client_logs_in():
    cured = only(storm(30, 60))  # ann logs in from there at 500 min, and only then
    assert (cured["severity"], cured["fixed_at"]) == ("info", NINE + timedelta(minutes=500))
    others = only(clients(*tries(ANN, HOME, [2.0 * k for k in range(30)], "failure"), *tries(BOB, HOME, [90.0])))
    assert (others["user"], others["fixed_at"]) == (ANN, NINE + timedelta(minutes=500))
    midst = [*tries(ANN, HOME, [2.0 * k for k in range(30)], "failure"), *tries(ANN, HOME, [31.0])]
    assert only(clients(*midst))["severity"] == "warning"


def test_two_hundred_within_a_day_are_a_storm():
    assert only(storm(200, 1440))["kind"] == "retry_storm"
    assert storm(199, 1430).is_empty()
    assert storm(200, 1441).is_empty()


def test_what_waiting_cures_and_strangers_are_no_storm():
    assert storm(40, 30, cause="throttled_auth").is_empty()
    assert storm(40, 30, cause="account_locked").is_empty()
    assert storm(40, 30, ip=STRANGER).is_empty()


@pytest.mark.parametrize(
    ("logins", "limited", "severity"), [(30, 1, "warning"), (29, 1, None), (119, 0, None), (120, 0, "info")]
)
def test_a_login_for_every_mail(logins: int, limited: int, severity: str | None):
    minutes = [60 + 0.49 * k for k in range(logins)]
    rows = tries(ANN, APP, minutes) + [r | {"stage": "mail"} for r in tries(ANN, APP, minutes)]
    rows += tries(None, APP, [100.0] * limited, "throttled", cause="throttled_auth")
    found = clients(*rows)
    assert found["severity"].to_list() == ([severity] if severity else [])
    assert severity is None or (found["kind"][0], found["n_limited"][0]) == ("login_per_message", limited)


def test_a_client_that_sends_many_mails_per_login_is_none():
    minutes = [60 + 0.49 * k for k in range(120)]
    mails = [r | {"stage": "mail", "count": 2} for r in tries(ANN, APP, minutes)]
    assert clients(*tries(ANN, APP, minutes), *mails).is_empty()


# -- frames --------------------------------------------------------------------------------------------------------


def everything() -> pl.DataFrame:
    """Return one client with each mistake."""
    rows = [r for i, kind in enumerate(SIGNS) for r in tries_of(kind, f"192.0.2.{100 + i}")]
    return events(*OFFICE, *rows)


def test_the_order_of_the_rows_and_the_library_do_not_matter():
    expected = misconfigured_clients(everything())
    assert kinds(expected) == sorted(SIGNS)
    assert_frame_equal(misconfigured_clients(shuffled(everything())), expected)
    assert_frame_equal(misconfigured_clients(everything().lazy()), expected)
    assert misconfigured_clients(everything().to_pandas())["title"].tolist() == expected["title"].to_list()


def test_nothing_gives_nothing_in_all_columns():
    found = misconfigured_clients(empty(EVENTS))
    assert found.is_empty()
    assert found.schema == dtypes(FINDINGS) | dtypes(COLUMNS)


def test_without_any_login_it_is_not_assessable():
    found = only(misconfigured_clients(events(*tries_of("no_tls", STRANGER, [0, 9, 50, 51, 130]))))
    assert (found["status"], found["severity"]) == ("not_assessable", "info")


def test_our_own_logins_at_relays_and_other_protocols_are_left_out():
    relay = tries_of("mechanism", side="client", relay_host="smtp.example.net")
    imap = tries_of("mechanism", protocol="imap")
    assert clients(*relay, *imap).is_empty()


def test_mistakes_of_the_caller_are_named():
    with pytest.raises(MissingColumns, match="user"):
        misconfigured_clients(everything().drop("user"))
    with pytest.raises(ValueError, match="sessions=0"):
        misconfigured_clients(everything(), sessions=0)
    with pytest.raises(ValueError, match="span='soon'"):
        misconfigured_clients(everything(), span="soon")


def test_columns_that_are_only_used_may_be_missing():
    frame = everything().drop("session", "helo", "mechanism", "tls", "detail", "host", "program", "source", "line_no")
    assert {"no_tls", "old_tls", "bad_base64", "mechanism"} <= set(kinds(misconfigured_clients(frame)))


def lost(n: int, *, first: float = 1440, hours: float = 1, before: int = 0) -> list[dict[str, Any]]:
    """Return n people who log in for a day, and then ask for a mechanism; and some who asked for it the day before."""
    rows = []
    for i in range(n + before):
        ip = f"192.0.2.{100 + i}"
        rows += tries(f"u{i}@example.com", ip, [-60])
        at = first - 60 + 60 * hours * i / max(n - 1, 1) if i < n else first - 60 - 60 * 23 + i
        rows += tries_of("mechanism", ip, [at], mechanism="LOGIN")
    return rows


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"n": 5}, True), ({"n": 4}, False),
        ({"n": 5, "hours": 24}, True), ({"n": 5, "hours": 24.01}, False),
        ({"n": 5, "first": 1439}, False),  # not yet a day of logins
        ({"n": 6, "before": 2, "first": 3000, "hours": 20}, True),
        ({"n": 5, "before": 2, "first": 3000, "hours": 20}, False),
    ],
)  # fmt: skip
def test_a_mechanism_that_many_begin_to_miss_at_once_is_gone_from_the_server(how: dict[str, Any], told: bool):
    found = clients(*lost(**how)).filter(pl.col("subject_kind") == "server")
    assert found.height == told
    if told:
        row = found.row(0, named=True)
        assert (row["kind"], row["severity"], row["subject"], row["cause"]) == (
            "mechanism", "serious", "mx", "mechanism_unsupported",
        )  # fmt: skip
        assert "asked for LOGIN, which mx did not offer" in row["title"]


@pytest.mark.parametrize(
    ("user", "minutes", "told"),
    [
        ("ann", EVERY_TWENTY, True), ("OFFICE\\ann", EVERY_TWENTY, True), ("eve", EVERY_TWENTY, False),
        ("ann", [0, 9, 50, 51, 130], False), ("ann", [14.9 * k for k in range(5)], False),
    ],
)  # fmt: skip
def test_half_a_name_from_a_strange_address_is_told_by_its_rhythm(user: str, minutes: list[float], told: bool):
    found = misconfigured_clients(events(*OFFICE, *tries_of("local_part_only", STRANGER, minutes, user=user)))
    assert kinds(found) == (["local_part_only"] if told else [])
    if told:
        assert only(found)["severity"] == "info"
        assert ANN in only(found)["title"]


def test_a_strange_address_that_tries_two_names_guesses():
    rows = [*tries_of("local_part_only", STRANGER), *tries_of("local_part_only", STRANGER, [5], user="bob")]
    assert misconfigured_clients(events(*OFFICE, *rows)).is_empty()


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ({"service": None, "program": "exim"}, ["tls_mode"]),
        (PLAIN, []),
        ({"service": "submission"}, []),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "words", ["error:0A00010B:SSL routines::wrong version number", "An unexpected TLS packet was received."]
)
def test_plain_text_where_tls_begins_is_told_by_its_words_where_no_port_stands(
    words: str, where: dict[str, Any], told: list[str]
):
    shown = {"stage": "tls", "outcome": "aborted", "cause": "tls_handshake_failed", "detail": words}
    assert kinds(clients(*tries_of("tls_mode", **shown, **where))) == told


def test_a_name_in_another_domain_needs_no_word_of_the_server_if_nobody_logs_in_there():
    """Postfix says "authentication failed" of a wrong domain as of a wrong password."""
    wrong = {"user": "ann@old.example", "cause": "bad_credentials"}
    found = only(clients(*tries_of("local_part_only", HOME, **wrong)))
    assert (found["kind"], found["meant"]) == ("local_part_only", ANN)
    assert clients(*tries_of("local_part_only", NEAR, **wrong)).is_empty()
    lives = tries("bob@old.example", "192.0.2.6", [-10])
    assert clients(*lives, *tries_of("local_part_only", HOME, **wrong)).is_empty()


@pytest.mark.parametrize(("ip", "told"), [(HOME, True), ("10.0.0.9", True), (NEAR, False), (STRANGER, False)])
def test_a_rule_of_access_is_told_of_those_who_used_to_log_in_there(ip: str, told: bool):
    """Entra 53003, Dovecot's policy server: strangers are what the rule is there for, even if they know the name."""
    found = clients(*tries_of("password_not_allowed", ip, cause="access_policy_denied"))
    assert found.height == told
    if told:
        row = only(found)
        assert (row["kind"], row["cause"]) == ("password_not_allowed", "access_policy_denied")
        assert row["severity"] == ("info" if ip == HOME else "warning")  # ann gets in again at noon
        assert (
            "is kept out by a rule of access (place, device or kind of client), whatever its password" in row["title"]
        )


@pytest.mark.parametrize(("program", "kind"), [("sendmail", ["no_login"]), ("postfix/smtpd", ["port_25"])])
def test_who_is_asked_to_log_in_where_the_log_tells_no_port(program: str, kind: list[str]):
    """Sendmail: Relaying denied. Proper authentication required."""
    rows = tries_of("no_login", HOME, cause="auth_required", program=program, service=None)
    assert kinds(clients(*rows)) == kind
    uneven = [0.0, 7.0, 31.0, 32.0, 80.0]
    assert clients(
        *tries_of("no_login", STRANGER, uneven, cause="auth_required", program="sendmail", service=None)
    ).is_empty()


@pytest.mark.parametrize(
    ("complaints", "hours", "meanwhile", "before", "told"),
    [
        (5, 1.0, False, 10, True),
        (4, 1.0, False, 10, False),  # eight complaints
        (5, 0.9, False, 10, False),
        (5, 1.0, True, 10, False),  # somebody gets in
        (5, 1.0, False, 9, False),  # as seldom as before
    ],
)
def test_two_addresses_speak_of_the_certificate_if_nobody_else_gets_in(
    complaints: int, hours: float, meanwhile: bool, before: int, told: bool
):
    """All of a small firm is behind one address."""
    rows = [row for ip in (HOME, APP) for row in tries(ANN, ip, [-900.0])]
    rows += tries(BOB, HOME, [-5.0 * (i + 1) for i in range(before)] + [30.0] * meanwhile)
    at = [60 * hours * i / (complaints - 1) for i in range(complaints)]
    signs = [r for ip in (HOME, APP) for r in tries_of("cert_not_trusted", ip, at, detail="alert certificate expired")]
    found = misconfigured_clients(events(*rows, *signs)).filter(pl.col("subject_kind") == "server")
    assert found.height == told
    if told:
        row = only(found)
        assert (row["kind"], row["severity"], row["sources"]) == ("cert_not_trusted", "serious", [HOME, APP])
