"""What is pasted into explain: tracebacks and transcripts are one thing, log lines each their own, secrets are cut."""

from __future__ import annotations

import time

import polars as pl
import pytest

import smtplogs as sl
from smtplogs import pasted

PYTHON = r"""Traceback (most recent call last):
  File "/srv/crm/send.py", line 12, in <module>
    s.login(USER, PASSWORD)
  File "/usr/lib/python3.11/smtplib.py", line 750, in login
    raise last_exception
  File "/usr/lib/python3.11/smtplib.py", line 739, in login
    (code, resp) = self.auth(
smtplib.SMTPAuthenticationError: (535, b'5.7.139 Authentication unsuccessful, user is locked by your organization\'s security defaults policy. Contact your administrator. [AM0PR04CA0001.eurprd04.prod.outlook.com]')"""
JAVA = """Exception in thread "main" javax.mail.AuthenticationFailedException: 535-5.7.8 Username and Password not accepted. For more information, go to
535 5.7.8  https://support.google.com/mail/?p=BadCredentials a1-20 - gsmtp

\tat com.sun.mail.smtp.SMTPTransport$Authenticator.authenticate(SMTPTransport.java:965)
\tat com.sun.mail.smtp.SMTPTransport.authenticate(SMTPTransport.java:876)"""
NODE = """Error: Invalid login: 534-5.7.9 Application-specific password required. For more information, go to
534 5.7.9  https://support.google.com/mail/?p=InvalidSecondFactor x - gsmtp
    at SMTPConnection._formatError (/app/node_modules/nodemailer/lib/smtp-connection/index.js:790:19)
  code: 'EAUTH',
  responseCode: 534,
  command: 'AUTH PLAIN'"""
PHP = """2026-03-02 09:00:00 CLIENT -> SERVER: AUTH LOGIN
2026-03-02 09:00:00 SERVER -> CLIENT: 334 VXNlcm5hbWU6
2026-03-02 09:00:00 CLIENT -> SERVER: YW5uQGV4YW1wbGUuY29t
2026-03-02 09:00:00 SERVER -> CLIENT: 334 UGFzc3dvcmQ6
2026-03-02 09:00:00 CLIENT -> SERVER: aHVudGVyMmh1bnRlcjI=
2026-03-02 09:00:00 SERVER -> CLIENT: 535 Incorrect authentication data
2026-03-02 09:00:00 SMTP ERROR: Password command failed: 535 Incorrect authentication data
SMTP Error: Could not authenticate."""
DOTNET = """System.Net.Mail.SmtpException: The SMTP server requires a secure connection or the client was not authenticated. The server response was: 5.7.57 Client not authenticated to send mail. [X.prod.outlook.com]
   at System.Net.Mail.MailCommand.CheckResponse(SmtpStatusCode statusCode, String response)
   at System.Net.Mail.SmtpClient.Send(MailMessage message)"""
CURL = "* SSL connection using TLSv1.3\n< 334 VXNlcm5hbWU6\n> c2VjcmV0bmFtZQ==\n< 535 5.7.8 Error: authentication failed\n<* x\ncurl: (67) Login denied"
SMTPLIB_DEBUG = r"""send: 'AUTH LOGIN YW5uQGV4YW1wbGUuY29t\r\n'
reply: b'334 UGFzc3dvcmQ6\r\n'
reply: retcode (334); Msg: b'UGFzc3dvcmQ6'
send: 'aHVudGVyMmh1bnRlcjI=\r\n'
reply: b'535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6\r\n'
reply: retcode (535); Msg: b'5.7.8 Error: authentication failed: UGFzc3dvcmQ6'"""
SWAKS = "=== Trying smtp.example.com:587...\n -> AUTH LOGIN\n<-  334 VXNlcm5hbWU6\n -> c2VjcmV0bmFtZQ==\n<** 535 5.7.8 Error: authentication failed: account disabled"


@pytest.mark.parametrize(
    ("text", "cause", "provider"),
    [
        (PYTHON, "auth_disabled_by_policy", "Microsoft 365"),
        (JAVA, "bad_credentials", "Gmail"),
        (NODE, "app_password_required", "Gmail"),
        (PHP, "bad_credentials", None),
        (DOTNET, "auth_required", "Microsoft 365"),
        (CURL, "bad_credentials", None),
        (SMTPLIB_DEBUG, "bad_credentials", None),
        (SWAKS, "account_disabled", None),
    ],
    ids=["python", "java", "node", "php", ".net", "curl", "smtplib debug", "swaks"],
)
def test_a_trace_is_one_answer_about_the_reply_in_it(text: str, cause: str, provider: str | None) -> None:
    table = sl.explain(text)
    answer = table.row(0, named=True)

    assert answer["verdict"] in ("a reply", "diagnosis")
    assert (answer["cause"], answer["provider"]) == (cause, provider)
    assert table["verdict"].is_in(["a reply", "diagnosis"]).sum() == 1
    assert table["line_no"].n_unique() == 1
    assert "not understood" not in table["verdict"].to_list()


