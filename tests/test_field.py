"""Lines and replies from the field that were once read wrongly or not at all, each to exactly what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl

if TYPE_CHECKING:
    from pathlib import Path

MX = "Mar  1 10:11:12 mx1"
TAIL = "from=<ann@example.com> to=<bob@example.org> proto=ESMTP helo=<PC7>"
RCPT = "NOQUEUE: reject: RCPT from unknown[203.0.113.9]"
DELIVERY = "8F1A2C0D3E: to=<bob@example.org>, relay=smtp.example.net[198.51.100.25]:587, delay=1.2, dsn=5.0.0"
EXIM = "2026-03-01 10:11:12 H=(pc-7) [203.0.113.9]:5123"
TO = "1S2ABC-0004uc-2A ** bob@example.org R=smarthost T=remote_smtp"

LINES = [
    # Postfix
    (
        f"{MX} postfix/smtpd[4]: {RCPT}: 504 5.5.2 <PC7>: Helo command rejected: need fully-qualified hostname; {TAIL}",
        [],
    ),
    (
        f"{MX} postfix/smtpd[4]: {RCPT}: 554 5.7.1 <bob@example.org>: Recipient address rejected: Sender login mismatch; {TAIL}",
        [("refused", "sender_not_owned", None, "203.0.113.9", "server")],
    ),
    (
        f"{MX} postfix/smtpd[4]: {RCPT}: 550 5.1.1 <b@example.com>: Recipient address rejected: User unknown in relay table; "
        "from=<not-authenticated@example.com> to=<b@example.com> proto=ESMTP helo=<please authenticate>",
        [],
    ),
    (
        f'{MX} postfix/smtp[4]: warning: hash:/etc/postfix/sasl_passwd lookup error for "smtp.example.net"\n'
        f"{MX} postfix/smtp[4]: warning: 3D5A51C0012: smtp_sasl_password_maps lookup error",
        [("deferred", "server_config_error", None, None, "client")],
    ),
    (
        f"{MX} postfix/smtp[4]: 3D5A51C0012: to=<bob@example.org>, relay=smtp.example.net[198.51.100.25]:587, delay=1, dsn=4.7.5, "
        "status=deferred (Server certificate not verified)",
        [("aborted", "tls_handshake_failed", None, None, "client")],
    ),
    (
        f'{MX} postfix/smtpd[4]: warning: cannot get RSA private key from file "/etc/ssl/mail.key": disabling TLS support',
        [("deferred", "server_config_error", None, None, "server")],
    ),
    # replies of relays, as Postfix logs them
    (
        f"{MX} postfix/smtp[4]: {DELIVERY}, status=bounced (host smtp.example.net[198.51.100.25] said: 553 Mail from must equal "
        "authorized user (in reply to MAIL FROM command))",
        [("refused", "sender_not_owned", None, None, "client")],
    ),
    (
        f"{MX} postfix/smtp[4]: {DELIVERY}, status=bounced (host smtp.example.net[198.51.100.25] said: 550-Requested action not "
        "taken: mailbox unavailable 550 Sender address is not allowed. (in reply to MAIL FROM command))",
        [("refused", "sender_not_owned", None, None, "client")],
    ),
    (
        f"{MX} postfix/smtp[4]: {DELIVERY}, status=bounced (host smtp.example.net[198.51.100.25] said: 553 sorry, that domain "
        "isn't in my list of allowed rcpthosts (#5.7.1) (in reply to RCPT TO command))",
        [("refused", "relay_denied", None, None, "client")],
    ),
    (
        f"{MX} postfix/smtp[4]: 8F1A2C0D3E: SASL authentication failed; server smtp.163.com[198.51.100.25] said: 550 User has no "
        "permission",
        [("failure", "auth_disabled_by_policy", None, None, "client")],
    ),
    (
        f"{MX} postfix/smtp[4]: {DELIVERY}, status=deferred (host smtp.example.net[198.51.100.25] said: 451 You have exceeded your "
        "messaging limits (in reply to MAIL FROM command))",
        [("throttled", "quota_exceeded", None, None, "client")],
    ),
    (
        f"{MX} postfix/cleanup[4]: 7A2B41A0: milter-reject: END-OF-MESSAGE from pc-7[203.0.113.9]: 5.7.1 Outgoing limit exceeded; {TAIL}",
        [("throttled", "throttled_sending", None, "203.0.113.9", "server")],
    ),
    # Dovecot
    (
        f"{MX} dovecot: auth: Error: LDAP: binding failed (dn cn=dovecot,dc=example,dc=com): Invalid credentials",
        [("deferred", "server_config_error", None, None, "server")],
    ),
    (
        f"{MX} dovecot: auth: ldap(ann@example.com,203.0.113.9,<Ab3d>): invalid credentials",
        [("failure", "bad_credentials", "ann@example.com", "203.0.113.9", "server")],
    ),
    (
        f"{MX} dovecot: auth-worker(17): Error: pgsql(localhost): Connect failed to database mail: FATAL:  password "
        'authentication failed for user "mail"',
        [("deferred", "server_config_error", None, None, "server")],
    ),
    (
        f"{MX} dovecot: auth: checkpassword(ann,203.0.113.9): Login failed (status=1)",
        [("failure", "bad_credentials", "ann", "203.0.113.9", "server")],
    ),
    (
        f"{MX} dovecot: auth-worker(900): vpopmail(ann): smtp disabled in vpopmail for this user",
        [("failure", "account_disabled", "ann", None, "server")],
    ),
    (
        f"{MX} dovecot: master: Warning: service(auth): client_limit (1000) reached, client connections are being dropped",
        [("deferred", "service_unavailable", None, None, "server")],
    ),
    (
        f"{MX} dovecot: master: Warning: service(imap): process_limit (1024) reached, client connections are being dropped",
        [],
    ),
    # Exim
    (
        f"{EXIM} rejected AUTH LOGIN: Host is ratelimited",
        [("throttled", "throttled_auth", None, "203.0.113.9", "server")],
    ),
    (
        f"{EXIM} rejected AUTH LOGIN: authentication is allowed only on secure connections",
        [("refused", "tls_required", None, "203.0.113.9", "server")],
    ),
    (
        f"{EXIM} F=<ann@example.com> rejected RCPT <bob@example.org>: Please turn on SMTP Authentication in your mail client.  "
        "(pc-7) [203.0.113.9]:5123 is not permitted to relay through this server without authentication.",
        [("refused", "auth_required", None, "203.0.113.9", "server")],
    ),
    (
        f"2012-03-01 10:11:12 {TO}: SMTP error from remote mail server after MAIL FROM:<ann@example.com> SIZE=1888: host "
        "smtp.example.net [198.51.100.25]: 530 5.7.1 Authentication required",
        [("refused", "auth_required", None, None, "client")],
    ),
    (
        f"2012-03-01 10:11:12 {TO}: SMTP error from remote mail server after RCPT TO:<bob@example.org>: host smtp.example.net "
        "[198.51.100.25]: 550 5.1.1 User unknown",
        [],
    ),
    # Sendmail
    (
        f"{MX} sm-mta[4]: rejecting connections on daemon MSA: load average: 15",
        [("throttled", "throttled_connection", None, None, "server")],
    ),
    (
        f"{MX} sm-mta[4]: 108ET1a4004123: AUTH failure (LOGIN): generic failure (-1) SASL(-1): generic failure: unable to open "
        "Berkeley db /etc/sasldb2: No such file or directory, relay=[203.0.113.9]",
        [("deferred", "backend_unavailable", None, "203.0.113.9", "server")],
    ),
    # Plesk and spamdyke
    (
        f"{MX} smtp_auth[4]: FAILED: ann@example.com - password incorrect from unknown@pc.example.net [203.0.113.9]",
        [("failure", "bad_credentials", "ann@example.com", "203.0.113.9", "server")],
    ),
    (
        f"{MX} plesk_saslauthd[4]: failed mail authenticatication attempt for user 'ann' (password len=8)",
        [("failure", "bad_credentials", "ann", None, "server")],
    ),
    (
        f"{MX} spamdyke[4]: ALLOWED from: a@example.org to: ann@example.com origin_ip: 203.0.113.9 origin_rdns: mx.example.org "
        "auth: (unknown) encryption: (none) reason: 250_ok_1331_qp_100",
        [],
    ),
]


@pytest.mark.parametrize(("text", "expected"), LINES)
def test_lines(tmp_path: Path, text: str, expected: list[tuple[object, ...]]) -> None:
    (tmp_path / "mail.log").write_text(text + "\n")
    events = sl.read(tmp_path / "mail.log", year=2026).filter(pl.col("outcome") != "info")

    assert events.select("outcome", "cause", "user", "client_ip", "side").rows() == expected


REPLIES = [
    ("smtplib.SMTPAuthenticationError: (526, b'Authentication failure[0]')", "failure", "bad_credentials"),
    ("smtplib.SMTPAuthenticationError: (454, b'4.7.0 invalid username or password')", "failure", "bad_credentials"),
    ("smtplib.SMTPSenderRefused: (501, b'Mail from address must be same as authorization user.', 'a@example.com')",
     "refused", "sender_not_owned"),
    ("ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1129)", "aborted", "tls_handshake_failed"),
    ('Connection could not be established with host "ssl://mail.example.com:465": stream_socket_client(): SSL operation failed '
     "with code 1. OpenSSL Error messages: error:0A00010B:SSL routines::wrong version number", "aborted", "tls_handshake_failed"),
    ("SMTP Error: Could not connect to SMTP host. Connection failed. stream_socket_enable_crypto(): Peer certificate "
     "CN=`*.example.net' did not match expected CN=`mail.example.com'", "aborted", "tls_handshake_failed"),
    ("MailKit.Security.AuthenticationException: AuthenticationInvalidCredentials: Authentication failed.",
     "failure", "bad_credentials"),
    ("System.IO.IOException: Authentication failed because the remote party has closed the transport stream.",
     "aborted", "tls_handshake_failed"),
    ("Failed to authenticate [SMTP: Invalid response code received from server (code: 535, response: 5.7.8 Error: "
     "authentication failed)]", "failure", "bad_credentials"),
    ("535 5.7.139 Authentication unsuccessful, the password has expired", "failure", "password_expired"),
    ("550 5.7.232 Your message can't be sent because your trial tenant has exceeded its external recipient limit.",
     "throttled", "quota_exceeded"),
    ("550 You have reached your daily quota of 100 emails", "throttled", "quota_exceeded"),
    ("535 5.7.8 Error: authentication failed: account is suspended", "failure", "account_disabled"),
    ("535 5.7.8 Error: authentication failed: Invalid API key", "failure", "token_invalid"),
    ("535 authorization failed (#5.7.0)", "failure", "bad_credentials"),
    ("503 Error: need EHLO and AUTH first !", "refused", "auth_required"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "outcome", "cause"), REPLIES)
def test_a_reply_as_the_field_has_it_is_explained(text: str, outcome: str, cause: str) -> None:
    assert sl.explain(text).select("outcome", "cause").row(0) == (outcome, cause)


def test_a_mail_program_that_is_called_sendmail_is_none() -> None:
    text = "sendmail: authentication failed (method PLAIN)\nsendmail: server message: 535 5.7.8 Error: authentication failed"

    assert set(sl.explain(text)["cause"].drop_nulls()) >= {"bad_credentials"}
    assert sl.explain(text)["format"].to_list().count("sendmail") == 0


def test_plesk_names_who_failed_at_postfix(tmp_path: Path) -> None:
    (tmp_path / "mail.log").write_text(
        f"{MX} plesk_saslauthd[8]: No such user 'ann@example.com' in mail authorization database\n"
        f"{MX} plesk_saslauthd[8]: failed mail authentication attempt for user 'ann@example.com' (password len=8)\n"
        f"{MX} postfix/smtpd[4]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: authentication failure\n"
    )
    events = sl.read(tmp_path / "mail.log", year=2026).filter(pl.col("outcome") != "info")

    assert events.select("outcome", "cause", "basis", "user", "client_ip", "mechanism").rows() == [
        ("failure", "unknown_user", "context", "ann@example.com", "203.0.113.9", "LOGIN")
    ]
