"""The causes, the catalogue, and what both make of replies and reasons."""

from __future__ import annotations

import ipaddress
import re
from importlib import resources

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtplogs import replies, schema
from smtplogs.replies import Reply, Row, classify, explain, parse_reply
from smtplogs.replies.matching import EVIDENCE, candidates

ROWS = replies.rows()
IDS = [row.id for row in ROWS]

OUR_ADDRESSES = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "127.0.0.0/8")]


def records(*rows: dict) -> pl.DataFrame:
    """Return records with these fields; side server, stage auth, format postfix unless said otherwise."""
    usual = {"side": "server", "stage": "auth", "format": "postfix"}
    names = list(dict.fromkeys(name for row in rows for name in usual | row))
    dtypes = {name: schema.RECORDS[name].dtype for name in names}
    return pl.DataFrame([usual | row for row in rows], schema=dtypes)


def verdict(**fields) -> tuple[str | None, str | None, str | None]:
    """Return outcome, cause and basis of one record."""
    return classify(records(fields)).select("outcome", "cause", "basis").row(0)


def places(row: Row, text: str) -> list[dict]:
    """Return the evidence of an example, once for every step that its row names."""
    reply = parse_reply(text)
    return [
        {
            "side": row.side if row.side != "any" else ("client" if reply.code else "server"),
            "stage": stage,
            "program": row.program[0] if row.program else "postfix",
            "service": row.service[0] if row.service else "other",
            "reply_code": reply.code,
            "enhanced_code": reply.enhanced,
            "vendor_code": row.vendor_code[0] if row.vendor_code else None,
            "level": row.level[0] if row.level else None,
            "detail": reply.text,
        }
        for stage in (row.stage or ("auth",))
    ]


def best(evidence: list[dict]) -> list[str | None]:
    """Return the id of the row that wins, for each piece of evidence."""
    hits = candidates(pl.DataFrame(evidence, schema=EVIDENCE)).unique("key", keep="first")
    winners = {key: ROWS[row].id for key, row in hits.select("key", "row").rows()}
    return [winners.get(key) for key in range(len(evidence))]


# --- causes ---


def test_the_causes_are_those_of_the_schema_in_order():
    table = replies.causes()
    assert tuple(table["cause"]) == schema.CAUSES
    assert "challenge" not in table["cause"]


def test_only_unknown_has_no_outcome():
    assert replies.causes().filter(pl.col("outcome").is_null())["cause"].to_list() == ["unknown"]


def test_every_cause_says_what_to_check_and_what_to_do():
    table = replies.causes()
    for name in ("family", "meaning", "first_check", "fix", "who"):
        assert table[name].null_count() == 0
        assert (table[name].str.len_chars() > 0).all()


def test_a_cause_with_an_outcome_other_than_success_says_whether_waiting_helps():
    silent = replies.causes().filter(pl.col("waiting_helps").is_null())["cause"].to_list()
    assert silent == ["success", "unknown"]


@pytest.mark.parametrize(
    ("outcome", "causes"),
    [
        (
            "failure",
            {"bad_credentials", "unknown_user", "account_disabled", "password_expired", "access_policy_denied"},
        ),
        ("refused", {"mechanism_unsupported", "bad_sequence", "tls_required", "auth_required", "relay_denied"}),
        ("deferred", {"backend_unavailable", "service_unavailable", "server_config_error"}),
        ("aborted", {"malformed_response", "aborted", "tls_handshake_failed"}),
        ("throttled", {"throttled_auth", "throttled_connection", "throttled_sending", "too_many_errors"}),
    ],
)
def test_the_outcome_follows_from_the_cause_as_the_dictionary_says(outcome, causes):
    assert causes <= set(replies.causes().filter(pl.col("outcome") == outcome)["cause"])


# --- the catalogue as data ---


def test_every_example_resolves_to_its_own_row_at_every_step_the_row_names_whatever_the_case_of_its_letters():
    asked = [
        (row.id, text, place)
        for row in ROWS
        for example in row.examples
        for text in (example, example.upper())
        for place in places(row, text)
    ]
    found = best([place for *_, place in asked])

    assert [(own, text, other) for (own, text, _), other in zip(asked, found, strict=True) if other != own] == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.not_these], ids=lambda row: row.id)
def test_what_only_looks_alike_resolves_elsewhere(row):
    for text in row.not_these:
        assert row.id not in best(places(row, text)), text


def test_ids_are_unique():
    assert len(set(IDS)) == len(IDS)


