"""Explanations of replies: how sure, why this and not the others, what may hide behind, where the usual advice fails."""

from __future__ import annotations

import inspect

import polars as pl
import pytest

import smtplogs as sl
from smtplogs import replies
from smtplogs.detect import DETECTORS
from smtplogs.replies import explain
from smtplogs.replies.explaining import COLUMNS
from smtplogs.replies.meanings import WHO, cause_table, checklist

PLANNED = {
    "lockouts", "misconfigured_clients", "stale_credentials", "throttling", "attacks", "compromises", "incidents",
    "relay_refusals", "exposure",
}  # fmt: skip
"""The detectors of the design; the catalogue names no others."""


def first(text: str, **how: str) -> dict[str, object]:
    """Return the best candidate."""
    return explain(text, **how).row(0, named=True)


# --- how sure ---


@pytest.mark.parametrize(
    ("text", "how", "confidence"),
    [
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", {}, "high"),
        ("535 5.7.8 Error: authentication failed: account disabled", {}, "high"),
        ("525 5.7.13 no", {"stage": "auth"}, "medium"),
        ("Rate limit exceeded, try again later", {}, "medium"),
        ("Rate limit exceeded, try again later", {"stage": "auth"}, "high"),
        ("535 5.7.8 Error: authentication failed", {}, "low"),
        ("535", {}, "low"),
        ("454 no", {}, "low"),
        ("451 4.9.9 gibberish", {"stage": "rcpt"}, "low"),
        ("250 ok", {}, "high"),
    ],
)
def test_confidence_follows_from_what_was_found(text: str, how: dict[str, str], confidence: str) -> None:
    assert first(text, **how)["confidence"] == confidence


def test_only_the_first_is_sure_and_the_others_say_why_not() -> None:
    table = explain("535 5.7.8 Error: authentication failed: account disabled")

    assert table["confidence"].to_list() == ["high", "low", "low"]
    assert table["why_not"].to_list() == [
        None,
        "words say more than the status code",
        "words say more than the code",
    ]


@pytest.mark.parametrize(
    ("text", "why_not"),
    [
        ("Rate limit exceeded", "holds at mail or rcpt or data; the step is not known"),
        ("535 5.7.0 (#AUTH005) Too many bad auth attempts.", "'#auth005' is more exact than 'too many'"),
    ],
)
def test_why_not_names_the_rule_that_decided(text: str, why_not: str) -> None:
    assert why_not in explain(text)["why_not"].to_list()


# --- what may hide behind the words ---


def test_a_bare_535_may_be_six_things_and_behaviour_tells() -> None:
    table = explain("535 5.7.8 Error: authentication failed")
    hidden = table.filter(pl.col("row").is_null())

    assert table["cause"].first() == "bad_credentials"
    assert hidden["cause"].to_list() == [
        "unknown_user",
        "account_locked",
        "password_expired",
        "app_password_required",
        "auth_disabled_by_policy",
        "backend_unavailable",
    ]
    assert hidden["sign"].null_count() == 0
    assert hidden["decided_by"].list.len().min() > 0
    assert dict(hidden.select("cause", "decided_by").rows())["account_locked"] == ["lockouts"]


def test_a_plain_sentence_hides_nothing() -> None:
    assert (
        explain("535 5.7.139 Authentication unsuccessful, account locked.").filter(pl.col("row").is_null()).is_empty()
    )


def test_a_cause_stands_once_among_those_that_hide() -> None:
    for row in replies.rows():
        assert len(set(row.instead)) == len(row.instead), row.id


def test_every_row_that_leaves_the_cause_open_names_others() -> None:
    for row in replies.rows():
        assert bool(row.behind) == (row.basis == "assumed"), row.id
        assert row.cause not in row.behind, row.id


def test_the_catalogue_names_detectors_that_exist_or_are_planned() -> None:
    named = {name for entry in cause_table().values() for name in entry["decided_by"] or ()}
    named |= {name for item in checklist().values() for name in item["decided_by"]}

    assert named <= PLANNED
    assert {d.__name__ for d in DETECTORS} <= PLANNED
    assert "lockouts" in named


def test_explain_sends_nobody_to_a_detector_that_is_not_there() -> None:
    there = {d.__name__ for d in DETECTORS}
    told = sl.explain("535 5.7.8 Error: authentication failed")["decided_by"].explode().drop_nulls()

    assert told.len()
    assert set(told) <= there


