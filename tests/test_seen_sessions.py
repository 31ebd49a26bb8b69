"""What an examiner of other people's logs brought: sessions, each to its exact events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl

if TYPE_CHECKING:
    from pathlib import Path

SENT = "2026-11-20 10:00:01 CLIENT -> SERVER: "
WRONG = "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6"


def told(path: Path, text: str, *columns: str) -> list[tuple[object, ...]]:
    path.write_text(text)
    events = sl.read(path, year=2026).filter(pl.col("outcome") != "info")
    return events.select(pl.col(c).cast(pl.String) for c in columns).rows()


@pytest.mark.parametrize(
    ("command", "error", "expected"),
    [
        ("AUTH LOGIN", f"Password command failed: {WRONG}", ("auth", "failure", "bad_credentials", "535", "LOGIN")),
        ("AUTH PLAIN", f"Authentication command failed: {WRONG}", ("auth", "failure", "bad_credentials", "535", "PLAIN")),
        (
            "AUTH LOGIN",
            "AUTH command failed: 504 5.7.4 Unrecognized authentication type",
            ("auth", "refused", "mechanism_unsupported", "504", "LOGIN"),
        ),
        (
            "MAIL FROM:<ann@example.com>",
            "MAIL FROM command failed: 530 5.7.0 Authentication required",
            ("mail", "refused", "auth_required", "530", None),
        ),
    ],
)  # fmt: skip
def test_phpmailer_that_prints_no_replies(
    tmp_path: Path, command: str, error: str, expected: tuple[str | None, ...]
) -> None:
    """At debug level 1 a wrong password was a login that the client gave up."""
    text = f"{SENT}EHLO pc\n{SENT}{command}\n2026-11-20 10:00:01 SMTP ERROR: {error}\n{SENT}QUIT\n"
    assert told(tmp_path / "debug.log", text, "stage", "outcome", "cause", "reply_code", "mechanism") == [expected]


def test_phpmailer_that_prints_nothing_but_its_errors(tmp_path: Path) -> None:
    line = (
        "2026-11-20 10:0{}:01 SMTP ERROR: Password command failed: " + WRONG + "\nSMTP Error: Could not authenticate.\n"
    )
    text = line.format(0) + line.format(5)
    assert told(tmp_path / "error_log", text, "outcome", "cause") == [("failure", "bad_credentials")] * 2


def test_the_transcript_of_an_old_phpmailer_is_read(tmp_path: Path) -> None:
    text = (
        "SMTP -> FROM SERVER:220 relay.example.org ESMTP\nSMTP -> FROM SERVER: 250-relay.example.org Hello pc 250 AUTH PLAIN LOGIN\n"
        "SMTP -> ERROR: Password not accepted from server: 535 Incorrect authentication data\nSMTP -> FROM SERVER:250 Reset OK\n"
        "SMTP Error: Could not authenticate.\n"
    )
    assert told(tmp_path / "out.txt", text, "outcome", "cause", "reply_code") == [("failure", "bad_credentials", "535")]


def exchange(session: str, minute: int, *, good: bool, end: bool = True) -> list[str]:
    said = [
        ("+", ",,"), (">", '"220 EX1.example.com ready",'), ("<", "EHLO PC,"), ("<", "AUTH LOGIN,"),
        (">", "334 <authentication response>,"),
        ("*", "EXAMPLE\\bob,authenticated" if good else ",Inbound authentication failed with error LogonDenied for LOGIN"),
        (">", "235 2.7.0 Authentication successful," if good else "535 5.7.3 Authentication unsuccessful,"), ("-", ",Remote"),
    ]  # fmt: skip
    return [
        f"2026-11-20T10:{minute:02d}:{n:02d}.100Z,EX1\\Client,{session},{n},192.0.2.25:587,203.0.113.9:51234,{event},{rest}\n"
        for n, (event, rest) in enumerate(said if end else said[:-1])
    ]


@pytest.mark.parametrize("end", [True, False])
def test_a_session_whose_id_comes_back_is_another_session(tmp_path: Path, end: bool) -> None:
    """Both were one: the failure had the other's user, and the success was gone."""
    first, second = exchange("08DE012345678ABC", 0, good=False, end=end), exchange("08DE012345678ABC", 5, good=True)
    assert told(tmp_path / "RECV.LOG", "".join((*first, *second)), "outcome", "user", "time") == [
        ("failure", None, "2026-11-20 10:00:06.100000+00:00"), ("success", "EXAMPLE\\bob", "2026-11-20 10:05:06.100000+00:00"),
    ]  # fmt: skip