def test_every_row_names_a_source_and_explains_in_sentences():
    for row in ROWS:
        assert row.source, row.id
        assert row.explain[0].isupper(), row.id
        assert row.explain[-1] in ".)", row.id


def test_every_regex_runs_in_the_engine():
    for row in ROWS:
        if row.pattern:
            pl.Series(["x"]).str.contains(row.pattern, strict=True)


def test_the_texts_name_documentation_addresses_only():
    for file in resources.files("smtplogs.replies").joinpath("catalogue").iterdir():
        for found in re.findall(r"(?<!RFC2821 )\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b", file.read_text("utf-8")):
            assert any(ipaddress.ip_address(found) in network for network in OUR_ADDRESSES), (file.name, found)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"cause": "bad_luck"}, "unknown cause"),
        ({"cause": "challenge"}, "unknown cause"),
        ({"examples": ()}, "no example"),
        ({"explain": ""}, "no explanation"),
        ({"source": ""}, "no source"),
        ({"text": ()}, "nothing to recognise it by"),
        ({"text": ("Mixed Case",)}, "lower case"),
        ({"text": ("",)}, "empty"),
        ({"pattern": "a(?=b)"}, "not of the allowed kind"),
        ({"pattern": r"a\d+"}, "not of the allowed kind"),
        ({"pattern": "a.*?b"}, "not of the allowed kind"),
        ({"pattern": "[A-Z]"}, "lower case"),
        ({"outcome": "lost"}, "unknown outcome"),
        ({"basis": "hearsay"}, "unknown basis"),
        ({"side": "both"}, "unknown side"),
        ({"stage": ("dinner",)}, "unknown stage"),
        ({"service": ("imap",)}, "unknown service"),
        ({"enhanced": ("5.7",)}, "bad enhanced code"),
        ({"code": (99,)}, "bad reply code"),
        ({"priority": 8}, "priority"),
        ({"vendor_code": ("x",)}, "decides alone"),
    ],
)
def test_a_malformed_row_is_refused_by_name(change, complaint):
    good = {"id": "x", "cause": "aborted", "explain": "E.", "source": "S", "examples": ("gone",), "text": ("gone",)}
    Row(**good)
    with pytest.raises(ValueError, match=f"'x'.*{complaint}"):
        Row(**good | change)


def test_whether_it_passes_is_apart_from_what_the_first_digit_promises():
    by_id = {row.id: row for row in ROWS}
    daily = explain("550 5.4.5 Daily user sending limit exceeded.").row(0, named=True)
    assert (daily["temporary"], daily["code_class"]) == (True, "permanent")
    relay = explain("454 4.7.1 <a@example.net>: Relay access denied").row(0, named=True)
    assert (relay["temporary"], relay["code_class"]) == (False, "temporary")
    assert by_id["sendgrid-credits"].passes is False
    assert by_id["code-535"].code_class == "permanent"
    assert by_id["gmail-app-password"].code_class is None


# --- the verdict on what Postfix writes ---


@pytest.mark.parametrize(
    "detail",
    [
        None,
        "",
        "(reason unavailable)",
        "authentication failed",
        "UGFzc3dvcmQ6",
        "VXNlcm5hbWU6",
        "VXNlciBOYW1lAA==",
        "Password:",
        "PDc3OTEwNTkyNTEyMzA2NDIuMTIyODI1MzA2MUBoZWw+",
        "eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIn0=",
    ],
)
def test_a_refusal_without_a_reason_is_assumed_to_be_about_credentials(detail):
    assert verdict(detail=detail) == ("failure", "bad_credentials", "assumed")


@pytest.mark.parametrize(
    ("detail", "outcome", "cause"),
    [
        ("authentication failure", "failure", "bad_credentials"),
        ("Can't connect to authentication server", "deferred", "backend_unavailable"),
        ("generic failure", "deferred", "backend_unavailable"),
        ("transient failure (e.g., weak key)", "deferred", "backend_unavailable"),
        ("no memory available", "deferred", "backend_unavailable"),
        ("remote authentication server unavailable", "deferred", "backend_unavailable"),
        ("Authentication backend error", "deferred", "backend_unavailable"),
        ("Invalid authentication mechanism: 'PLAIN]:_authentication_failed:_x'", "refused", "mechanism_unsupported"),
        ("no mechanism available", "refused", "mechanism_unsupported"),
        ("mechanism too weak for this user", "refused", "mechanism_too_weak"),
        ("encryption needed to use mechanism", "refused", "tls_required"),
        ("Invalid base64 data in continued response", "aborted", "malformed_response"),
        ("bad protocol / cancel", "aborted", "malformed_response"),
        ("another step is needed in authentication", "aborted", "malformed_response"),
        ("Authentication request timed out", "aborted", "aborted"),
        ("Password expired", "failure", "password_expired"),
        ("passphrase expired, has to be reset", "failure", "password_expired"),
        ("passphrase locked", "failure", "account_locked"),
        ("Connect to Dovecot auth socket 'private/auth' failed: Connection refused", "deferred", "backend_unavailable"),
        ("no SASL authentication mechanisms", "deferred", "server_config_error"),
    ],
)
def test_reasons_of_postfix_and_cyrus(detail, outcome, cause):
    assert verdict(detail=detail) == (outcome, cause, "line")