# --- truth beside the first digit, and where the usual advice fails ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "application password does not help"),
        ("535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.", "no lockout"),
        ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.", "Neither a new password nor an application password"),
        ("550 5.7.30 Basic authentication is not supported for Client Submission.", "application password does not help"),
        ("454 4.7.1 <a@example.net>: Relay access denied", "never passes"),
        ("421 4.7.66 TLS 1.0 and 1.1 are not supported.", "never passes"),
        ("451 Authentication failed: Maximum credits exceeded", "Neither a new key nor a retry"),
        ("435 4.7.8 Error: authentication failed: authentication failure", "try again for days"),
        ("535-5.7.8 Username and Password not accepted", "less secure apps"),
        ("server smtp.example.com[192.0.2.9] said: 535 5.7.8 Error: authentication failed (in reply to AUTH)", "try again for days"),
        ("550 5.4.5 Daily user sending limit exceeded.", "passes by itself"),
        ("550 5.7.1 Invalid credentials for relay [192.0.2.7]", "no password mends it"),
    ],
)  # fmt: skip
def test_where_the_usual_advice_goes_wrong_it_is_said(text: str, words: str) -> None:
    assert words in str(first(text)["beware"])


def test_a_login_that_a_person_typed_is_not_said_to_stay_in_a_queue() -> None:
    assert "for days" not in str(first("535 5.7.8 Error: authentication failed")["beware"])


def test_the_first_digit_stands_beside_the_truth() -> None:
    for text, temporary, promised in (
        ("454 4.7.1 <a@example.net>: Relay access denied", False, "temporary"),
        ("550 5.4.5 Daily user sending limit exceeded.", True, "permanent"),
        ("535 5.7.139 Authentication unsuccessful, account locked.", True, "permanent"),
        ("454 4.7.0 Temporary authentication failure", True, "temporary"),
    ):
        told = first(text)
        assert (told["temporary"], told["code_class"]) == (temporary, promised)


def test_the_provider_is_told_with_what_it_wants() -> None:
    told = first("server email-smtp.eu-west-1.amazonaws.com[192.0.2.9] said: 535 Authentication Credentials Invalid")

    assert told["provider"] == "Amazon SES"
    assert "AKIA" in told["provider_wants"]
    assert first("535 Authentication Credentials Invalid")["provider"] == "Amazon SES, GMX, Resend, Stalwart"
    assert first("535 5.7.8 x", server="smtp.mail.me.com")["provider"] == "iCloud"
    assert "Apple account" in first("535 5.7.8 x", server="smtp.mail.me.com")["provider_wants"]


def test_every_provider_of_a_row_is_one_we_know() -> None:
    known = {entry["name"] for entry in replies.placing.providers()}
    for row in replies.rows():
        for name in (row.provider or "").split(", "):
            assert not name or name in known, row.id


def test_every_provider_of_the_issue_has_rows_or_servers_of_its_own() -> None:
    rows = {name for row in replies.rows() for name in (row.provider or "").split(", ")}
    hosts = {entry["name"] for entry in replies.placing.providers() if entry["hosts"]}
    asked = (
        "Microsoft 365, Exchange, Gmail, Google Workspace, Yahoo, iCloud, Zoho, GMX, Fastmail, Yandex, Amazon SES, SendGrid, "
        "Mailgun, Postmark, SparkPost, Mandrill, Brevo, SMTP2GO, Resend, OVH, cPanel, Postfix, Exim, Sendmail, Dovecot, OpenSMTPD, Stalwart, KumoMTA, Haraka"
    )

    assert set(asked.split(", ")) <= rows
    assert {"Microsoft 365", "Gmail", "Amazon SES", "SendGrid", "OVH", "iCloud"} <= hosts


# --- the step ---


@pytest.mark.parametrize(
    ("text", "causes"),
    [
        ("454 4.7.0 Please try again later", {"auth": "service_unavailable", "tls": "service_unavailable", "mail": "unknown"}),
        ("454 no", {"auth": "backend_unavailable", "tls": "tls_unavailable", "mail": "unknown", "rcpt": "unknown"}),
        ("454 4.7.0 rate limit exceeded", {"auth": "throttled_auth", "tls": "throttled_connection", "mail": "throttled_sending", "rcpt": "throttled_sending"}),
        ("421 4.7.0 too many of them", {"auth": "throttled_auth", "tls": "throttled_connection", "mail": "throttled_sending", "rcpt": "throttled_sending", "connect": "throttled_connection"}),
        ("500 what", {"auth": "auth_not_offered", "mail": "unknown", "tls": "unknown"}),
        ("501 no", {"auth": "malformed_response", "mail": "unknown"}),
        ("450 no", {"auth": "throttled_auth", "rcpt": "unknown"}),
        ("535 no", {"auth": "bad_credentials"}),
    ],
)  # fmt: skip
def test_the_same_sentence_means_what_its_step_says(text: str, causes: dict[str, str]) -> None:
    assert {stage: first(text, stage=stage)["cause"] for stage in causes} == causes
    table = pl.DataFrame({"text": [text] * len(causes), "stage": list(causes)})
    assert replies.classify_replies(table)["cause"].to_list() == list(causes.values())


