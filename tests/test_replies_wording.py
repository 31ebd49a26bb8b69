"""Replies out of what relay logs, libraries and transcripts write around them; step and server told by those words."""

from __future__ import annotations

import polars as pl
import pytest

from smtplogs.replies import parse_reply
from smtplogs.replies.placing import PROVIDER_FIELDS, host, provider_by_marks, providers, step
from smtplogs.replies.wording import parted

WRAPPED = [
    ("smtplib", r"smtplib.SMTPAuthenticationError: (535, b'5.7.8 Username and Password not accepted. Go to\n5.7.8  https://x.example a - gsmtp')", 535, "5.7.8", "Username and Password not accepted. Go to https://x.example a - gsmtp", "auth"),
    ("smtplib, double quotes", "smtplib.SMTPAuthenticationError: (535, b\"5.7.8 User's password is wrong\")", 535, "5.7.8", "User's password is wrong", "auth"),
    ("smtplib, sender", "smtplib.SMTPSenderRefused: (530, b'5.7.57 Client not authenticated to send mail', 'a@example.com')", 530, "5.7.57", "Client not authenticated to send mail", "mail"),
    ("smtplib, recipients", "smtplib.SMTPRecipientsRefused: {'b@example.net': (550, b'5.7.1 Unable to relay')}", 550, "5.7.1", "Unable to relay", "rcpt"),
    ("smtplib, data", "smtplib.SMTPDataError: (554, b'5.2.252 SendAsDenied; a')", 554, "5.2.252", "SendAsDenied; a", "data"),
    ("smtplib, debug", "reply: retcode (535); Msg: b'5.7.8 Error: authentication failed: '", 535, "5.7.8", "Error: authentication failed:", None),
    ("aiosmtplib", "aiosmtplib.errors.SMTPAuthenticationError: (535, '5.7.139 Authentication unsuccessful')", 535, "5.7.139", "Authentication unsuccessful", "auth"),
    ("JavaMail", "javax.mail.AuthenticationFailedException: 535-5.7.8 Not accepted. For\n535 5.7.8  more", 535, "5.7.8", "Not accepted. For more", "auth"),
    ("JavaMail with stack", "jakarta.mail.AuthenticationFailedException: 535 5.7.3 Authentication unsuccessful\n\tat org.eclipse.angus.mail.smtp.SMTPTransport.protocolConnect(SMTPTransport.java:1)", 535, "5.7.3", "Authentication unsuccessful", "auth"),
    (".NET", "System.Net.Mail.SmtpException: The SMTP server requires a secure connection or the client was not authenticated. The server response was: 5.7.57 Client not authenticated to send mail.", None, "5.7.57", "Client not authenticated to send mail.", None),
    ("PHPMailer", "SMTP ERROR: Password command failed: 535-5.7.8 Not accepted. See 535 5.7.8 https://x.example", 535, "5.7.8", "Not accepted. See https://x.example", "auth"),
    ("PHPMailer, MAIL", "SMTP ERROR: MAIL FROM command failed: 530 5.7.0 Authentication required", 530, "5.7.0", "Authentication required", "mail"),
    ("PHPMailer, debug", "SERVER -> CLIENT: 535 5.7.8 Error: authentication failed", 535, "5.7.8", "Error: authentication failed", None),
    ("Symfony", 'Expected response code "235" but got code "535", with message "535 5.7.8 Bad credentials".', 535, "5.7.8", "Bad credentials", "auth"),
    ("nodemailer", "Error: Invalid login: 535-5.7.8 Not accepted\n535 5.7.8  https://x.example a - gsmtp\n    at SMTPConnection._formatError (/app/node_modules/nodemailer/lib/smtp-connection/index.js:790:19)", 535, "5.7.8", "Not accepted https://x.example a - gsmtp", "auth"),
    ("Ruby", "Net::SMTPAuthenticationError (535 5.7.8 Error: authentication failed)", 535, "5.7.8", "Error: authentication failed", "auth"),
    ("Go", "gomail: could not send email 1: 535 5.7.8 no", 535, "5.7.8", "no", None),
    ("msmtp", "msmtp: server message: 535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", 535, "5.7.8", "Error: authentication failed: UGFzc3dvcmQ6", None),
    ("msmtp, log", "host=smtp.example.com tls=on auth=on smtpstatus=535 smtpmsg='535 5.7.8 Error: authentication failed: ' errormsg='authentication failed (method PLAIN)' exitcode=EX_NOPERM", 535, "5.7.8", "Error: authentication failed:", "auth"),
    ("swaks", "<** 535 5.7.8 no", 535, "5.7.8", "no", None),
    ("msmtp -d", "<-- 535 5.7.8 no", 535, "5.7.8", "no", None),
    ("curl -v", "< 535 5.7.8 no", 535, "5.7.8", "no", None),
    ("Exchange", "Remote Server returned '550 5.7.30 Basic authentication is not supported for Client Submission.'", 550, "5.7.30", "Basic authentication is not supported for Client Submission.", None),
    ("bounce", "Diagnostic-Code: smtp; 550 5.7.1 relaying denied", 550, "5.7.1", "relaying denied", None),
    ("qmail", "Remote host said: 535 authorization failed (#5.7.0)", 535, None, "authorization failed (#5.7.0)", None),
    ("Exim", "plain authenticator failed H=smtp.example.com [192.0.2.9] 535 Authentication failed", 535, None, "Authentication failed", "auth"),
    ("Exim, defer", "SMTP error from remote mail server after MAIL FROM:<a@example.com>: host smtp.example.com [192.0.2.9]: 530 5.7.0 Must log in", 530, "5.7.0", "Must log in", "mail"),
    ("Postfix", "SASL authentication failed; server smtp.example.com[192.0.2.9] said: 535 5.7.8 no", 535, "5.7.8", "no", "auth"),
    ("Postfix, deferral", "status=deferred (SASL authentication failed; server smtp.example.com[192.0.2.9] said: 535 5.7.8 no)", 535, "5.7.8", "no", "auth"),
    ("Postfix, MAIL", "host smtp.example.com[192.0.2.9] said: 530 5.7.57 no (in reply to MAIL FROM command)", 530, "5.7.57", "no", "mail"),
    ("Postfix, connect", "host smtp.example.com[192.0.2.9] refused to talk to me: 421 4.7.0 busy", 421, "4.7.0", "busy", "connect"),
]  # fmt: skip