def test_a_lost_auth_connection_stays_open_for_the_stitching():
    assert verdict(detail="Connection lost to authentication server") == ("deferred", "unknown", "assumed")


def test_the_same_words_from_a_relay_mean_its_backend():
    got = verdict(
        side="client",
        reply_code=454,
        enhanced_code="4.7.0",
        detail="Temporary authentication failure: Connection lost to authentication server",
    )
    assert got == ("deferred", "backend_unavailable", "assumed")


def test_a_reason_chosen_by_the_site_is_unknown_and_still_a_failure():
    assert verdict(detail="Your mailbox is on holiday") == ("failure", "unknown", "line")


@pytest.mark.parametrize(
    ("detail", "code", "enhanced", "outcome", "cause"),
    [
        ("<x@example.org>: Relay access denied", 554, "5.7.1", "refused", "relay_denied"),
        ("<x@example.org>: Relay access denied", 454, "4.7.1", "refused", "relay_denied"),
        ("<a@example.com>: Sender address rejected: not logged in", 553, "5.7.1", "refused", "auth_required"),
        ("<a@example.com>: Sender address rejected: not owned by user b", 553, "5.7.1", "refused", "sender_not_owned"),
        ("Session encryption is required", 450, "4.7.1", "refused", "tls_required"),
        ("Must issue a STARTTLS command first", 530, "5.7.0", "refused", "tls_required"),
        ("Server configuration error", 451, "4.3.5", "deferred", "server_config_error"),
        ("<x@example.org>: Temporary lookup failure", 451, "4.3.0", "deferred", "backend_unavailable"),
        ("mx Server local data error", 421, "4.3.0", "deferred", "backend_unavailable"),
        ("<pc>: Helo command rejected: Host not found", 450, "4.7.1", "refused", "helo_rejected"),
        ("Policy rejection; Message count quota exceeded", 450, "4.7.1", "throttled", "throttled_sending"),
        ('Ratelimit "to" exceeded', None, "4.7.1", "throttled", "throttled_sending"),
        ("Too many recipients this hour", 452, "4.5.3", "throttled", "throttled_sending"),
        ("Error: too many recipients", 452, "4.5.3", "deferred", "unknown"),
        ("Greylisted, see later", 451, "4.7.1", "deferred", "unknown"),
        ("User unknown in local recipient table", 550, "5.1.1", "refused", "unknown"),
    ],
)
def test_words_of_a_refusal_at_rcpt_have_their_outcome_and_cause(detail, code, enhanced, outcome, cause):
    got = verdict(stage="rcpt", detail=detail, reply_code=code, enhanced_code=enhanced)
    assert got[:2] == (outcome, cause)


@pytest.mark.parametrize(
    "service", ["submission", "submissions", "submission-limited", "smtps", "587", "in/submission"]
)
def test_client_host_rejected_on_a_submission_service_means_not_logged_in(service):
    detail = "<unknown[192.0.2.7]>: Client host rejected: Access denied"
    assert verdict(stage="rcpt", service=service, detail=detail) == ("refused", "auth_required", "line")


@pytest.mark.parametrize("service", [None, "smtp", "amavis"])
def test_client_host_rejected_elsewhere_is_an_access_rule_with_a_doubt(service):
    detail = "<unknown[192.0.2.7]>: Client host rejected: Access denied"
    assert verdict(stage="rcpt", service=service, detail=detail) == ("refused", "access_policy_denied", "assumed")


def test_the_port_stands_in_for_the_service_name_on_our_side_only():
    detail = "<unknown[192.0.2.7]>: Client host rejected: Access denied"
    assert verdict(stage="rcpt", server_port=587, detail=detail)[1] == "auth_required"
    assert verdict(stage="rcpt", server_port=465, detail=detail)[1] == "auth_required"
    assert verdict(stage="rcpt", server_port=25, detail=detail)[1] == "access_policy_denied"
    assert verdict(side="client", stage="rcpt", server_port=587, detail=detail)[1] == "access_policy_denied"


