"""What somebody with fresh eyes found wrong: lines that were lost, or read as something else, each to its exact events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

import smtplogs as sl

if TYPE_CHECKING:
    from pathlib import Path

PHP = "2026-11-20 09:0"
OPENING = "Connection: opening to mail.example.com:587, timeout=300, options=array()"


def told(path: Path, text: str, *columns: str) -> list[tuple[object, ...]]:
    path.write_text(text)
    events = sl.read(path, year=2026).filter(pl.col("outcome") != "info")
    return events.select(columns).rows()


def test_sendmail_without_words_of_the_sasl_library(tmp_path: Path) -> None:
    head = "Nov 20 10:00:0{} mx sm-mta[2214]: 5AK9003a00221{}: AUTH failure"
    text = "\n".join(
        (
            head.format(1, 4) + " (LOGIN): authentication failure (-13), relay=pc.example.net [203.0.113.5]",
            head.format(2, 5) + " (DIGEST-MD5): no secret in database (-20), relay=[IPv6:2001:db8::7]",
        )
    )
    assert told(tmp_path / "mail.log", text, "outcome", "cause", "mechanism", "client_ip", "vendor_code") == [
        ("failure", "bad_credentials", "LOGIN", "203.0.113.5", "-13"),
        ("failure", "unknown_user", "DIGEST-MD5", "2001:db8::7", "-20"),
    ]


def test_phpmailer_is_no_log_of_exim_and_its_replies_go_on_without_a_stamp(tmp_path: Path) -> None:
    text = ""
    for n in (1, 2):
        text += "".join(
            f"{PHP}{n}:00 {line}\n"
            for line in (OPENING, "SERVER -> CLIENT: 220 mail.example.com ESMTP", "CLIENT -> SERVER: AUTH LOGIN",
                         "CLIENT -> SERVER: [credentials hidden]",
                         "SERVER -> CLIENT: 534-5.7.9 Application-specific password required.")
        )  # fmt: skip
        text += "534 5.7.9  https://mail.example.com/?p=InvalidSecondFactor x - gsmtp\nSMTP Error: Could not authenticate.\n"
    events = told(tmp_path / "debug.log", text, "format", "cause", "relay_host", "redacted", "time")
    assert [row[:4] for row in events] == [("phpmailer", "app_password_required", "mail.example.com", None)] * 2
    assert [f"{row[4]:%H:%M}" for row in events] == ["09:01", "09:02"]  # type: ignore[str-bytes-safe]


def test_the_exception_of_javamail_does_not_count_again_what_the_server_said(tmp_path: Path) -> None:
    said = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."
    text = "\n".join(
        (
            'DEBUG SMTP: trying to connect to host "mail.example.com", port 587, isSSL false',
            "220 mail.example.com ESMTP", "EHLO app", "250-mail.example.com", "250 AUTH LOGIN",
            "DEBUG SMTP: protocolConnect login, host=mail.example.com, user=Ann Lee, password=<non-null>",
            "DEBUG SMTP: Using mechanism LOGIN", "AUTH LOGIN", "334 VXNlcm5hbWU6", "QW5u", "334 UGFzc3dvcmQ6", "czNjcmV0",
            said, f"javax.mail.AuthenticationFailedException: {said}",
            f"Caused by: javax.mail.AuthenticationFailedException: {said}",
        )
    )  # fmt: skip
    assert told(tmp_path / "app.log", text, "format", "outcome", "cause", "user", "mechanism") == [
        ("javamail", "failure", "auth_disabled_by_policy", "Ann Lee", "LOGIN")
    ]


def test_javamail_says_that_a_login_worked(tmp_path: Path) -> None:
    text = (
        'DEBUG SMTP: trying to connect to host "mail.example.com", port 587, isSSL false\n220 mail.example.com ESMTP\n'
        "DEBUG SMTP: protocolConnect login, host=mail.example.com, user=ann, password=<non-null>\n"
        "DEBUG SMTP: Using mechanism PLAIN\nDEBUG SMTP: AUTH PLAIN command trace suppressed\n"
        "DEBUG SMTP: AUTH PLAIN succeeded\nQUIT\n221 Bye\n"
    )
    assert told(tmp_path / "app.log", text, "outcome", "cause", "user", "mechanism") == [
        ("success", "success", "ann", "PLAIN")
    ]


def test_iis_tells_its_two_sides_apart_in_one_file(tmp_path: Path) -> None:
    out = "2026-11-20 09:00:0{} 198.51.100.25 OutboundConnection{} SMTPSVC1 WEB1 - 587 {} 0 0 4 0 15 SMTP - - - -"
    ours = "2026-11-20 09:00:0{} 203.0.113.5 PC1 SMTPSVC1 WEB1 192.0.2.25 0 {} 0 43 31 0 SMTP - - - -"
    text = "\n".join(
        (
            out.format(1, "Response", "- - 220+mail.example.com+ESMTP"),
            out.format(2, "Command", "AUTH - LOGIN"),
            ours.format(3, "EHLO - +PC1 250"),
            ours.format(4, "RCPT - +TO:<ann@example.com> 550"),
            ours.format(5, "AUTH - +LOGIN 535"),
            out.format(6, "Response", "- - 334+VXNlcm5hbWU6"),
            out.format(7, "Response", "- - 235+2.7.0+Ok"),
        )
    )
    assert told(tmp_path / "ex261120.log", text, "side", "outcome", "mechanism", "client_ip", "server_ip") == [
        ("server", "failure", "LOGIN", "203.0.113.5", "192.0.2.25"),
        ("client", "success", "LOGIN", None, "198.51.100.25"),
    ]
