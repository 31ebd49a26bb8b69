"""What tests/live found of fronts and smaller servers: lines that they wrote (addresses changed), and what clients had seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl

if TYPE_CHECKING:
    from pathlib import Path

PEER = "user=<>, rip=203.0.113.42, lip=192.0.2.25"


def read(folder: Path, *lines: str) -> pl.DataFrame:
    log = folder / "mail.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    return sl.read(log, year=2026).filter(pl.col("outcome") != "info")


@pytest.mark.parametrize("error", ["wrong version number", "http request"])
def test_plain_text_on_dovecots_tls_port_is_a_client_with_the_wrong_tls_mode_unless_it_is_a_browser(
    error: str, tmp_path: Path
) -> None:
    text = f"SSL_accept() failed: error:0A00010B:SSL routines::{error}"
    ended = f"Login aborted: Connection closed: {text} (disconnected during TLS handshake) (tls_handshake_not_finished)"
    lines = [
        f"Nov 26 0{i}:50:52 mx1 dovecot: submission-login: {ended}: {PEER}, TLS handshaking: {text}, session=<FZnSqixhibd/AAE{i}>"
        for i in range(6)
    ]
    login = "Logged in: user=<ann@example.com>, method=PLAIN, rip=203.0.113.42, lip=192.0.2.25, TLS, session=<FZnSqixhibd/AAEy>"
    events = read(tmp_path, *lines, f"Nov 26 12:00:00 mx1 dovecot: submission-login: {login}")
    broken = events.filter(pl.col("stage") == "tls")

    assert broken.select("outcome", "cause", "basis", "service").unique().rows() == [
        ("aborted", "wrong_host_or_port", "assumed", "submission")
    ]
    assert broken.height == 6
    kinds = sl.misconfigured_clients(events)["kind"].to_list()
    assert kinds.count("tls_mode") == (error == "wrong version number")


def test_a_client_that_leaves_in_dovecots_handshake_is_no_event(tmp_path: Path) -> None:
    ended = "Login aborted: Connection closed (disconnected during TLS handshake) (tls_handshake_not_finished)"
    line = f"Nov 26 11:51:52 mx1 dovecot: imap-login: {ended}: {PEER}, TLS handshaking: Connection closed, session=<FZnSqix/AAE1>"

    assert read(tmp_path, line).is_empty()


AT = "Nov 26 12:34:26 mx1"
BAD = 'error,relay=::ffff:203.0.113.9,port=44593,msg="535 Authentication failed.",cmd: AUTH PLAIN AGFsaWNlQGV4YW1wbGUu alice@example.com'


@pytest.mark.parametrize("first", ["refusal", "complaint"])
def test_a_refusal_beside_a_backend_that_is_down_is_no_wrong_password(first: str, tmp_path: Path) -> None:
    """Courier says 535 of both; which of the two lines comes first is chance."""
    lines = [f"{AT} courieresmtpd: {BAD}", f"{AT} esmtpd-msa: authdaemon: s_connect() failed: Connection refused"]
    before = f"Nov 26 12:31:26 mx1 courieresmtpd: {BAD}"
    found = read(tmp_path, before, *(lines if first == "refusal" else lines[::-1]))

    assert found.select("outcome", "cause", "basis").rows() == [
        ("failure", "bad_credentials", "assumed"),
        ("deferred", "backend_unavailable", "context"),
    ]


def test_mails_of_a_name_and_address_are_one_login_until_they_pause(tmp_path: Path) -> None:
    mail = (
        "newmsg,id=0000000000332B81.000000006B082650.0000005A, auth=ann@example.com: dns; pc-7 ([::ffff:203.0.113.9])"
    )
    other = mail.replace("203.0.113.9", "203.0.113.10")
    times = ("12:00:00", "12:04:00", "12:08:59", "12:14:00")
    lines = [f"Nov 26 {at} mx1 courierd: {mail}" for at in times]
    found = read(tmp_path, *lines, f"Nov 26 12:14:00 mx1 courierd: {other}")

    logins = found.filter(pl.col("stage") == "auth")
    assert logins.select(pl.col("time").dt.to_string("%H:%M:%S"), "client_ip", "basis").rows() == [
        ("12:00:00", "203.0.113.9", "context"),
        ("12:14:00", "203.0.113.9", "context"),
        ("12:14:00", "203.0.113.10", "context"),
    ]
    assert (found["stage"] == "mail").sum() == 5


def test_no_answer_of_courier_is_in_the_tables(tmp_path: Path) -> None:
    secret = "AGFubgBLeDctc2VjcmV0"
    line = f'error,relay=::ffff:203.0.113.9,port=1,msg="502 ESMTP command error",cmd: AUTH PLAIN {secret}'
    found = read(tmp_path, f"{AT} courieresmtpd: {line}")

    assert found.select("outcome", "cause", "mechanism", "redacted").rows() == [
        ("refused", "bad_sequence", "PLAIN", "sasl response")
    ]
    assert secret not in repr(found.to_dicts())


FRONT = "2026/11/26 12:06:06 [info] 271#271: *109 client logged in, client: 203.0.113.63, server: 192.0.2.25:587, "


@pytest.mark.parametrize(
    ("seen", "name", "rows"),
    [
        ("127.0.0.1", "ann@example.com", 1), ("10.0.0.25", "ann@example.com", 1), ("198.51.100.7", "ann@example.com", 2),
        ("127.0.0.1", "bob@example.com", 2),
    ],
)  # fmt: skip
def test_a_login_that_nginx_made_at_postfix_itself_is_its_clients(
    seen: str, name: str, rows: int, tmp_path: Path
) -> None:
    """Only an address that a front can have, the same name and the same moment make one of two."""
    (tmp_path / "error.log").write_text(f'{FRONT}login: "ann@example.com", upstream: 192.0.2.30:25\n')
    tag = "Nov 26 12:06:06 mx1 postfix/smtpd[346]:"
    (tmp_path / "mail.log").write_text(
        f"{tag} connect from front[{seen}]\n{tag} AD0303280B1: client=front[{seen}], sasl_method=PLAIN, sasl_username={name}\n"
        f"{tag} disconnect from front[{seen}] ehlo=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=6\n"
    )
    found = sl.read(sorted(tmp_path.glob("*.log")), year=2026)
    logins = found.filter(pl.col("stage") == "auth", pl.col("outcome") == "success")

    assert logins["count"].sum() == rows
    assert "203.0.113.63" in logins["client_ip"].to_list()


def test_haraka_at_notice_tells_every_wrong_password_once(tmp_path: Path) -> None:
    begin = "2026-09-01T08:05:4{}.000Z [NOTICE] [EFF29396-02AF-49CC-B2D3-CA96BA32376F]"
    lines = (
        f"{begin.format(0)} [core] connect ip=203.0.113.20 port=4 local_ip=192.0.2.25 local_port=587",
        f"{begin.format(1)} [auth/flat_file] delaying for 1 seconds",
        f"{begin.format(3)} [auth/flat_file] delaying for 2 seconds",
        f"{begin.format(6)} [tarpit] delaying for 3 seconds",
        f"{begin.format(9)} [core] disconnect ip=203.0.113.20 rdns=NXDOMAIN helo=vm relay=N early=N esmtp=Y tls=Y pipe=N errors=0 "
        'txns=0 rcpts=0/0/0 msgs=0/0/0 bytes=0 lr="535 5.7.8 Authentication failed" time=9',
    )
    found = read(tmp_path, *lines)

    assert (
        found.select("stage", "outcome", "cause", "client_ip").rows()
        == [("auth", "failure", "bad_credentials", "203.0.113.20")] * 2
    )


def test_a_log_of_commands_alone_does_not_tell_what_became_of_a_login(tmp_path: Path) -> None:
    peer = "INFO mail.log: ('203.0.113.9', 52529)"
    said = ("handling connection", ">> b'EHLO pc-7'", ">> b'AUTH PLAIN ********'", ">> b'QUIT'", "connection lost")
    lines = [f"2026-11-26 12:43:4{i},704 {peer} {text}" for i, text in enumerate(said)]
    answered = [line.replace("INFO", "DEBUG") for line in lines[1:2]]
    answered = [answered[0].replace(">> b'EHLO pc-7'", "<< b'250 HELP'")]

    assert read(tmp_path, *lines).is_empty()
    left = read(tmp_path, *lines[:2], *answered, *lines[2:])
    assert left.select("outcome", "cause").rows() == [("aborted", "aborted")] or left["outcome"].to_list() == [
        "aborted"
    ]