def test_the_step_is_taken_from_the_words_around() -> None:
    assert first("host h.example[192.0.2.9] said: 454 no (in reply to STARTTLS command)")["cause"] == "tls_unavailable"
    assert (
        first("SASL authentication failed; server h.example[192.0.2.9] said: 454 no")["cause"] == "backend_unavailable"
    )


def test_a_bare_code_at_an_unknown_step_is_unknown_and_names_both() -> None:
    table = explain("454 no")

    assert table["cause"].to_list()[:3] == ["unknown", "backend_unavailable", "tls_unavailable"]
    assert "by the SMTP step" in table["why"].first()


@pytest.mark.parametrize(
    ("text", "causes"),
    [
        ("454", ["unknown", "backend_unavailable", "tls_unavailable"]),
        ("504", ["unknown", "mechanism_unsupported"]),
        ("530", ["auth_required", "tls_required"]),
        ("535 5.7.8", ["bad_credentials"]),
    ],
)
def test_a_code_alone_has_no_shape_that_a_reason_could_have(text: str, causes: list[str]) -> None:
    table = explain(text)

    assert table["cause"].to_list()[: len(causes)] == causes
    assert "tls_handshake_failed" not in table["cause"]
    assert table.filter(pl.col("rank") > 1)["why_not"].null_count() == 0


def test_a_reason_that_is_a_number_still_ends_a_handshake() -> None:
    assert first("-1", stage="tls")["cause"] == "tls_handshake_failed"


# --- near misses ---


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("535 5.7.1399 Authentication unsuccessful", "bad_credentials"),
        ("535 15.7.139 Authentication unsuccessful", "bad_credentials"),
        ("535 5.7.13", "account_disabled"),
        ("535 5.7.139.1 x", "bad_credentials"),
        ("535-5.7.8 Username and Password\n535-5.7.8 not accepted.\n535 5.7.8 x - gsmtp", "bad_credentials"),
        ("535 5.7.139 AUTHENTICATION UNSUCCESSFUL, BASIC AUTHENTICATION IS DISABLED.", "oauth_required"),
        ("535 5.7.139 authentication unsuccessful, account LOCKED. [BN0PR04CA0001.namprd04.prod.outlook.com]", "account_locked"),
        ("535 5.7.8 Error: authentication failed: authentication failure - gsmtp", "bad_credentials"),
        ("535 5.7.8 Fehler: Anmeldung fehlgeschlagen", "bad_credentials"),
        ("535 5.7.8 Échec de l'authentification", "bad_credentials"),
        ("535 5.7.0 Ошибка аутентификации", "bad_credentials"),
        ("550 5.7.1 Relaying ist nicht erlaubt", "unknown"),
        ("550 5.7.1 Message rejected: domain exampledisabled.com", "unknown"),
        ("535 5.7.8 account not disabled by anyone", "bad_credentials"),
        ("535 535 535 5.7.8", "bad_credentials"),
    ],
)  # fmt: skip
def test_near_misses_fall_back_to_what_the_codes_say(text: str, cause: str) -> None:
    assert first(text)["cause"] == cause
    assert replies.classify_replies(pl.DataFrame({"text": [text]}))["cause"].item() == cause


# --- causes and checklist ---


def test_every_cause_is_documented_in_full() -> None:
    table = sl.causes()
    real = table.filter(~pl.col("cause").cast(pl.String).is_in(["success", "unknown"]))

    assert set(table["who"]) <= set(WHO)
    assert set(real["who"]) <= {"client owner", "account owner", "application owner", "mail admin", "tenant admin"}
    for name in ("meaning", "first_check", "fix", "sign", "waiting_helps"):
        assert real[name].null_count() == 0, name
    for name in ("answers", "references", "decided_by"):
        assert real[name].list.len().min() >= 1, name


def test_every_item_of_the_article_is_answered_by_a_cause_or_a_detector() -> None:
    answered = {item for entry in cause_table().values() for item in entry["answers"]}

    assert answered <= set(checklist())
    assert len(checklist()) == 24
    for item, entry in checklist().items():
        assert item in answered or entry["decided_by"], item
        assert entry["question"].endswith("?"), item
        assert entry["answer"], item


def test_an_explanation_has_the_documented_columns() -> None:
    table = explain("535")

    assert table.schema == pl.Schema(COLUMNS)
    documented = inspect.getdoc(explain) or ""
    for name in COLUMNS:
        assert name in documented, name