@pytest.mark.parametrize(
    ("what", "cause"),
    [
        ("AUTH command rate", "throttled_auth"),
        ("Connection concurrency", "throttled_connection"),
        ("Connection rate", "throttled_connection"),
        ("New TLS session rate", "throttled_connection"),
        ("STARTTLS", "throttled_connection"),
        ("Message delivery request rate", "throttled_sending"),
        ("Recipient address rate", "throttled_sending"),
    ],
)
@pytest.mark.parametrize("stage", ["connect", "session"])
def test_a_limiter_is_known_by_what_it_limits(what, cause, stage):
    assert verdict(stage=stage, detail=what) == ("throttled", cause, "line")


@pytest.mark.parametrize(
    ("stage", "cause"),
    [("auth", "throttled_auth"), ("connect", "throttled_connection"), ("rcpt", "throttled_sending")],
)
def test_the_same_rate_words_mean_what_is_limited_at_that_step(stage, cause):
    assert verdict(stage=stage, detail="Rate limit exceeded, try again later") == ("throttled", cause, "line")


# --- Dovecot and PAM ---


@pytest.mark.parametrize(
    ("detail", "outcome", "cause", "basis"),
    [
        ("Password mismatch", "failure", "bad_credentials", "line"),
        (
            "Password mismatch (given password: [redacted]) - trying the next passdb",
            "failure",
            "bad_credentials",
            "line",
        ),
        ("invalid credentials", "failure", "bad_credentials", "line"),
        ("unknown user", "failure", "unknown_user", "line"),
        ("unknown user (SHA1 of given password: 21bd12)", "failure", "unknown_user", "line"),
        (
            "pam_authenticate() failed: Authentication failure (Password mismatch?)",
            "failure",
            "bad_credentials",
            "line",
        ),
        (
            "pam_authenticate() failed: User not known to the underlying authentication module",
            "failure",
            "unknown_user",
            "line",
        ),
        ("pam_authenticate() failed: Permission denied", "failure", "access_policy_denied", "line"),
        ("allow_nets check failed: IP 192.0.2.7 not in allowed networks", "failure", "access_policy_denied", "line"),
        ("Authentication failure due to policy server refusal: Blocked", "failure", "access_policy_denied", "line"),
        ("User found from deny passdb", "failure", "access_policy_denied", "line"),
        (
            "Username character disallowed by auth_username_chars: 0x20 (username: a b)",
            "aborted",
            "malformed_response",
            "line",
        ),
        ("Empty username", "aborted", "malformed_response", "line"),
        ("Password expired", "failure", "password_expired", "line"),
        ("Disconnected (user disabled, 1 attempts in 2 secs)", "failure", "account_disabled", "line"),
        ("Unsupported authentication mechanism.", "refused", "mechanism_unsupported", "line"),
        ("Plaintext authentication disabled", "refused", "tls_required", "line"),
        ("Aborted login (tried to use disabled plaintext auth)", "refused", "tls_required", "line"),
        ("Aborted", "aborted", "aborted", "line"),
        ("Disconnected: Inactivity (auth failed, 7 attempts in 176 secs)", "failure", "bad_credentials", "assumed"),
        ("Disconnected: Too many invalid commands (auth failed, 1 attempts)", "failure", "bad_credentials", "assumed"),
        ("Aborted login (1 authentication attempts)", "failure", "bad_credentials", "assumed"),
        ("Disconnected (proxy dest auth failed)", "failure", "bad_credentials", "assumed"),
        (
            "Disconnected: Connection closed (auth service reported temporary failure)",
            "deferred",
            "backend_unavailable",
            "line",
        ),
        ("auth client 0 disconnected with 1 pending requests: EOF", "deferred", "backend_unavailable", "line"),
        (
            "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
            "throttled",
            "throttled_connection",
            "line",
        ),
    ],
)
def test_reasons_of_dovecot_have_their_cause(detail, outcome, cause, basis):
    assert verdict(format="dovecot", detail=detail) == (outcome, cause, basis)


