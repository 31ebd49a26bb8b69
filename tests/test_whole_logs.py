"""What an examiner of whole logs brought: short logs as administrators have them, each to its exact attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl

if TYPE_CHECKING:
    from pathlib import Path

IP = "203.0.113.9"
SAID = "535 5.7.8 Error: authentication failed"
BARE = "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"
CYRUS = "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: authentication failure"


def told(folder: Path, text: str, *columns: str, name: str = "mail.log") -> list[tuple[object, ...]]:
    log = folder / name
    log.write_text(text)
    found = sl.read(log, year=2026).filter(pl.col("outcome") != "info")
    return found.select(pl.col(c).cast(pl.String) for c in columns).rows()


def syslog(*lines: tuple[int, str]) -> str:
    return "".join(f"Nov 26 10:00:{second:02} mx1 {line}\n" for second, line in lines)


def smtpd(second: int, text: str, pid: int = 2001) -> tuple[int, str]:
    return second, f"postfix/smtpd[{pid}]: {text}"


def dovecot(second: int, user: str, text: str = "Password mismatch") -> tuple[int, str]:
    return second, f"dovecot: auth: passwd-file({user},{IP}): {text}"


def saslauthd(second: int, user: str, pid: int = 501) -> tuple[int, str]:
    words = f"auth failure: [user={user}] [service=smtp] [realm=] [mech=pam] [reason=PAM auth error]"
    return second, f"saslauthd[{pid}]: do_auth         : {words}"


def connect(second: int, pid: int = 2001) -> tuple[int, str]:
    return smtpd(second, f"connect from unknown[{IP}]", pid)


def disconnect(second: int, failed: int, pid: int = 2001) -> tuple[int, str]:
    counted = f"ehlo=1 auth=0/{failed} quit=1 commands=2/{2 + failed}"
    return smtpd(second, f"disconnect from unknown[{IP}] {counted}", pid)


NAMELESS = {
    "one name after the other, each line in the second of the failure before": [
        connect(0), dovecot(0, "ann"), smtpd(2, BARE), dovecot(2, "bob", "unknown user"), smtpd(4, BARE), dovecot(4, "eve"),
        smtpd(6, BARE), disconnect(6, 3),
    ],
    "refusals that do not wait": [
        connect(0), dovecot(0, "ann"), smtpd(0, BARE), dovecot(2, "bob", "unknown user"), smtpd(2, BARE), dovecot(4, "eve"),
        smtpd(4, BARE), disconnect(4, 3),
    ],
    "three at once": [
        connect(0), connect(0, 2002), connect(0, 2003), dovecot(0, "ann"), dovecot(1, "bob", "unknown user"), dovecot(2, "eve"),
        smtpd(2, BARE), smtpd(3, BARE, 2002), smtpd(4, BARE, 2003), disconnect(4, 1), disconnect(4, 1, 2002), disconnect(4, 1, 2003),
    ],
}  # fmt: skip


@pytest.mark.parametrize("lines", NAMELESS.values(), ids=NAMELESS)
def test_failures_without_a_name_have_the_name_that_dovecot_refused_before(
    lines: list[tuple[int, str]], tmp_path: Path
) -> None:
    """Postfix before 3.5.22, 3.6.12 and 3.7.8 names nobody: each failure had the name and the cause of the next one."""
    assert told(tmp_path, syslog(*lines), "user", "outcome", "cause") == [
        ("ann", "failure", "bad_credentials"),
        ("bob", "failure", "unknown_user"),
        ("eve", "failure", "bad_credentials"),
    ]


def test_saslauthd_and_postfix_that_take_turns_in_one_file(tmp_path: Path) -> None:
    """In the same second nobody was named, though the order of the lines leaves no doubt."""
    turns = [
        saslauthd(0, "ann"),
        smtpd(0, CYRUS),
        saslauthd(0, "bob", 502),
        smtpd(0, CYRUS),
        saslauthd(1, "eve"),
        smtpd(1, CYRUS),
    ]
    rows = told(tmp_path, syslog(connect(0), *turns, disconnect(1, 3)), "user", "outcome")

    assert rows == [("ann", "failure"), ("bob", "failure"), ("eve", "failure")]


def test_two_refusals_of_saslauthd_before_two_failures_name_nobody(tmp_path: Path) -> None:
    lines = [saslauthd(0, "ann"), saslauthd(0, "bob", 502), smtpd(0, CYRUS), smtpd(0, CYRUS, 2002)]
    rows = told(
        tmp_path, syslog(connect(0), connect(0, 2002), *lines, disconnect(1, 1), disconnect(1, 1, 2002)), "user"
    )

    assert rows == [(None,), (None,)]


def test_plesk_names_who_fails_twice_in_a_second(tmp_path: Path) -> None:
    failed = "failed mail authentication attempt for user '{}' (password len=8)"
    lines = [
        (1, "plesk_saslauthd[14]: No such user 'test@example.com' in mail authorization database"),
        (1, "plesk_saslauthd[14]: " + failed.format("test@example.com")), smtpd(1, CYRUS),
        (1, "plesk_saslauthd[14]: " + failed.format("ann@example.com")), smtpd(1, CYRUS),
    ]  # fmt: skip
    rows = told(tmp_path, syslog(connect(0), *lines, disconnect(2, 2)), "user", "cause")

    assert rows == [("test@example.com", "unknown_user"), ("ann@example.com", "bad_credentials")]


@pytest.mark.parametrize(
    ("service", "cause"), [("smtps", "unknown"), ("submissions", "unknown"), ("submission", "tls_required")]
)
def test_a_silent_refusal_on_a_port_that_begins_with_tls_lacks_no_tls(service: str, cause: str, tmp_path: Path) -> None:
    lines = [(second, line.replace("smtpd[", f"{service}/smtpd[")) for second, line in (connect(0), disconnect(1, 1))]

    assert told(tmp_path, syslog(*lines), "outcome", "cause", "basis") == [("refused", cause, "counter")]


REFUSED = ("auth", "failure", "bad_credentials")
APPLICATIONS = {
    "django": (
        "ERROR 2026-11-26 10:01:00,123 log 12 140 Internal Server Error: /reset/\nTraceback (most recent call last):\n"
        '  File "/usr/lib/python3.11/smtplib.py", line 887, in sendmail\n'
        "smtplib.SMTPSenderRefused: (530, b'5.7.0 Authentication Required.', 'www@example.com')\n",
        [("mail", "refused", "auth_required")],
    ),
    "redmine": (
        "E, [2026-11-26T10:00:02.123456 #1201] ERROR -- : Error performing MailDeliveryJob from Async(mailers): "
        f"Net::SMTPAuthenticationError ({SAID}\n):\n/usr/lib/ruby/net/smtp.rb:1088:in `check_auth_response'\n",
        [REFUSED],
    ),
    "jira": (
        "2026-11-26 10:00:00,123+0000 Sending mail ERROR anonymous Mail Queue Service [MailQueueImpl] Error occurred\n"
        f"com.atlassian.mail.MailException: javax.mail.AuthenticationFailedException: {SAID}\n\n\tat com.sun.mail.smtp\n"
        f"Caused by: javax.mail.AuthenticationFailedException: {SAID}\n\t... 12 more\n",
        [REFUSED],
    ),
    "vaultwarden": (
        "[2026-11-26 10:00:05.123][vaultwarden::mail][ERROR] SMTP error: permanent error (535): 5.7.8 Error: authentication failed\n"
        f"[2026-11-26 10:00:06.123][vaultwarden::api][ERROR] Username or password is incorrect. IP: {IP}. Username: ann.\n",
        [REFUSED],
    ),
    "laravel": (
        '[2026-11-26 10:00:00] production.ERROR: Failed to authenticate on SMTP server with username "ann@example.com" using the '
        f'following authenticators: "LOGIN". Authenticator "LOGIN" returned "Expected response code "235" but got code "535", '
        f'with message "535-5.7.8 Username and Password not accepted\n{SAID}".". \n[stacktrace]\n#0 /var/www/vendor/x.php(118)\n',
        [REFUSED],
    ),
    ".net": (
        "2026-11-26 10:00:03.123 +00:00 [ERR] Could not send mail\nSystem.Net.Mail.SmtpException: The SMTP server requires a "
        "secure connection or the client was not authenticated. The server response was: 5.7.57 Client not authenticated to "
        "send mail.\n2026-11-26 10:05:03.123 +00:00 [ERR] Could not send mail\n"
        "MailKit.Security.AuthenticationException: 535: 5.7.3 Authentication unsuccessful\n   at MailKit.Net.Smtp.SmtpClient\n",
        [("mail", "refused", "auth_required"), REFUSED],
    ),
}


@pytest.mark.parametrize(("text", "expected"), APPLICATIONS.values(), ids=APPLICATIONS)
def test_an_entry_of_an_application_is_an_attempt_at_its_time(
    text: str, expected: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    rows = told(tmp_path, text, "stage", "outcome", "cause", "side", "time", name="app.log")

    assert [row[:3] for row in rows] == expected
    assert all(side == "client" and str(time).startswith("2026-11-26 10:0") for *_, side, time in rows)


def test_what_applications_write_of_other_logins_is_none_of_ours(tmp_path: Path) -> None:
    text = (
        f"2026-11-26 10:00:00,123 INFO app.auth: authentication failed for user ann from {IP}\n"
        "2026-11-26 10:00:02,123 ERROR app.http: 535 items failed to authenticate\n"
        '2026-11-26 10:00:03,123 ERROR app.mail: email queue err="dial tcp: lookup smtp.example.net: no such host"\n'
        '2026-11-26 10:00:05,123 ERROR app.db: FATAL: password authentication failed for user "app"\n'
        "2026-11-26 10:00:06,123 ERROR app.mail: javax.mail.AuthenticationFailedException: failed to connect, no password specified?\n"
    )
    assert told(tmp_path, text, "stage", name="app.log") == []


def test_mdaemon_names_who_got_in(tmp_path: Path) -> None:
    at = "Thu 2026-11-26 10:00:02.301: [8813:1] "
    said = ("Session 8813; child 0001", f"Accepting SMTP connection from {IP}:51235 to 192.0.2.25:587", "<-- EHLO pc1",
            "<-- AUTH PLAIN ******", "Authenticated as ann@example.com", "--> 235 2.7.0 Authentication successful")  # fmt: skip
    rows = told(
        tmp_path, "".join(f"{at}{text}\n" for text in said), "user", "outcome", "client_ip", name="SMTP-(in).log"
    )

    assert rows == [("ann@example.com", "success", IP)]


def test_smartermail_without_a_date_in_front(tmp_path: Path) -> None:
    who = f"[{IP}][40112233]"
    said = (f"{who} connected at 11/26/2026 10:00:00 AM", f"{who} cmd: AUTH LOGIN", f"{who} rsp: 334 VXNlcm5hbWU6",
            f"{who} Authenticating as info@example.com", f"{who} rsp: 334 UGFzc3dvcmQ6", f"{who} rsp: 535 Authentication failed")  # fmt: skip
    rows = told(
        tmp_path,
        "".join(f"10:00:0{i} {text}\n" for i, text in enumerate(said)),
        "user",
        "outcome",
        "time",
        name="smtpLog.log",
    )

    assert rows == [("info@example.com", "failure", "2026-11-26 10:00:00.000000+00:00")]


def exim_mail(clock: str, process: str) -> str:
    return (
        f"2026-11-26 {clock} 1vOLyA-{process}-1aBc <= ann@example.com H=(pc1) [{IP}] P=esmtpsa "
        "X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no A=login:ann@example.com S=981\n"
    )


def test_mails_that_two_processes_of_exim_took_prove_two_logins(tmp_path: Path) -> None:
    """A main log without ports and pids: within five minutes all mails of a client were of one login."""
    refused = (
        f"2026-11-26 10:00:09 H=(pc1) [{IP}] X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no A=login:ann@example.com "
        "F=<ann@example.com> rejected RCPT <bob@example.org>: Sender verify failed\n"
    )
    first, second = "0000000ABC1", "0000000ABC2"
    text = exim_mail("10:00:00", first) + exim_mail("10:00:01", first) + refused + exim_mail("10:00:10", second)
    rows = told(tmp_path, text, "stage", "outcome", "time", name="mainlog")

    assert [str(row[2])[11:19] for row in rows if row[0] == "auth"] == ["10:00:00", "10:00:09"]
    assert sum(row[:2] == ("mail", "success") for row in rows) == 3


def test_a_syslog_of_several_programs_is_no_applications_log(tmp_path: Path) -> None:
    """Nothing that mail servers write there may be lost for an exception that quotes a relay."""
    raised = [(0, "gunicorn[900]: smtplib.SMTPAuthenticationError: (535, b'5.7.8 Error: authentication failed')")] * 3
    other = [(1, "CRON[901]: pam_unix(cron:session): session opened for user root")] * 500
    text = syslog(*raised, *other, connect(2), smtpd(4, BARE), disconnect(4, 1))

    assert told(tmp_path, text, "side", "outcome", "client_ip") == [("server", "failure", IP)]


def test_a_journal_of_one_program_is_its_log(tmp_path: Path) -> None:
    raised = "gunicorn[900]: smtplib.SMTPAuthenticationError: (535, b'5.7.8 Error: authentication failed')"
    text = syslog(
        (0, "gunicorn[900]: Traceback (most recent call last):"), (0, raised), (9, "gunicorn[900]: GET / 200")
    )

    assert told(tmp_path, text, "side", "outcome") == [("client", "failure")]