@pytest.mark.parametrize("text", [PHP, CURL, SMTPLIB_DEBUG, SWAKS])
def test_what_the_client_answered_to_a_prompt_is_not_shown(text: str) -> None:
    shown = "".join(sl.explain(text).select("text", "why", "meaning").fill_null("").row(0))

    for secret in ("aHVudGVyMmh1bnRlcjI", "c2VjcmV0bmFtZQ", "YW5uQGV4YW1wbGUuY29t"):
        assert secret not in shown
    assert "334" in shown or sl.explain(text)["verdict"][0] == "diagnosis"  # which shows the line of the verdict only


def test_a_trace_that_keeps_the_servers_line_to_itself_is_told_by_its_own_words() -> None:
    text = "PHP Fatal error:  Uncaught PHPMailer\\PHPMailer\\Exception: SMTP Error: Could not authenticate. in /srv/x.php:12\n#0 /srv/x.php(40): send()\n#1 {main}"
    answer = sl.explain(text).row(0, named=True)

    assert (answer["cause"], answer["basis"], answer["confidence"]) == ("bad_credentials", "assumed", "low")
    assert "SMTPDebug" in answer["first_check"]


def test_a_trace_about_something_else_is_not_understood() -> None:
    text = "Traceback (most recent call last):\n  File \"x.py\", line 1, in <module>\nKeyError: (3, b'x')"
    table = sl.explain(text)

    assert table["verdict"].to_list() == ["not understood"]
    assert "quotes no refusal" in table["why"].item()


def test_two_different_refusals_in_a_trace_are_two_answers() -> None:
    text = "app.SmtpError: 454 4.7.0 Too many login attempts, please try again later.\napp.SmtpError: 535 5.7.8 Username and Password not accepted\napp.SmtpError: 535 5.7.8 Username and Password not accepted"
    answers = sl.explain(text)

    assert [c for v, c in answers.select("verdict", "cause").rows() if v == "a reply"] == [
        "throttled_auth",
        "bad_credentials",
    ]


def test_replies_of_a_session_without_the_client_are_each_told() -> None:
    text = "SERVER -> CLIENT: 454 4.7.0 Too many login attempts, please try again later.\nSERVER -> CLIENT: 535 5.7.8 Username and Password not accepted"
    answers = sl.explain(text).filter(pl.col("verdict") == "diagnosis")

    assert answers["cause"].to_list() == ["throttled_auth", "bad_credentials"]


def test_log_lines_around_a_trace_stay_log_lines() -> None:
    log = "Mar  2 09:00:00 mx postfix/smtpd[7]: connect from unknown[192.0.2.9]"
    pieces = pasted.pieces(f"{log}\n{PYTHON}\n{log}", 200)

    assert [(p.number, p.trace) for p in pieces] == [(1, False), (2, True), (10, False)]


def test_a_reason_alone_is_explained() -> None:
    answer = sl.explain("unknown user").row(0, named=True)

    assert (answer["verdict"], answer["cause"]) == ("a reply", "unknown_user")
    assert sl.explain("Password mismatch", side="server", stage="auth")["cause"].first() == "bad_credentials"


def test_the_step_of_a_pasted_reply_can_be_given() -> None:
    assert sl.explain("454 no")["cause"].first() == "unknown"
    assert sl.explain("454 no", stage="tls")["cause"].first() == "tls_unavailable"


@pytest.mark.parametrize(
    "text",
    [
        "\tat " + "a" * 100_000 + "\nx Error: y",
        "\n" * 100_000 + "x\ny Error: z",
        "Error: x\n" + "a." * 50_000,
        "Error: x\n" + "SERVER -> CLIENT: 334 " + "QUJD" * 25_000,
        "Error: x\n" + "535-5.7.8 " * 10_000,
        "Traceback (most recent call last):\n" + "\n".join(f"  File {n}: 535-5.7.8 x" for n in range(190)),
    ],
    ids=["stack", "blank", "dots", "base64", "codes", "many"],
)
def test_a_hostile_trace_is_looked_at_in_time(text: str) -> None:
    began = time.process_time()
    assert sl.explain(text).height
    assert time.process_time() - began < 20