@pytest.mark.parametrize(
    ("detail", "cause", "basis"),
    [
        ("Password query failed: no such table: users", "backend_unavailable", "line"),
        ("Unknown scheme NOSUCH", "server_config_error", "line"),
        ("oauth2 failed: Introspection failed: connect(192.0.2.9:443) failed", "backend_unavailable", "line"),
        ("something that nobody has seen", "backend_unavailable", "assumed"),
    ],
)
def test_an_error_about_a_login_is_the_servers_trouble(detail, cause, basis):
    assert verdict(format="dovecot", level="Error", detail=detail) == ("deferred", cause, basis)


def test_the_level_decides_where_the_words_are_the_same():
    assert verdict(format="dovecot", level="Info", detail="oauth2 failed: Token is not valid")[1] == "token_invalid"
    assert (
        verdict(format="dovecot", level="Error", detail="oauth2 failed: connect() failed")[1] == "backend_unavailable"
    )


@pytest.mark.parametrize(
    ("word", "outcome", "cause", "basis"),
    [
        ("auth_failed", "failure", "bad_credentials", "assumed"),
        ("temp_fail", "deferred", "backend_unavailable", "line"),
        ("user_disabled", "failure", "account_disabled", "line"),
        ("password_expired", "failure", "password_expired", "line"),
        ("invalid_base64", "aborted", "malformed_response", "line"),
        ("invalid_mech", "refused", "mechanism_unsupported", "line"),
        ("cleartext_auth_disabled", "refused", "tls_required", "line"),
        ("connection_limit", "throttled", "throttled_connection", "line"),
        ("auth_waiting_client", "aborted", "aborted", "line"),
        ("tls_handshake_not_finished", "aborted", "tls_handshake_failed", "line"),
    ],
)
def test_the_word_that_ends_a_login_line_of_2_4_decides_alone(word, outcome, cause, basis):
    got = verdict(format="dovecot", vendor_code=word, detail="Login aborted: Logged out (auth failed, 1 attempts)")
    assert got == (outcome, cause, basis)


def test_dovecot_words_do_not_speak_for_recipients():
    assert verdict(stage="rcpt", detail="<a@example.net>: unknown user", reply_code=550)[1] == "unknown"


def test_pam_leaves_open_what_cyrus_says_plainly():
    assert verdict(format="pam", detail="authentication failure") == ("failure", "bad_credentials", "assumed")
    assert verdict(format="pam", detail=None) == ("failure", "bad_credentials", "assumed")
    assert verdict(format="pam", detail="check pass; user unknown") == ("failure", "unknown_user", "line")


# --- TLS ---


@pytest.mark.parametrize(
    ("detail", "cause"),
    [
        ("error:0A000102:SSL routines::unsupported protocol:../ssl/statem/statem_srvr.c:1657:", "tls_too_old"),
        ("error:0A0000C1:SSL routines::no shared cipher:../ssl/statem/statem_srvr.c:2220:", "tls_too_old"),
        (
            "error:0A000418:SSL routines::tlsv1 alert unknown ca:../ssl/record/rec_layer_s3.c:1590:",
            "tls_handshake_failed",
        ),
        ("error:0A000126:SSL routines::unexpected eof while reading:x:1:", "tls_handshake_failed"),
        ("error:0A00009C:SSL routines::http request:../ssl/record/ssl3_record.c:345:", "wrong_host_or_port"),
        ("lost connection", "tls_handshake_failed"),
        ("-1", "tls_handshake_failed"),
        (None, "tls_handshake_failed"),
    ],
)
def test_handshakes_end_aborted(detail, cause):
    assert verdict(stage="tls", detail=detail)[:2] == ("aborted", cause)


def test_plain_text_on_the_wrapper_port_is_the_wrong_port():
    detail = "error:0A00010B:SSL routines::wrong version number:../ssl/record/ssl3_record.c:354:"
    assert verdict(stage="tls", service="smtps", detail=detail) == ("aborted", "wrong_host_or_port", "line")
    assert verdict(stage="tls", service="submission", detail=detail)[1] == "tls_handshake_failed"


# --- our own client at a relay ---