def test_a_session_that_a_copied_log_holds_twice_counts_once(tmp_path: Path) -> None:
    rows = exchange("08DE012345678ABC", 0, good=False)
    twice = [row for row in rows for _ in range(2)]
    assert told(tmp_path / "RECV.LOG", "".join(twice), "outcome") == [("failure",)]


def test_an_id_of_haraka_that_comes_back(tmp_path: Path) -> None:
    text = ""
    for minute, ip, answer in (
        (0, "203.0.113.9", "535 5.7.8 Authentication failed"),
        (5, "203.0.113.14", "235 2.7.0 Authentication successful"),
    ):
        begin = f"2026-11-20T10:{minute:02d}:01.100Z [{{}}] [8C6F1C1E-9A7B-4A6B-8F1C-0123456789AB] [core] "
        text += begin.format("NOTICE") + f"connect ip={ip} port=51234 local_ip=192.0.2.25 local_port=587\n"
        text += begin.format("PROTOCOL") + "C: EHLO pc state=1\n" + begin.format("PROTOCOL") + "S: 250 AUTH PLAIN\n"
        text += (
            begin.format("PROTOCOL")
            + "C: AUTH PLAIN AGFubgBzM2NyZXQ= state=1\n"
            + begin.format("PROTOCOL")
            + f"S: {answer}\n"
        )
        text += begin.format("NOTICE") + f"disconnect ip={ip} rdns=NXDOMAIN helo=pc\n"
    assert told(tmp_path / "haraka.log", text, "outcome", "client_ip", "user") == [
        ("failure", "203.0.113.9", "ann"),
        ("success", "203.0.113.14", "ann"),
    ]


def test_event_1035_as_the_event_viewer_copies_it(tmp_path: Path) -> None:
    text = (
        "Log Name:      Application\nSource:        MSExchangeFrontEndTransport\nDate:          11/20/2026 10:00:01 AM\n"
        "Event ID:      1035\nTask Category: SmtpReceive\nLevel:         Warning\nDescription:\n"
        "Inbound authentication failed with error LogonDenied for Receive connector Client Frontend EX01. The authentication "
        "mechanism is Login. The source IP address of the client who tried to authenticate to Microsoft Exchange is [203.0.113.9].\n"
    )
    assert told(tmp_path / "event.txt", text, "outcome", "cause", "client_ip", "mechanism") == [
        ("failure", "bad_credentials", "203.0.113.9", "LOGIN")
    ]


def test_the_header_of_a_mail_is_no_event_of_windows(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Date: Fri, 20 Nov 2026 10:00:01 +0100\nUser: x\nSource: y\nKeywords: z\n")
    assert sl.coverage(tmp_path / "a.txt")["format"].to_list() == [None]


LDAP = {
    "Authentication failed for ann: User not found (-6)": ("failure", "unknown_user"),
    "Authentication failed for ann: Bind to ldap server failed (invalid user/password or insufficient access) (-7)": (
        "failure", "bad_credentials",
    ),
    "Authentication failed for ann: Internal error (-1)": ("deferred", "backend_unavailable"),
    "user ldap_search_st() failed: Can't contact LDAP server": ("deferred", "backend_unavailable"),
}  # fmt: skip


@pytest.mark.parametrize("words", LDAP)
def test_what_saslauthd_says_of_its_directory_decides_its_refusal(tmp_path: Path, words: str) -> None:
    at = "Nov 20 10:00:01 mx1 saslauthd[881]: "
    refused = f"{at}do_auth         : auth failure: [user=ann] [service=smtp] [realm=] [mech=ldap] [reason=Unknown]\n"
    assert told(tmp_path / "auth.log", f"{at}{words}\n{refused}", "outcome", "cause", "user") == [(*LDAP[words], "ann")]


@pytest.mark.parametrize(
    "text",
    [
        "220 220 220\t\tgainsboro\n235 235 235\t\tgray92\n250 250 210\t\tlight goldenrod\n",
        "auth       optional   pam_faildelay.so  delay=3000000\nauth       requisite  pam_nologin.so\n",
    ],
)
def test_files_of_settings_are_no_transcripts(tmp_path: Path, text: str) -> None:
    assert told(tmp_path / "settings", text, "outcome") == []
    assert sl.coverage(tmp_path / "settings")["format"].to_list() == [None]


def test_a_folder_of_settings_and_programs_holds_no_log(tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text("smtpd_sasl_auth_enable = yes\n")
    (tmp_path / "10-auth.conf").write_text("auth_mechanisms = plain login\n")
    (tmp_path / "tool").write_bytes(b"\x7fELF\x02\x01AUTH PLAIN AGFubgBzM2NyZXQ=\n")
    with pytest.raises(sl.errors.NothingToRead, match="a program, no log"):
        sl.read(tmp_path)
