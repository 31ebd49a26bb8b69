"""Lines as people show them in mails, forums and bug trackers: what was put around them or left out changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl
from smtplogs import unwrapping

if TYPE_CHECKING:
    from pathlib import Path

SAID = "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"
TAGGED = f"mx1 postfix/smtpd[412]: {SAID}"
PLAIN = f"Mar  1 10:11:12 {TAGGED}"
FAILED = ("failure", "bad_credentials", "203.0.113.9", "LOGIN")


def events_of(path: Path, text: str) -> pl.DataFrame:
    path.write_text(text + "\n")
    return sl.read(path, year=2026).filter(pl.col("outcome") != "info")


def said(events: pl.DataFrame) -> list[tuple[object, ...]]:
    return events.select("outcome", "cause", "client_ip", "mechanism").rows()


def told(path: Path, text: str) -> list[tuple[object, ...]]:
    return said(events_of(path, text))


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        f"> {PLAIN}",
        f">> {PLAIN}",
        f"> > {PLAIN}",
        f"    {PLAIN}",
        f"\t{PLAIN}",
        f"/var/log/mail.log:{PLAIN}",
        f"/var/log/mail.log.1:77:{PLAIN}",
        f"maillog-20260301:{PLAIN}",
        f"1042:{PLAIN}",
        f"1 Mar 10:11:12 {TAGGED}",
        f"2026 Mar  1 10:11:12 {TAGGED}",
        f"Sun Mar  1 10:11:12 2026 {TAGGED}",
        f"[2026-03-01 10:11:12] {TAGGED}",
        f"Mär 01 10:11:12 {TAGGED}",
        f"mars 01 10:11:12 {TAGGED}",
        f"3月 01 10:11:12 {TAGGED}",
        f"мар 01 10:11:12 {TAGGED}",
        f"[Sun Mar  1 10:11:12 2026] {TAGGED}",
        f"Mar  1 10:11:12 mx1 mail.warn postfix/smtpd[412]: {SAID}",
        f"2026-03-01T10:11:12+00:00 mx1 mail.warning postfix/smtpd[412]: {SAID}",
        f"Mar  1 10:11:12 mx1 mail:info postfix/smtpd[412]: {SAID}",
        f"Mar  1 10:11:12 mx1 postfix/smtpd[412]:  {SAID}",
        f"Mar  1 10:11:13 loghost {PLAIN}",
        f"Mar  1 10:11:13 mx1 docker[991]: {PLAIN}",
        f"2026-03-01 10:11:13\tMail.Warning\t192.0.2.1\t{PLAIN}",
        f"2026:03:01-10:11:12 {TAGGED}",
    ],
)
def test_what_stands_before_a_line_comes_off_and_its_stamp_is_read(tmp_path: Path, text: str) -> None:
    event = events_of(tmp_path / "mail.log", text)
    assert said(event) == [FAILED]
    assert f"{event['time'][0]:%m-%d %H:%M:%S}" == "03-01 10:11:12"
    assert event["raw"][0] == text


@pytest.mark.parametrize(
    ("written", "month"),
    [("Dez 24", 12), ("déc. 24", 12), ("oct. 24", 10), ("Okt 24", 10), ("ago 24", 8), ("lis 24", 11), ("10月 24", 10)],
)
def test_months_in_other_languages(tmp_path: Path, written: str, month: int) -> None:
    (tmp_path / "mail.log").write_text(f"{written} 10:11:12 {TAGGED}\n")

    events = sl.read(tmp_path / "mail.log", year=2026).filter(pl.col("outcome") == "failure")
    assert events["time"].dt.month().to_list() == [month]


@pytest.mark.parametrize("text", [f"postfix/smtpd[412]: {SAID}", SAID, TAGGED, f"10:11:12 {TAGGED}"])
def test_a_line_without_its_stamp_has_no_time(tmp_path: Path, text: str) -> None:
    event = events_of(tmp_path / "mail.log", text)
    assert said(event) == [FAILED]
    assert event.select("time", "time_quality", "raw").rows() == [(None, "none", text)]


def test_bare_lines_of_a_session_are_one_attempt(tmp_path: Path) -> None:
    lines = (
        "connect from unknown[203.0.113.9]", SAID,
        "disconnect from unknown[203.0.113.9] ehlo=1 auth=0/1 quit=1 commands=2/3",
    )  # fmt: skip

    assert told(tmp_path / "mail.log", "\n".join(f"postfix/smtpd[412]: {line}" for line in lines)) == [FAILED]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "auth: passwd-file(ann,203.0.113.9,<abc>): unknown user",
            [("failure", "unknown_user", "203.0.113.9", None)],
        ),
        (
            "submission-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<ann>, method=PLAIN, "
            "rip=203.0.113.9, lip=192.0.2.25, TLS, session=<abc>",
            [("failure", "bad_credentials", "203.0.113.9", "PLAIN")],
        ),
        (
            "login authenticator failed for (pc-7) [203.0.113.9]: 535 Incorrect authentication data (set_id=ann)",
            [("failure", "bad_credentials", "203.0.113.9", "LOGIN")],
        ),
        (
            "H=(pc-7) [203.0.113.9]:5123 F=<ann@example.com> rejected RCPT <bob@example.org>: relay not permitted",
            [("refused", "relay_denied", "203.0.113.9", None)],
        ),
        (
            "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <bob@example.org>: Relay access denied; "
            "from=<ann@example.com> to=<bob@example.org> proto=ESMTP helo=<pc-7>",
            [("refused", "relay_denied", "203.0.113.9", None)],
        ),
    ],
)
def test_bare_lines_of_other_programs(tmp_path: Path, text: str, expected: list[tuple[object, ...]]) -> None:
    assert told(tmp_path / "mail.log", text) == expected


def test_signs_that_a_web_page_spells(tmp_path: Path) -> None:
    text = (
        "Mar  1 10:11:12 mx1 dovecot: submission-login: Disconnected (auth failed, 1 attempts in 2 secs): "
        "user=&lt;ann@example.com&gt;, method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, TLS, session=&lt;abc&gt;"
    )

    assert told(tmp_path / "mail.log", text) == [("failure", "bad_credentials", "203.0.113.9", "PLAIN")]
    assert sl.read(tmp_path / "mail.log", year=2026)["user"].to_list() == ["ann@example.com"]


@pytest.mark.parametrize(
    "odd", [SAID, TAGGED, f"Mar  1 10:11:12 mx1 mail.warn postfix/smtpd[412]: {SAID}", f"postfix/smtpd[412]: {SAID}", f"> {PLAIN}", f"  {PLAIN}", f"mail.log:{PLAIN}", f"Mär 01 10:11:13 {TAGGED}"]
)  # fmt: skip
def test_in_a_log_such_a_line_is_damaged_and_not_believed(tmp_path: Path, odd: str) -> None:
    assert told(tmp_path / "mail.log", f"{PLAIN}\n{odd}\n{PLAIN}") == [FAILED] * 2


@pytest.mark.parametrize(
    "text",
    [
        "I did postfix/smtpd[412]: nothing, and SASL LOGIN authentication failed.",
        "> On Mar 1 10:11:12 somebody wrote: SASL LOGIN authentication failed",
        "> 2026-03-01 10:11:12 SELECT 1; -- authentication failed",
        "marsh 01 10:11:12 mx1 postfix/smtpd[412]: x",
    ],
)
def test_prose_is_no_log(tmp_path: Path, text: str) -> None:
    assert told(tmp_path / "mail.log", text) == []


@pytest.mark.parametrize(
    "mark", ["\x1f", "\x1etag\x1e", "\x1epostfix\x1e", "tag\x1f", "\x1f\x1f", "", "shown=tag ", '{"shown":"tag"} ']
)
@pytest.mark.parametrize(
    "said", [f"postfix/smtpd[412]: {SAID}", SAID, "mx1 dovecot[1]: auth: passwd-file(ann,203.0.113.9): unknown user"]
)
def test_no_text_of_a_log_says_of_a_line_that_it_lost_its_head(tmp_path: Path, mark: str, said: str) -> None:
    other = f"Mar  1 10:11:12 mx1 postfix/smtpd[412]: connect from x[203.0.113.5]{mark}{said}"
    alone = f"{mark}{said}"

    assert told(tmp_path / "mail.log", f"{PLAIN}\n{alone}\n{other}\n{PLAIN}") == [FAILED] * 2
    if mark:
        assert told(tmp_path / "alone.log", alone) == []


def test_among_lines_without_heads_a_mark_in_the_text_is_text(tmp_path: Path) -> None:
    line = f"postfix/smtpd[412]: {SAID}"
    assert (
        told(
            tmp_path / "mail.log",
            f"{line}\n\x1fpostfix/smtpd[413]: {SAID}\n\x1epostfix\x1e{SAID}\n{line}\n{line}\n{line}",
        )
        == [FAILED] * 4
    )
    coverage = sl.coverage(tmp_path / "mail.log")
    assert coverage["not_understood"].sum() == 2


def test_ordinary_logs_are_in_no_such_wrapper() -> None:
    for line in (PLAIN, f"2026-03-01T10:11:12+01:00 {TAGGED}", "Mar 01 10:11:12 auth: Info: x", "GET / HTTP/1.1"):
        assert unwrapping.detect([line]) is None, line


def test_explain_takes_a_reply_out_of_a_line_of_a_program_that_is_unknown() -> None:
    line = "Mar  1 10:11:12 nas smtp-forward[991]: Sending failed: 535 5.7.8 Error: authentication failed"
    rows = sl.explain(line).select("verdict", "cause").rows()

    assert rows[0] == ("a reply", "bad_credentials")
    assert ("dismissed", None) in rows


@pytest.mark.parametrize(
    "line",
    [
        "Mar  1 10:11:12 mx1 sshd[99]: Failed password for invalid user ann from 203.0.113.9 port 55122 ssh2",
        "Mar  1 10:11:12 mx1 proftpd[99]: mx1 (203.0.113.9[203.0.113.9]) - USER ann (Login failed): Incorrect password",
        "Mar  1 10:11:12 mx1 backup[99]: 535 files copied",
    ],
)
def test_explain_takes_none_out_of_others(line: str) -> None:
    assert sl.explain(line).select("verdict", "cause").rows() == [("dismissed", None)]