@pytest.mark.parametrize(
    ("fields", "outcome", "cause"),
    [
        ({"reply_code": 535, "enhanced_code": "5.7.8", "detail": None}, "failure", "bad_credentials"),
        ({"reply_code": 535, "detail": ""}, "failure", "bad_credentials"),
        ({"reply_code": 504, "enhanced_code": "5.7.4", "detail": "Unrecognized authentication type"}, "refused", "mechanism_unsupported"),
        ({"detail": "offered no compatible authentication mechanisms for this type of connection security"}, "refused", "mechanism_unsupported"),
        ({"detail": "no mechanism available"}, "refused", "mechanism_unsupported"),
        ({"detail": "bad protocol / cancel"}, "refused", "mechanism_unsupported"),
        ({"detail": "null AUTH mechanism list"}, "refused", "mechanism_unsupported"),
        ({"detail": "TLS is required, but was not offered by host smtp.example.com[192.0.2.9]"}, "refused", "tls_unavailable"),
        ({"reply_code": 451, "detail": "Authentication failed: Maximum credits exceeded"}, "throttled", "quota_exceeded"),
        ({"stage": "mail", "reply_code": 530, "enhanced_code": "5.7.0", "detail": "Authentication Required"}, "refused", "auth_required"),
        ({"stage": "mail", "reply_code": 530, "enhanced_code": "5.7.57", "detail": "Client not authenticated to send mail."}, "refused", "auth_required"),
        ({"stage": "mail", "reply_code": 550, "enhanced_code": "5.7.60", "detail": "SMTP; Client does not have permissions to send as this sender"}, "refused", "sender_not_owned"),
        ({"stage": "data", "reply_code": 432, "enhanced_code": "4.3.2", "detail": "Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending"}, "throttled", "throttled_connection"),
        ({"stage": "connect", "reply_code": 421, "enhanced_code": "4.7.0", "detail": "up.test Error: too many connections from 192.0.2.1"}, "throttled", "throttled_connection"),
        ({"stage": "connect", "reply_code": 421, "detail": "smtp.example.com closing"}, "deferred", "service_unavailable"),
        ({"stage": "connect", "detail": "Connection timed out"}, "deferred", "service_unavailable"),
        ({"stage": "connect", "detail": "Connection refused"}, "deferred", "service_unavailable"),
        ({"stage": "helo", "detail": "lost connection with h[192.0.2.9] while performing the EHLO handshake"}, "deferred", "connection_lost"),
        ({"stage": "helo", "detail": "conversation with h[192.0.2.9] timed out while performing the EHLO handshake"}, "deferred", "timeout"),
    ],
)  # fmt: skip
def test_what_a_relay_says_to_our_client(fields, outcome, cause):
    assert verdict(side="client", **fields)[:2] == (outcome, cause)


def test_a_reply_over_several_lines_is_read_as_one():
    detail = "[192.0.2.7      15] Our system has detected an unusual rate of 421-4.7.0 unsolicited mail originating"
    got = verdict(side="client", stage="data", reply_code=421, enhanced_code="4.7.0", detail=detail)
    assert got == ("throttled", "throttled_sending", "line")


# --- order ---


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        ("535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.", "bad_credentials"),
        ("535 5.7.139 Authentication unsuccessful, account locked.", "account_locked"),
        ("535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.", "auth_disabled_by_policy"),
        ("535 5.7.139 Authentication unsuccessful", "auth_disabled_by_policy"),
        ("535 5.7.1399 Authentication unsuccessful", "bad_credentials"),
        ("535 15.7.139 Authentication unsuccessful", "bad_credentials"),
        ("535 5.7.13 x", "account_disabled"),
        ("534 5.7.9 Application-specific password required.", "app_password_required"),
        ("534 5.7.9 too weak", "mechanism_too_weak"),
        ("550 5.7.30 Basic authentication is not supported for Client Submission.", "oauth_required"),
        ("435 4.7.8 Error: authentication failed: authentication failure", "bad_credentials"),
    ],
)  # fmt: skip
def test_text_beats_enhanced_code_beats_code_and_codes_are_whole(reply, cause):
    assert explain(reply, stage="auth")["cause"].first() == cause


@pytest.mark.parametrize(
    ("stage", "cause"), [("auth", "backend_unavailable"), ("tls", "tls_unavailable"), ("rcpt", "unknown")]
)
def test_a_bare_454_depends_on_the_step(stage, cause):
    assert verdict(side="client", stage=stage, reply_code=454, detail="no")[1] == cause


def test_a_verdict_does_not_depend_on_the_company_it_is_in():
    evidence = [place for row in ROWS for text in row.examples for place in places(row, text)]
    together = best(evidence)
    assert together[::25] == [best([one])[0] for one in evidence[::25]]


# --- what classify leaves alone, and what it does where nothing fits ---


def test_what_a_pattern_set_is_kept():
    frame = records(
        {"detail": "unknown user", "cause": "aborted"},
        {"detail": "generic failure", "outcome": "refused"},
        {"detail": "generic failure", "basis": "context"},
        {"outcome": "success"},
        {"detail": "unknown user", "cause": "unknown", "outcome": "deferred", "basis": "assumed"},
    )
    assert classify(frame).select("outcome", "cause", "basis").rows() == [
        ("aborted", "aborted", "line"),
        ("refused", "backend_unavailable", "line"),
        ("deferred", "backend_unavailable", "context"),
        ("success", "success", "line"),
        ("deferred", "unknown", "assumed"),
    ]