@pytest.mark.parametrize("case", WRAPPED, ids=[case[0] for case in WRAPPED])
def test_what_is_written_around_a_reply_comes_off(case: tuple) -> None:
    _, text, code, enhanced, words, stage = case

    assert parse_reply(text) == (code, enhanced, words)
    assert pl.DataFrame({"t": [text]}).select(step(pl.col("t"))).item() == stage


@pytest.mark.parametrize(
    "text",
    [
        "connect to smtp.example.com[192.0.2.9]:587: Connection timed out",
        "535ish", "5355 x", "15.7.139", "error: 4 of 250 messages", "said: nothing", "(5351, b'x')", "x 535 5.7.8 y",
        "SMTP Error: Could not authenticate.", "port: 587", "version 5.7.8",
    ],
)  # fmt: skip
def test_what_holds_no_reply_stays_as_it_is(text: str) -> None:
    assert parse_reply(text) == (None, None, text)


def test_a_table_of_texts_is_taken_apart_like_single_ones() -> None:
    texts = [case[1] for case in WRAPPED] + ["plain words", "535", "", "250-ok"]
    together = parted(pl.Series(texts)).rows()

    assert together == [tuple(parse_reply(text)) for text in texts]


def test_null_and_nothing_are_no_replies() -> None:
    assert parted(pl.Series(["", None], dtype=pl.String)).rows() == [(None, None, "")] * 2
    assert parted(pl.Series([], dtype=pl.String)).height == 0


def test_a_hostile_text_is_taken_apart_in_time() -> None:
    texts = ["said: " * 50_000 + "535 x", "(535, b'" * 20_000, "535-5.7.8 a\n" * 20_000, "'" * 100_000, "(" * 100_000]

    assert parted(pl.Series(texts)).height == len(texts)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("server smtp.example.com[192.0.2.9] said: 535 no", "smtp.example.com"),
        ("host MX1.example.com[192.0.2.9] said: 535 no", "mx1.example.com"),
        ("H=smtp.example.com [192.0.2.9] 535 no", "smtp.example.com"),
        ("535 5.7.8 no", None),
        ("a server said", None),
    ],
)
def test_the_server_that_spoke_is_told(text: str, name: str | None) -> None:
    assert pl.DataFrame({"t": [text]}).select(host(pl.col("t"))).item() == name


def provider(text: str, server: str = "") -> str | None:
    return pl.DataFrame({"t": [text], "s": [server]}).select(provider_by_marks(pl.col("t"), pl.col("s"))).item()


KNOWN = [entry for entry in providers() if entry["hosts"] or entry["marks"]]
"""All but software, which anybody may run: its words are told by the catalogue."""


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry["name"])
def test_a_provider_is_known_by_its_servers_and_marks(entry: dict) -> None:
    for suffix in entry["hosts"] or ():
        assert provider("535 no", f"smtp.{suffix}") == entry["name"]
        assert provider("535 no", suffix.upper()) == entry["name"]
        assert provider("535 no", f"smtp.{suffix}.example.com") is None
    for mark in entry["marks"] or ():
        assert provider(f"535 no {mark} no") == entry["name"]


def test_a_name_that_only_ends_alike_is_another_server() -> None:
    assert provider("535 no", "notgmail.com") is None
    assert provider("535 no", "mx.example.com") is None


def test_the_server_counts_more_than_the_words() -> None:
    assert provider("see https://support.google.com/mail", "smtp.office365.com") == "Microsoft 365"


def test_providers_say_what_they_want_and_name_a_page() -> None:
    for entry in providers():
        assert entry["references"], entry["name"]
        assert entry["beware"] or entry["secret"], entry["name"]
        assert set(entry) == set(PROVIDER_FIELDS)
    assert len({entry["name"] for entry in providers()}) == len(providers())
