"""What the recordings of mailing programs and of dying servers found wrong: their own lines, and what really happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl

if TYPE_CHECKING:
    from pathlib import Path

AT = "Nov 26 09:08:25 mx1"
DOVECOT = (
    f"{AT} dovecot: submission-login: Logged in: user=<alice@example.com>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, "
    "mpid=282, TLS, session=<gNOUOCphP8Z/AAEZ>"
)
INNER = (
    f"{AT} postfix/inner/smtpd[263]: connect from localhost[127.0.0.1]",
    f"{AT} postfix/inner/smtpd[263]: 16A9A2DC035: client=localhost[203.0.113.9], sasl_method=XCLIENT, "
    "sasl_username=alice@example.com, sasl_sender=alice@example.com",
    f"{AT} postfix/inner/smtpd[263]: disconnect from localhost[203.0.113.9] ehlo=2 xclient=0/1 mail=1 rcpt=1 bdat=1 quit=1 "
    "commands=6/7",
)


def told(folder: Path, text: str, *columns: str, name: str = "mail.log") -> list[tuple[object, ...]]:
    log = folder / name
    log.write_text(text)
    found = sl.read(log, year=2026).filter(pl.col("outcome") != "info")
    return found.select(pl.col(c).cast(pl.String) for c in columns or ("stage", "outcome", "cause")).rows()


def test_a_login_that_dovecots_submission_hands_on_to_postfix_counts_once(tmp_path: Path) -> None:
    rows = told(tmp_path, "\n".join((DOVECOT, *INNER)), "stage", "outcome", "user", "mechanism", "format")

    assert [row for row in rows if row[0] == "auth"] == [("auth", "success", "alice@example.com", "PLAIN", "dovecot")]
    assert [row[0] for row in rows if row[1] == "success"].count("mail") == 1


@pytest.mark.parametrize("other", ["user=<bob@example.com>", "rip=203.0.113.10"])
def test_of_another_name_or_address_it_stays_a_login_of_its_own(other: str, tmp_path: Path) -> None:
    key = other.partition("=")[0]
    line = ", ".join(other if part.endswith(other) else part for part in DOVECOT.split(", "))
    line = line.replace("user=<alice@example.com>", other) if key == "user" else line.replace("rip=203.0.113.9", other)
    rows = told(tmp_path, "\n".join((line, *INNER)), "stage", "mechanism")

    assert sorted(str(row[1]) for row in rows if row[0] == "auth") == ["PLAIN", "XCLIENT"]


def test_a_login_handed_on_counts_once_in_a_dataset_too(tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    log.write_text("\n".join((DOVECOT, *INNER)))
    sl.parse(log, tmp_path / "data", progress=False)

    assert sl.load(tmp_path / "data").filter(pl.col("stage") == "auth").collect()["mechanism"].to_list() == ["PLAIN"]


GREETING = "< 220 relay.example.org ESMTP\n> EHLO pc\n< 250-relay.example.org\n< 250 AUTH XOAUTH2 PLAIN\n"
BEARER = "dXNlcj1hbm5AZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgS3g3LXNlY3JldAEB"


@pytest.mark.parametrize(
    ("challenge", "wanted"),
    [
        ("334 eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiQmVhcmVyIn0=", ("auth", "failure", "token_invalid")),
        ("334 ", ("auth", "aborted", "connection_lost")),
    ],
    ids=["error", "prompt"],
)
def test_a_client_that_leaves_after_the_error_challenge_was_refused(
    challenge: str, wanted: tuple[str, ...], tmp_path: Path
) -> None:
    talk = f"{GREETING}> AUTH XOAUTH2 {BEARER}\n< {challenge}\n* Closing connection 0\ncurl: (67) Login denied\n"

    assert told(tmp_path, talk) == [wanted]


JAVA = (
    'DEBUG SMTP: trying to connect to host "relay.example.org", port 587, isSSL false\n220 relay.example.org ESMTP\nEHLO app\n'
    "250-relay.example.org\n250-AUTH PLAIN LOGIN\n250 8BITMIME\n"
    "DEBUG SMTP: protocolConnect login, host=relay.example.org, user=ann@example.com, password=<non-null>\n"
)
TRIED = "DEBUG SMTP: Using mechanism LOGIN\nDEBUG SMTP: AUTH LOGIN command trace suppressed\n"


def test_what_follows_a_login_that_javamail_does_not_print_is_the_answer_to_its_own_command(tmp_path: Path) -> None:
    talk = f"{JAVA}{TRIED}DEBUG SMTP: AUTH LOGIN succeeded\nMAIL FROM:<ann@example.com>\n553 5.7.1 Sender address rejected: not owned by user ann\n"

    assert told(tmp_path, talk) == [("auth", "success", "success"), ("mail", "refused", "sender_not_owned")]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (f"{TRIED}DEBUG SMTP: EOF: [EOF]\nDEBUG SMTP: AUTH LOGIN failed\n", ("auth", "aborted", "connection_lost")),
        (f"{TRIED}DEBUG SMTP: AUTH LOGIN failed\n", ("auth", "failure", "bad_credentials")),
        (
            "javax.mail.AuthenticationFailedException: No authentication mechanisms supported by both server and client\n",
            ("auth", "refused", "mechanism_unsupported"),
        ),
    ],
    ids=["lost", "refused", "no mechanism"],
)
def test_javamail_says_why_a_login_did_not_come_to_an_answer(
    words: str, wanted: tuple[str, ...], tmp_path: Path
) -> None:
    assert told(tmp_path, JAVA + words) == [wanted]


def test_a_password_that_nodemailer_hides_in_cram_md5_is_no_part_of_the_name(tmp_path: Path) -> None:
    head = "[2026-11-26 08:27:21] DEBUG [dut8FAB7Q4g] "
    said = (
        "S: 220 relay.example.org ESMTP", "C: EHLO pc", "S: 250-relay.example.org", "S: 250 AUTH CRAM-MD5", "C: AUTH CRAM-MD5",
        "S: 334 PDE3OTMuMTc5MUBteDE+", "C: YW5uQGV4YW1wbGUuY29tIC8qIHNlY3JldCAqLw==", "S: 535 5.7.8 no",
    )  # fmt: skip

    assert told(tmp_path, "".join(f"{head}{s}\n" for s in said), "user", "outcome") == [("ann@example.com", "failure")]


SESSION = "host = relay.example.org\nport = 587\n<-- 220 relay.example.org ESMTP\n--> EHLO localhost\n<-- 250-relay.example.org\n<-- 250 AUTH PLAIN\n--> QUIT\n"
ERROR = (
    "msmtp: the server does not support TLS via the STARTTLS command\nmsmtp: could not send mail (account default)\n"
)


@pytest.mark.parametrize("text", [ERROR + SESSION, SESSION + ERROR], ids=["before", "after"])
def test_errors_of_msmtp_belong_to_the_session_whichever_comes_first_into_the_file(text: str, tmp_path: Path) -> None:
    rows = told(tmp_path, text, "stage", "cause", "relay_host")

    assert rows == [("tls", "tls_unavailable", "relay.example.org")]


def test_a_code_that_sendemail_tells_before_the_words_is_one_reply(tmp_path: Path) -> None:
    head = "Nov 26 08:27:20 web1 sendEmail[158]: "
    said = (
        "DEBUG => Connecting to relay.example.org:587", "SUCCESS => Received: \t220 relay.example.org ESMTP",
        "INFO => Sending: \tEHLO web1", "SUCCESS => Received: \t250-relay.example.org, 250 SIZE 1000",
        "INFO => Sending: \tMAIL FROM:<ann@example.com>", "DEBUG => evalSMTPresponse() - Found SMTP error code: 530",
        "ERROR => Received: \t530 5.7.1 Authentication required",
    )  # fmt: skip

    assert told(tmp_path, "".join(f"{head}{s}\n" for s in said)) == [("mail", "refused", "auth_required")]


def test_the_tag_of_dma_holds_an_id_that_is_no_process(tmp_path: Path) -> None:
    lines = "".join(
        f"{AT} dma[{id_}]: remote delivery failed: Authentication failed: 535 5.7.8 no\n"
        for id_ in ("25a01f.559782661ff0", "25a01f")
    )

    assert told(tmp_path, lines, "format", "outcome", "pid") == [("dma", "failure", None)] * 2


def test_perls_decoded_lines_hold_a_password_that_is_nowhere_shown(tmp_path: Path) -> None:
    head = "Net::SMTP=GLOB(0x55f1dfa50430)"
    talk = (
        f"{head}<<< 220 relay.example.org ESMTP\n{head}>>> EHLO app\n{head}<<< 250 AUTH LOGIN\n{head}>>> AUTH LOGIN\n"
        f"{head}<<< 334 VXNlcm5hbWU6\n{head}<<< (decoded) Username:\n{head}>>> (decoded) ann@example.com\n{head}>>> YW5uQGV4YW1wbGUuY29t\n"
        f"{head}<<< 334 UGFzc3dvcmQ6\n{head}<<< (decoded) Password:\n{head}>>> (decoded) Kx7-secret\n{head}>>> S3g3LXNlY3JldA==\n"
        f"{head}<<< 535 5.7.8 no\n"
    )
    log = tmp_path / "debug.txt"
    log.write_text(talk)
    events, coverage, _ = sl.read(log, full=True)

    assert events.filter(pl.col("outcome") == "failure").select("user", "mechanism").rows() == [
        ("ann@example.com", "LOGIN")
    ]
    assert not [
        word for word in ("Kx7-secret", "S3g3LXNlY3JldA==") if word in events.write_json() + coverage.write_json()
    ]