def test_context_stays_without_a_cause():
    frame = records(
        {"outcome": "info", "detail": "unknown user"}, {"stage": None, "detail": "unknown user"}, {"detail": ""}
    )
    assert classify(frame).select("outcome", "cause", "basis").rows() == [
        ("info", None, None),
        (None, None, None),
        ("failure", "bad_credentials", "assumed"),
    ]


@pytest.mark.parametrize(
    ("stage", "code", "outcome"),
    [
        ("auth", None, "failure"),
        ("auth", 599, "failure"),
        ("auth", 499, "deferred"),
        ("auth", 400, "deferred"),
        ("mail", None, "refused"),
        ("rcpt", 550, "refused"),
        ("rcpt", 450, "deferred"),
        ("connect", None, "deferred"),
        ("tls", None, "aborted"),
        ("session", None, "aborted"),
    ],
)
def test_the_outcome_of_the_unknown_follows_from_code_and_step(stage, code, outcome):
    assert verdict(stage=stage, reply_code=code, detail="gibberish") == (outcome, "unknown", "line")


def test_rows_keep_their_order_and_their_columns():
    details = ["unknown user", None, "Password mismatch", "gibberish", "unknown user"] * 20
    frame = records(*({"format": "dovecot", "detail": d, "line_no": n} for n, d in enumerate(details)))
    out = classify(frame)
    assert out["line_no"].to_list() == list(range(100))
    assert out.drop("cause", "outcome", "basis").equals(frame)
    causes = {"unknown user": "unknown_user", "Password mismatch": "bad_credentials"}
    assert [causes.get(d, "unknown") for d in details] == out["cause"].to_list()


def test_missing_columns_count_as_null_and_verdicts_have_the_documented_dtypes():
    out = classify(pl.DataFrame({"stage": ["auth"], "side": ["server"], "detail": ["generic failure"]}))
    assert out.columns == ["stage", "side", "detail", "cause", "outcome", "basis"]
    assert out.select("cause", "outcome", "basis").schema == {
        name: schema.RECORDS[name].dtype for name in ("cause", "outcome", "basis")
    }
    assert out["cause"].item() == "backend_unavailable"


def test_a_frame_of_strings_is_classified_like_one_of_enums():
    frame = records({"detail": "unknown user", "format": "dovecot"}, {"detail": "x", "outcome": "info"})
    strings = frame.with_columns(pl.col("side", "stage", "outcome").cast(pl.String))
    assert classify(strings)["cause"].to_list() == classify(frame)["cause"].to_list() == ["unknown_user", None]


def test_an_empty_frame_stays_empty():
    out = classify(schema.empty(schema.RECORDS))
    assert out.height == 0
    assert out.schema == pl.Schema(schema.dtypes(schema.RECORDS))


def test_hostile_details_are_classified_one_by_one():
    details = [
        "unknown user " * 2000,
        "x" * 100_000,
        "(((((" * 100,
        "UGFzc3dvcmQ6 and more",
        "\x00unknown user\x00",
        "reply_code 535",
        "any text",
        "level error",
        "vendor_code auth_failed",
        "𝔲nknown user",
        "é" * 5000 + "unknown user",
    ]
    out = classify(records(*({"format": "dovecot", "detail": d} for d in details)))
    unknown = ["unknown"] * 7
    assert out["cause"].to_list() == ["unknown_user", "unknown", "unknown", "unknown", "unknown_user", *unknown[1:]]


def test_many_different_details_cost_no_accuracy():
    frame = records(*({"stage": "rcpt", "detail": f"<u{n}@example.org>: Relay access denied"} for n in range(5000)))
    assert set(classify(frame)["cause"]) == {"relay_denied"}


