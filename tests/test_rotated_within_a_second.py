"""Logs cut between two lines of one second: names of files (`mail.log.1` sorts after `mail.log`) do not tell which is older.

The lines are of real servers, whose random sessions (tests/live/run.sh) found each of these; addresses are changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import smtplogs as sl
from small_logs import told, write
from smtplogs import reading

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

STARTED = "Nov 26 21:10:21 mx1 sendmail[68]: STARTTLS=server, relay=[203.0.113.3], version=TLSv1.3, verify=NO, cipher=TLS_AES_256_GCM_SHA384, bits=256/256"
WORDS = "AUTH failure (LOGIN): user not found (-20) SASL(-13): user not found: checkpass failed, user=a,b, relay=[203.0.113.3]"
SENDMAIL = (STARTED, f"Nov 26 21:10:21 mx1 sendmail[68]: 6AQLAL7T000068: {WORDS}")

SMTPD = "Nov 26 21:10:38 mx1 smtpd[52]: 9f3a1c2b7d5e4f60 smtp "
OPENSMTPD = (
    SMTPD + "connected address=203.0.113.16 host=<unknown>",
    SMTPD + "authentication user=bob@example.com address=203.0.113.16 host=<unknown> result=permfail",
    SMTPD + 'failed-command command="AUTH LOGIN (password)" result="535 Authentication failed"',
)

NEWMSG = "mx1 courierd: newmsg,id=000000000034E0{}.000000006B08A04D.0000007B, auth=ann@example.com: dns; pc.example.org ([::ffff:203.0.113.4])"
COURIER = (f"Nov 26 21:10:37 {NEWMSG.format('4E')}", f"Nov 26 21:10:38 {NEWMSG.format('54')}")

REFUSED = "plain_server authenticator failed for (pc.example.org) [203.0.113.23]: 535 Incorrect authentication data (set_id=ann)"
OTHER = REFUSED.replace("ann", "bob")
EXIM = tuple(
    f"Nov 26 21:15:1{clock} mx1 exim[{40 + clock}]: 2026-11-26 21:15:1{clock} {text}"
    for clock, text in ((1, REFUSED), (1, REFUSED), (2, OTHER), (2, OTHER))
)

HEAD = "2026-11-26 21:15:04,624 {} mail.log: ('203.0.113.14', 57955) "
AIOSMTPD = (
    HEAD.format("INFO") + "handling connection",
    HEAD.format("INFO") + ">> b'EHLO pc.example.org'",
    HEAD.format("DEBUG") + "<< b'250 HELP'",
    HEAD.format("INFO") + ">> b'AUTH PLAIN ********'",
    HEAD.format("DEBUG") + "<< b'535 5.7.8 Authentication credentials invalid'",
    HEAD.format("INFO") + ">> b'AUTH LOGIN ********'",
    HEAD.format("DEBUG") + "<< b'235 2.7.0 Authentication successful'",
    HEAD.format("INFO") + "connection lost",
)
WHAT = ("stage", "outcome", "cause", "basis", "count", "user", "client_ip", "mechanism", "tls", "reply_code")


def as_read(events: pl.DataFrame) -> list[tuple[object, ...]]:
    return sorted(told(events, *WHAT), key=str)


@pytest.mark.parametrize(
    "lines",
    [SENDMAIL, OPENSMTPD, COURIER, EXIM, AIOSMTPD],
    ids=["sendmail", "opensmtpd", "courier", "exim", "aiosmtpd"],
)
def test_wherever_a_log_is_cut_it_is_read_the_same(lines: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = as_read(reading.read(write(tmp_path / "whole" / "mail.log", *lines), year=2026))
    assert whole

    for cut in range(1, len(lines)):
        folder = tmp_path / str(cut)
        folder.mkdir()
        files = [write(folder / "mail.log.1", *lines[:cut]), write(folder / "mail.log", *lines[cut:])]

        assert as_read(reading.read(files, year=2026)) == whole
        assert as_read(reading.read(files[::-1], year=2026)) == whole
    sl.parse(files, tmp_path / "data", year=2026, progress=False)
    assert as_read(sl.load(tmp_path / "data").collect()) == whole


def test_a_refusal_in_an_old_main_log_and_a_new_reject_log_is_one(tmp_path: Path) -> None:
    """Exim's daily job renames one log after the other; a session writes to both between."""
    clock = "2026-11-26 21:15:2{} "
    write(tmp_path / "mainlog.1", clock.format(0) + OTHER, clock.format(1) + REFUSED)
    write(tmp_path / "mainlog", clock.format(3) + OTHER)
    write(tmp_path / "rejectlog.1", clock.format(0) + OTHER)
    write(tmp_path / "rejectlog", clock.format(1) + REFUSED, clock.format(3) + OTHER)

    events = reading.read(tmp_path)

    assert told(events, "outcome", "user", "count") == [
        ("failure", "bob", 1),
        ("failure", "ann", 1),
        ("failure", "bob", 1),
    ]


def test_each_complaint_about_authdaemond_is_of_another_refusal(tmp_path: Path) -> None:
    """What a process complains of comes by way of another one, and may stand behind the next session's lines."""
    head = "Nov 26 21:22:48 mx1 "
    refused = 'courieresmtpd: error,relay=::ffff:203.0.113.{},port=53031,msg="535 Authentication failed.",cmd: AUTH LOGIN ann@example.com'
    events = reading.read(
        write(
            tmp_path / "mail.log",
            head + refused.format(1),
            head + "courieresmtpd: started,ip=[::ffff:203.0.113.2],port=[43397]",
            head + "courieresmtpd: authdaemon: s_connect() failed: Connection refused",
            head + refused.format(2),
            head + "esmtpd-msa: authdaemon: s_connect() failed: Connection refused",
        ),
        year=2026,
    )

    assert told(events, "outcome", "cause", "client_ip") == [
        ("deferred", "backend_unavailable", "203.0.113.1"),
        ("deferred", "backend_unavailable", "203.0.113.2"),
    ]
