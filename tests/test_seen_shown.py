"""What an examiner of other people's logs brought: exports, journals, pasted and broken lines, each to its exact event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl
from smtplogs import unwrapping

if TYPE_CHECKING:
    from pathlib import Path

SAID = "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"
OVER = "disconnect from unknown[203.0.113.9] ehlo=1 auth=0/1 rset=1 quit=1 commands=3/4"
TAG = "postfix/smtpd[1234]"
PLAIN = f"Nov 20 10:00:01 mx1 {TAG}: {SAID}"
CLOSED = f"Nov 20 10:00:02 mx1 {TAG}: {OVER}"
FAILED = ("failure", "bad_credentials", "assumed", "203.0.113.9", "LOGIN", 1)
LOGIN = (
    "submission-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<alice@example.com>, "
    "method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, TLS, session=<AAAA>"
)


def told(path: Path, text: str | bytes) -> pl.DataFrame:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return sl.read(path, year=2026).filter(pl.col("outcome") != "info")


def brief(events: pl.DataFrame) -> list[tuple[object, ...]]:
    return events.select("outcome", "cause", "basis", "client_ip", "mechanism", "count").rows()


def entry(message: str, micros: int) -> dict[str, str]:
    return {
        "__REALTIME_TIMESTAMP": str(micros), "_HOSTNAME": "mx1", "SYSLOG_IDENTIFIER": "postfix/smtpd", "SYSLOG_PID": "1234",
        "MESSAGE": message,
    }  # fmt: skip


def verbose(message: str, clock: str, zone: str, micros: int) -> str:
    cursor = f"s=0123456789abcdef;i=2f1;b=0123456789abcdef;m=5a1;t={micros:x};x=8f"
    fields = "\n".join(f"    {k}={v}" for k, v in entry(message, micros).items() if k[:2] != "__")
    return f"Fri 2026-11-20 {clock} {zone} [{cursor}]\n    _TRANSPORT=syslog\n    PRIORITY=4\n{fields}\n"


AT = 1795168801123456  # 2026-11-20 10:00:01.123456 UTC
SEVERAL = {
    "verbose": verbose(SAID, "10:00:01.123456", "UTC", AT) + verbose(OVER, "10:00:02.123456", "UTC", AT + 1_000_000),
    "verbose of another zone": verbose(SAID, "11:00:01.123456", "CET", AT),
    "json-pretty": "".join(
        json.dumps(entry(text, AT), indent="\t", separators=(",", " : ")) + "\n" for text in (SAID, OVER)
    ),
    "json-pretty, bytes": json.dumps(entry(SAID, AT) | {"MESSAGE": "?"}, indent="\t").replace(
        '"?"', str(list(SAID.encode()))
    ),
    "json-sse": f"data: {json.dumps(entry(SAID, AT))}\n\n",
    "json-seq": f"\x1e{json.dumps(entry(SAID, AT))}\n",
}


@pytest.mark.parametrize("text", SEVERAL.values(), ids=list(SEVERAL))
def test_entries_of_the_journal_over_several_lines(tmp_path: Path, text: str) -> None:
    events = told(tmp_path / "journal.txt", text)

    assert brief(events) == [FAILED]
    assert str(events["time"][0]) == "2026-11-20 10:00:01.123456+00:00"
    assert events.select("host", "program", "pid", "time_quality").rows() == [("mx1", "postfix/smtpd", 1234, "exact")]
    assert SAID in events["raw"][0]


@pytest.mark.parametrize("kind", ["verbose", "json-pretty"])
def test_an_entry_of_the_journal_is_explained(kind: str) -> None:
    rows = sl.explain(SEVERAL[kind])
    assert ("taken", "failure", "bad_credentials") in rows.select("verdict", "outcome", "cause").rows()


def test_verbose_without_its_cursor_has_the_time_that_is_written(tmp_path: Path) -> None:
    text = verbose(SAID, "10:00:01.123456", "CET", 5)
    events = told(tmp_path / "journal.txt", text)
    assert events.select(pl.col("time").cast(pl.String), "time_quality").rows() == [
        ("2026-11-20 10:00:01.123456+00:00", "zone_assumed")
    ]


def test_no_field_of_an_entry_makes_a_line(tmp_path: Path) -> None:
    forged = f"x\\n{PLAIN}"
    text = verbose("connect from unknown[203.0.113.9]", "10:00:01", "UTC", AT).replace(
        "PRIORITY=4", f"OTHER={forged}\n{PLAIN}"
    )
    assert told(tmp_path / "journal.txt", text).is_empty()


SHOWN = {
    "short-full": f"Fri 2026-11-20 10:00:01 UTC mx1 {TAG}: {SAID}",
    "short-full, quoted": f"> Fri 2026-11-20 10:00:01 UTC mx1 {TAG}: {SAID}",
    "with-unit": f"Fri 2026-11-20 10:00:01 UTC mx1 postfix@-.service[1234]: {SAID}",
    "kubectl --prefix": f"[pod/mail-0/postfix] 2026-11-20T10:00:01.123456+00:00 mail-0 {TAG}: {SAID}",
    "kubectl --prefix --timestamps": f"[pod/mail-0/postfix] 2026-11-20T10:00:01.123456789Z {PLAIN}",
    "stern": f"mail-0 postfix {PLAIN}",
    "compose v1": f"\x1b[36mpostfix-mailcow_1    |\x1b[0m {PLAIN}",
    "aws logs tail": f"2026-11-20T10:00:01.123000+00:00 i-0abc/maillog {PLAIN}",
    "aws logs, text": f"EVENTS\t3600\t1795168802000\ti-0abc\t{PLAIN}\t1795168801123",
    "CloudWatch CSV": f"timestamp,message\n1795168801123,{PLAIN}",
    "logcli": f'2026-11-20T10:00:01+00:00 {{filename="/var/log/mail.log", job="mail"}} {PLAIN}',
    "logcli without labels": f"2026-11-20T10:00:01+00:00 {{}} {PLAIN}",
    "Grafana": f"2026-11-20 10:00:01.123\t{PLAIN}",
    "Grafana, nanoseconds": f"1795168801123000000\t2026-11-20T10:00:01.123Z\t{PLAIN}",
    "Zabbix": f"20261120:100001:{PLAIN}",
    "cat -n": f"     1\t{PLAIN}",
    "less -N": f"      1 {PLAIN}",
    "grep -C": f"3214-{PLAIN}",
    "a list": f"- {PLAIN}",
    "ticks": f"`{PLAIN}`",
    "quotation marks": f"“{PLAIN}”",
    "a web page": f"{PLAIN}<br />",
    "grep --color": PLAIN.replace("SASL LOGIN", "\x1b[01;31m\x1b[KSASL LOGIN\x1b[m\x1b[K"),
    "ccze": f"\x1b[0m\x1b[36mNov 20 10:00:01\x1b[0m \x1b[1mmx1\x1b[0m \x1b[32mpostfix/smtpd\x1b[0m[1234]: {SAID}\x1b[0m",
    "journalctl, colours": f"Nov 20 10:00:01 mx1 {TAG}: \x1b[0;1;38;5;185m{SAID}\x1b[0m",
    "a list of YAML": f"  - '{PLAIN}'",
    "a table": f"| {PLAIN} |",
    "Vector in CRI": "2026-11-20T10:00:01.123456789Z stdout F "
    + json.dumps({"appname": "postfix/smtpd", "hostname": "mx1", "message": SAID, "procid": 1234, "timestamp": "2026-11-20T10:00:01Z"}),
    "Vector in Docker": json.dumps({"log": json.dumps({"appname": "postfix/smtpd", "hostname": "mx1", "message": SAID, "timestamp": "2026-11-20T10:00:01Z"}) + "\n", "stream": "stdout", "time": "2026-11-20T10:00:01.123456789Z"}),
    "tabs": PLAIN.replace(" mx1 ", "\tmx1\t"),
    "blanks of a web page": PLAIN.replace(" ", "\xa0", 3),
    "Finnish": PLAIN.replace("Nov", "marras"),
    "macOS": f"2026-11-20 10:00:01.123456+0000 0x1a2b3    Default     0x0                  1234   0    smtpd: {SAID}",
    "macOS, syslog": f"2026-11-20 10:00:01.123456+0000  localhost smtpd[1234]: {SAID}",
    "Graylog": f'"timestamp","source","message"\n"2026-11-20T10:00:01.000Z","mx1","{TAG}: {SAID}"',
    "Graylog, host": f'"timestamp","source","message"\n"2026-11-20T10:00:01.000Z","mx1","mx1 {TAG}: {SAID}"',
    "Graylog, tag apart": f'"timestamp","source","application_name","message"\n"2026-11-20T10:00:01.000Z","mx1","postfix/smtpd","{SAID}"',
    "Splunk CSV": f'"_raw","_time",host,source\n"{PLAIN}","2026-11-20T10:00:01.000+0000",mx1,"/var/log/maillog"',
    "Splunk JSON": json.dumps({"preview": False, "result": {"_raw": PLAIN, "_time": "2026-11-20 10:00:01.000 UTC"}}),
    "aws logs, JSON": json.dumps({"events": [{"logStreamName": "i-0abc", "timestamp": 5, "message": PLAIN}]}, indent=4),
    "Vector": json.dumps({"appname": "postfix/smtpd", "hostname": "mx1", "message": SAID, "procid": 1234, "timestamp": "2026-11-20T10:00:01Z"}),
    "Fluent Bit": json.dumps({"time": "2026-11-20T10:00:01Z", "host": "mx1", "ident": "postfix/smtpd", "pid": "1234", "message": SAID}),
    "Fluentd": "2026-11-20T10:00:01+00:00\tsyslog.mail.warn\t" + json.dumps({"host": "mx1", "ident": "postfix/smtpd", "pid": "1234", "message": SAID}),
    "Filebeat": json.dumps({"@timestamp": "2026-11-20T10:00:01.000Z", "host": {"hostname": "mx1"}, "process": {"name": "postfix/smtpd", "pid": 1234}, "message": SAID}),
    "Logstash": json.dumps({"@timestamp": "2026-11-20T10:00:01.000Z", "program": "postfix/smtpd", "pid": "1234", "logsource": "mx1", "message": SAID}),
    "rsyslog, tag": json.dumps({"@timestamp": "2026-11-20T10:00:01+00:00", "host": "mx1", "tag": f"{TAG}:", "message": f" {SAID}"}),
    "rsyslog, syslogtag": json.dumps({"timereported": "2026-11-20T10:00:01+00:00", "hostname": "mx1", "syslogtag": f"{TAG}:", "programname": "postfix", "msg": f" {SAID}"}),
}  # fmt: skip


@pytest.mark.parametrize("text", SHOWN.values(), ids=list(SHOWN))
def test_what_exports_and_people_put_around_a_line_comes_off(tmp_path: Path, text: str) -> None:
    events = told(tmp_path / "mail.log", text + "\n")

    assert brief(events) == [FAILED]
    assert f"{events['time'][0]:%m-%d %H:%M:%S}" == "11-20 10:00:01"
    assert json.dumps(events["raw"][0])[1:-1].split("{")[0] in json.dumps(text)


def test_no_field_of_a_shipper_makes_a_line(tmp_path: Path) -> None:
    record = {"appname": "sshd", "hostname": "mx1", "procid": 1, "timestamp": "2026-11-20T10:00:01Z"}
    texts = (f"x\n{PLAIN}", PLAIN, f"{TAG}: {SAID}")
    text = "\n".join(json.dumps({**record, "message": text}) for text in texts[::2])
    assert told(tmp_path / "mail.json", text + "\n").is_empty()
    text = json.dumps({**record, "appname": "postfix/smtpd", "message": f"connect from x\n{PLAIN}"})
    assert told(tmp_path / "mail.json", text + "\n").is_empty()


def test_no_request_to_a_web_server_is_a_line_of_a_log(tmp_path: Path) -> None:
    text = "".join(f'203.0.113.{n} - - [20/Nov/2026:10:00:01 +0000] "GET /{PLAIN} HTTP/1.1" 404 0\n' for n in range(3))
    assert told(tmp_path / "access.log", text).is_empty()


@pytest.mark.parametrize(
    "before",
    [
        "Fri 2026-11-20 10:00:01 UTC mx1 exim[1234]:", "Fri 2026-11-20 10:00:01 UTC mx1 exim4.service[1234]:",
        "1795168801.123456 mx1 exim[1234]:", "Nov 20 10:00:01 mx1 exim[1234]:",
    ],
)  # fmt: skip
def test_exim_through_the_journal(tmp_path: Path, before: str) -> None:
    said = "2026-11-20 10:00:01 login authenticator failed for (pc-7) [203.0.113.9]: 535 Incorrect authentication data (set_id=ann)"
    events = told(tmp_path / "journal.txt", f"{before} {said}\n")
    assert events.select("outcome", "user", "client_ip").rows() == [("failure", "ann", "203.0.113.9")]


def test_seconds_since_the_start_of_a_host_are_no_time(tmp_path: Path) -> None:
    for before in ("[ 1234.567890]", "[ 1234.567890                ]"):
        text = f"{before} mx1 {TAG}: {SAID}\n[ 1236.567890 <    2.000000 >] mx1 {TAG}: {OVER}\n"
        events = told(tmp_path / "mail.log", text)
        assert brief(events) == [FAILED]
        assert events["time_quality"].to_list() == ["none"]


def test_two_things_around_a_line_come_off_both(tmp_path: Path) -> None:
    line = LOGIN.replace("<", "&lt;").replace(">", "&gt;")
    events = told(tmp_path / "mail.log", f"> /var/log/mail.log:Nov 20 10:00:01 mx1 dovecot: {line}\n")
    assert events.select("outcome", "cause", "user", "client_ip").rows() == [
        ("failure", "bad_credentials", "alice@example.com", "203.0.113.9")
    ]


HALVES = (
    f"Nov 20 10:00:01 mx1 {TAG}: warning: unknown[203.0.113.9]:",
    "SASL LOGIN authentication failed: UGFzc3dvcmQ6",
    f"Nov 20 10:00:02 mx1 {TAG}: disconnect from",
    "unknown[203.0.113.9] ehlo=1 auth=0/1 rset=1 quit=1 commands=3/4",
)
BROKEN = {
    "as it is": "\n".join(HALVES),
    "quoted": "\n".join(f"> {line}" for line in HALVES),
    "quoted twice": "\n".join(f">> {line}" for line in HALVES),
    "indented": "\n".join((HALVES[0], f"    {HALVES[1]}", HALVES[2], f"    {HALVES[3]}")),
    "flowed": "\n".join((f"{HALVES[0]} ", *HALVES[1:])),
    "in a mail": "\n".join(("Hello,", "", "since yesterday this stands in my log and I do not know what to do:", "", *HALVES, "", "Regards,", "Ann")),
    "in a quoted mail, indented": "\n".join(f"> {line}" for line in ("My log says:", "", *(f"  {half}" for half in HALVES), "", "What is it?")) + "\n\nSomebody guesses.",
    "a terminal of 80": f"{PLAIN}, sasl_username=alice@example.com"[:80] + "\n" + f"{PLAIN}, sasl_username=alice@example.com"[80:],
}  # fmt: skip


@pytest.mark.parametrize("text", BROKEN.values(), ids=list(BROKEN))
def test_lines_broken_in_two_are_joined(tmp_path: Path, text: str) -> None:
    assert brief(told(tmp_path / "mail.log", text + "\n")) == [FAILED]
    (tmp_path / "other.log").write_text(f"{PLAIN}\n")  # and where small files share a batch
    both = sl.read([tmp_path / "mail.log", tmp_path / "other.log"], year=2026).filter(pl.col("outcome") == "failure")
    assert both.height == 2


def test_a_broken_line_of_dovecot_and_one_of_exim(tmp_path: Path) -> None:
    dovecot = (
        "Nov 20 10:00:01 mx1 dovecot: submission-login: Disconnected: Connection\n"
        "closed (auth failed, 1 attempts in 2 secs): user=<alice@example.com>,\n"
        "method=PLAIN, rip=203.0.113.9, lip=192.0.2.25, TLS, session=<AAAA>\n"
    )
    exim = (
        "2026-11-20 10:00:01 dovecot_login authenticator failed for (ADMIN)\n[203.0.113.9]:51234: 535 Incorrect authentication data\n"
        "(set_id=alice@example.com)\n2026-11-20 10:00:05 no MAIL in SMTP connection from (ADMIN)\n[203.0.113.9]:51234 D=4s C=EHLO,AUTH,QUIT\n"
    )
    for text, mechanism in ((dovecot, "PLAIN"), (exim, "LOGIN")):
        events = told(tmp_path / "mail.log", text)
        assert events.select("outcome", "user", "client_ip", "mechanism").rows() == [
            ("failure", "alice@example.com", "203.0.113.9", mechanism)
        ]


def test_words_below_a_whole_line_are_not_of_it(tmp_path: Path) -> None:
    text = f"{PLAIN}\nCan anybody tell me what that is? I have no user of that name on my server.\n"
    assert brief(told(tmp_path / "mail.log", text)) == [FAILED]
    assert unwrapping.detect(text.split("\n")) is None


def test_a_line_without_a_stamp_is_no_rest_of_a_whole_one(tmp_path: Path) -> None:
    before = f"2026-11-20T10:00:00Z mx1 {TAG}: connect from unknown[203.0.113.9]"
    assert unwrapping.detect([before, "authentication failed AUTH PLAIN c2VjcmV0", before]) is None


TRANSCRIPT = (
    "220 relay.example.org ESMTP", "EHLO pc", "250-relay.example.org", "250 AUTH PLAIN LOGIN", "AUTH PLAIN AGFubgBzM2NyZXQ=",
    "535 5.7.8 Error: authentication failed", "QUIT", "221 Bye",
)  # fmt: skip
SWAKS = tuple(f"{'<- ' if line[0] in '25' else ' ->'} {line}" for line in TRANSCRIPT)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"> {line}" for line in TRANSCRIPT),
        "\n".join(f">> {line}" for line in TRANSCRIPT),
        "\n".join(f"> > {line}" for line in SWAKS),
        "\n".join(line.replace("<", "&lt;").replace(">", "&gt;") for line in SWAKS),
    ],
    ids=["quoted", "quoted twice", "swaks quoted twice", "swaks escaped"],
)
def test_a_quoted_transcript(tmp_path: Path, text: str) -> None:
    """All lines of a quotation were words of the client to curl, and a refusal was a login given up."""
    events = told(tmp_path / "session.txt", text)
    assert events.select("outcome", "cause", "user", "side").rows() == [("failure", "bad_credentials", "ann", "client")]
    assert "s3cret" not in str(events.rows())
    assert "AGFubgBzM2NyZXQ=" not in str(events.rows())
    rows = sl.explain(text).select("verdict", "outcome", "cause").rows()
    assert rows[0] == ("diagnosis", "failure", "bad_credentials")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "smtplib.SMTPAuthenticationError: (535, b'5.7.8 Username and Password not accepted')",
            ("auth", "failure", "bad_credentials", None),
        ),
        (
            "javax.mail.AuthenticationFailedException: 535 5.7.3 Authentication unsuccessful",
            ("auth", "failure", "bad_credentials", None),
        ),
        (
            'Failed to authenticate on SMTP server with username "x" using the following authenticators: "LOGIN".',
            ("auth", "failure", "bad_credentials", "x"),
        ),
        (
            "com.sun.mail.smtp.SMTPSendFailedException: 530 5.7.0 Authentication Required",
            ("mail", "refused", "auth_required", None),
        ),
    ],
)
def test_what_applications_write_of_a_refusal(tmp_path: Path, line: str, expected: tuple[str | None, ...]) -> None:
    assert told(tmp_path / "app.log", line + "\n").select("stage", "outcome", "cause", "user").rows() == [expected]


def test_a_broken_line_is_explained_as_one() -> None:
    rows = sl.explain("\n".join(HALVES[:2] + HALVES[2:]))
    assert ("taken", "failure", "bad_credentials") in rows.select("verdict", "outcome", "cause").rows()
    assert "not understood" not in rows["verdict"].to_list()