# --- replies as text ---


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("535 5.7.8 Error: authentication failed:", (535, "5.7.8", "Error: authentication failed:")),
        ("535 Authentication failed", (535, None, "Authentication failed")),
        ("535", (535, None, "")),
        ("250-ok", (250, None, "ok")),
        ("535-5.7.8 Not accepted.\r\n535 5.7.8 Learn more", (535, "5.7.8", "Not accepted. Learn more")),
        ("535-5.7.8 Not accepted, go to?535 5.7.8  https://x.example", (535, "5.7.8", "Not accepted, go to https://x.example")),
        ("550-first\n550-second\n550 third", (550, None, "first second third")),
        ("421-4.7.0 an unusual rate of 421-4.7.0 mail. Go 421 4.7.0 away", (421, "4.7.0", "an unusual rate of mail. Go away")),
        ("host h.example[192.0.2.9] said: 550 5.7.1 No (in reply to MAIL FROM command)", (550, "5.7.1", "No")),
        ("status=deferred (host h[192.0.2.9] said: 451 later (in reply to end of DATA command))", (451, None, "later")),
        ("SASL authentication failed; server h[192.0.2.9] said: 535 5.7.8 no", (535, "5.7.8", "no")),
        ("host h[192.0.2.9] refused to talk to me: 421 4.7.0 busy", (421, "4.7.0", "busy")),
        ("smtplib.SMTPAuthenticationError: (535, b'5.7.8 Username and Password')", (535, "5.7.8", "Username and Password")),
        ("Error: Invalid login: 535 5.7.8 Authentication failed", (535, "5.7.8", "Authentication failed")),
        ("535 5.7.1399 x", (535, None, "5.7.1399 x")),
        ("535 15.7.139 x", (535, None, "15.7.139 x")),
        ("5355 x", (None, None, "5355 x")),
        ('4.7.1 Ratelimit "user" exceeded', (None, "4.7.1", 'Ratelimit "user" exceeded')),
        ("192.0.2.7 is blocked", (None, None, "192.0.2.7 is blocked")),
        ("Password mismatch", (None, None, "Password mismatch")),
        ("  ", (None, None, "")),
        ("sql(a,192.0.2.7): unknown user", (None, None, "sql(a,192.0.2.7): unknown user")),
    ],
)  # fmt: skip
def test_replies_come_out_of_their_wrappers(text, reply):
    assert parse_reply(text) == Reply(*reply)


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_can_be_taken_apart(text):
    reply = parse_reply(text)
    assert reply.code is None or 200 <= reply.code <= 599


# --- explanations ---


def test_an_explanation_lists_candidates_best_first():
    table = explain("535 5.7.8 Error: authentication failed: account disabled", stage="auth")
    assert table["rank"].to_list() == list(range(1, table.height + 1))
    assert table["row"].to_list() == ["account-disabled", "rfc-credentials-invalid", "code-535"]
    assert table["cause"].to_list() == ["account_disabled", "bad_credentials", "bad_credentials"]
    assert table["why"][0] == "the text 'account disabled', at auth"


def test_an_explanation_without_a_step_excludes_none():
    causes = set(explain("rate limit exceeded")["cause"])
    assert {"throttled_auth", "throttled_connection", "throttled_sending"} <= causes


def test_an_explanation_borrows_check_and_fix_from_the_cause():
    row = explain("Invalid authentication mechanism: 'NTLM'", stage="auth").row(0, named=True)
    cause = replies.causes().row(by_predicate=pl.col("cause") == "mechanism_unsupported", named=True)
    assert row["fix"] == cause["fix"]
    assert row["first_check"] != cause["first_check"]


def test_given_codes_count_more_than_those_in_the_text():
    assert explain("no", code=535).drop_nulls("row")["cause"].to_list() == ["bad_credentials"]
    assert explain("no", code=535, enhanced="5.7.13", stage="auth")["cause"].first() == "account_disabled"


def test_a_tag_names_the_family_of_its_software():
    assert explain("unknown user", program="dovecot/auth-worker")["cause"].first() == "unknown_user"
    assert explain("unknown user", program="postfix/smtpd", stage="auth")["cause"].to_list() == ["unknown"]


def test_both_kinds_of_service_are_candidates_while_none_is_named():
    text = "<unknown[192.0.2.7]>: Client host rejected: Access denied"
    both = explain(text, stage="rcpt").drop_nulls("row")
    assert both["cause"].to_list() == ["access_policy_denied", "auth_required"]
    assert both["why_not"].to_list() == [None, "which of the two depends on the port, which is not known"]
    assert explain(text, stage="rcpt", service="submission")["cause"].first() == "auth_required"
    assert explain(text, stage="rcpt", service="other").drop_nulls("row")["cause"].to_list() == ["access_policy_denied"]


def test_what_nothing_fits_is_said_to_be_unknown():
    table = explain("451 4.9.9 gibberish", stage="rcpt")
    assert table.select("rank", "cause", "row", "code_class").rows() == [(1, "unknown", None, "temporary")]
