"""Logs as people post and export them, each to its exact attempts: what a third examiner of the field found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl
from smtplogs.unwrapping import detect

if TYPE_CHECKING:
    from pathlib import Path

IP = "203.0.113.9"
TAG = "mx1 postfix/smtpd[2101]:"
BARE = f"warning: unknown[{IP}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"
OPENED, CLOSED = f"connect from unknown[{IP}]", f"disconnect from unknown[{IP}] ehlo=1 auth=0/1 quit=1 commands=2/3"
SESSION = (OPENED, BARE, CLOSED)
FAILED = ("failure", "bad_credentials", IP)


def told(folder: Path, text: str, *columns: str, name: str = "mail.log") -> list[tuple[object, ...]]:
    log = folder / name
    log.write_text(text)
    found = sl.read(log, year=2026).filter((pl.col("outcome") != "info") & (pl.col("stage") != "mail"))
    return found.select(pl.col(c).cast(pl.String) for c in columns).rows()


def under(head: str) -> str:
    """Write a session under a head, in which S is its second."""
    return "".join(head.replace("S", str(second)) + f"{text}\n" for second, text in enumerate(SESSION))


SHOUTED = "\x1b[36mpostfix-1  | \x1b[0m2026-11-26T10:00:0{}.123456+00:00 {}postfix/smtpd[354]: {}\n"
VALUES = [[f"179516880{n}000000000", f"Nov 26 10:00:0{n} {TAG} {text}"] for n, text in enumerate(SESSION)]
POST = "Hello,\n\nsince the update nothing works.\nI restarted it.\nI read the manual.\nThe log:\n\n{}\nWhat is it?\n\nThanks,\nAnn\n--\nAnn Lee\n"
HEADED = {
    "a forum, its tag before the first line and behind the last": f"[code]{under(f'Nov 26 10:00:0S {TAG} ')}".rstrip() + "[/code]\n",
    "a German date": under(f"26.11.2026 10:00:0S {TAG} "),
    "an American date": under(f"11/26/2026 10:00:0S AM {TAG} "),
    "an American date, 24 hours": under(f"11/26/2026 10:00:0S {TAG} "),
    "a day of the week in German": under(f"Do 2026-11-26 10:00:0S UTC {TAG} "),
    "in French": under(f"jeu. 2026-11-26 10:00:0S UTC {TAG} "),
    "in Turkish": under(f"Per 2026-11-26 10:00:0S UTC {TAG} "),
    "in Japanese": under(f"木 2026-11-26 10:00:0S UTC {TAG} "),
    "syslog-ng, level before the host": under(f"[2026-11-26T10:00:0S+00:00] mail.warning {TAG} "),
    "a container that names no host, in colours": "".join(
        SHOUTED.format(n, level, text) for n, (level, text) in enumerate(zip(("INFO    ", "WARNING ", "INFO    "), SESSION, strict=True))
    ),
    "Azure": '"TimeGenerated [UTC]",Computer,Facility,ProcessName,ProcessID,SyslogMessage\n'
    + "".join(f'"11/26/2026, 10:00:0{n}.123 AM",mx1,mail,"postfix/smtpd",2101,"{text}"\n' for n, text in enumerate(SESSION)),
    "Kibana": '"@timestamp","host.name","process.name","process.pid",message\n'
    + "".join(f'"Nov 26, 2026 @ 10:00:0{n}.123",mx1,"postfix/smtpd",2101,"{text}"\n' for n, text in enumerate(SESSION)),
    "Loki's answer": json.dumps({"status": "success", "data": {"resultType": "streams", "result": [{"values": VALUES}]}}),
    "Loki's answer, indented": json.dumps({"data": {"resultType": "streams", "result": [{"values": VALUES}]}}, indent=1),
    "Elasticsearch's answer, which has each line twice": json.dumps(
        {"took": 3, "hits": {"hits": [{"_source": {"message": line, "event": {"original": line}}} for _, line in VALUES]}}
    ),
    "elasticdump": "".join(json.dumps({"_index": "x", "_source": {"message": line}}) + "\n" for _, line in VALUES),
    "Papertrail's archive": "".join(
        f"10{n}\t2026-11-26T10:00:0{n}\t2026-11-26T10:00:0{n}Z\t1\tmx1\t192.0.2.1\tMail\tNotice\tpostfix/smtpd\t{text}\n"
        for n, text in enumerate(SESSION)
    ),
    "Plesk's log browser": "".join(
        f"2026-11-26 10:00:0{n}\tINFO\tpostfix/smtpd [2101]\t{text}\n" for n, text in enumerate(SESSION)
    ),
    "fail2ban-regex": "Results\n=======\n\nFailregex: 0 total\n\nLines: 3 lines, 0 ignored, 0 matched, 3 missed\n|- Missed line(s):\n"
    + under(f"|  Nov 26 10:00:0S {TAG} ") + "`-\n",
    "a few lines, indented, in a long post": POST.format(under(f"    Nov 26 10:00:0S {TAG} ")),
    "the same with a German date": POST.format(under(f"26.11.2026 10:00:0S {TAG} ")),
    "two files that tail shows": f"==> mail.log <==\n{under(f'Nov 26 10:00:0S {TAG} ')}\n==> mail.warn <==\nNov 26 10:00:01 {TAG} {BARE}\n",
    "two files in which grep found it": "".join(f"/var/log/{f}:Nov 26 10:00:01 {TAG} {BARE}\n" for f in ("mail.log", "mail.warn")),
}  # fmt: skip


@pytest.mark.parametrize("text", HEADED.values(), ids=HEADED)
def test_a_session_is_one_attempt_at_its_time_whatever_stands_around_its_lines(text: str, tmp_path: Path) -> None:
    rows = told(tmp_path, text, "outcome", "cause", "client_ip", "time", "count")

    assert [(*row[:3], row[3][:19], row[4]) for row in rows] == [(*FAILED, "2026-11-26 10:00:01", "1")]  # type: ignore[index]


def test_lines_without_a_stamp_in_a_long_post(tmp_path: Path) -> None:
    rows = told(tmp_path, POST.format(under(f"{TAG} ")), "outcome", "cause", "client_ip", "time")

    assert rows == [(*FAILED, None)]


def test_the_header_of_a_mail_in_a_log_makes_no_line(tmp_path: Path) -> None:
    text = (
        "2026-11-26 10:00:06 1tFxyz-000000001ab-2abc H=(pc) [203.0.113.11] F=<a@example.net> rejected after DATA: spam\n"
        f"Envelope-from: <a@example.net>\nT To: ann@example.com\n  Subject: a\n\t[code]Nov 26 10:00:01 {TAG} {BARE}\n[code]Nov 26 10:00:01 {TAG} {BARE}\n    Nov 26 10:00:01 {TAG} {BARE}\n"
    )

    assert told(tmp_path, text, "stage", name="rejectlog") == []


def test_no_other_field_of_an_answer_is_a_line(tmp_path: Path) -> None:
    forged = f'x"Nov 26 10:00:03 {TAG} {BARE}"'
    text = json.dumps(
        {
            "took": 3,
            "hits": {
                "hits": [{"_source": {"message": line, "agent": forged, "host": forged[2:-1]}} for _, line in VALUES]
            },
        }
    )

    assert len(told(tmp_path, text, "time")) == 1


def test_counts_of_uniq_are_counts(tmp_path: Path) -> None:
    """Two lines were two attempts."""
    other = "warning: unknown[203.0.113.10]: SASL PLAIN authentication failed: (reason unavailable), sasl_username=ann@example.com"
    bare = told(tmp_path, f"   1044 {BARE}\n     12 {other}\n", "client_ip", "user", "count")
    dated = told(
        tmp_path, f"      3 Nov 26 10:00:01 {TAG} {BARE}\n      1 Nov 26 10:00:09 {TAG} {other}\n", "user", "count"
    )

    assert bare == [(IP, None, "1044"), ("203.0.113.10", "ann@example.com", "12")]
    assert dated == [(None, "3"), ("ann@example.com", "1")]


def test_numbers_of_lines_are_no_counts(tmp_path: Path) -> None:
    for numbers in ((3, 4, 5), (3, 5, 9)):
        lines = "".join(f"      {n} Nov 26 10:00:0{n} {TAG} {BARE}\n" for n in numbers)

        assert told(tmp_path, lines, "count") == [("1",)] * 3


def test_a_date_of_numbers_that_proves_no_order_is_not_read(tmp_path: Path) -> None:
    assert told(tmp_path, under(f"03/04/2026 10:00:0S {TAG} "), "time") == []


@pytest.mark.parametrize(
    "text",
    [
        "[2026-11-26 10:00:00] production.INFO: [code] was sent\n" * 3,
        "time,program,message\n2026-11-26T10:00:01Z,sshd,Failed password for root from 203.0.113.9 port 4000 ssh2\n",
        " ################### Logwatch 7.5.6 ####################\n        3   SASL authentication failed\n        2   connections\n"
        f"        3      LOGIN: {IP} unknown: UGFzc3dvcmQ6\n",
        "      3 Nov 26 10:00:01 mx1 sshd[4]: Failed password for root from 203.0.113.9 port 4000 ssh2\n      7 Nov 26 10:00:02 mx1 cron[4]: x\n",
        "2026-11-26 10:00:01 INFO web: authentication failed: 5355 tries\n" * 3,
    ],
)
def test_text_of_others_gives_nothing(text: str, tmp_path: Path) -> None:
    assert told(tmp_path, text, "stage") == []


def test_a_column_of_another_program_is_no_line_of_ours(tmp_path: Path) -> None:
    text = f'time,host,program,message\n2026-11-26T10:00:01Z,mx1,bash,"{BARE}"\n2026-11-26T10:00:02Z,mx1,postfix/smtpd,"{BARE}"\n'

    assert told(tmp_path, text, "time", name="export.csv") == [("2026-11-26 10:00:02.000000+00:00",)]


def test_an_ordinary_log_is_in_no_wrapper() -> None:
    """Whoever takes one for posted, counted or dated would pay for it line by line."""
    assert detect(under(f"Nov 26 10:00:0S {TAG} ").splitlines()) is None
    assert detect(under(f"Thu 2026-11-26 10:00:0S UTC {TAG} ").splitlines()) is None


@pytest.mark.parametrize(
    "first",
    [
        "time,program,mess\rage,message",
        "time,program,message," + ",".join("abc" * 90),
        'time;program;"message',
        "\ufefftime\tprogram\tmessage",
    ],
)
def test_any_first_line_of_columns_can_be_looked_at(first: str) -> None:
    detect([first, "2026-11-26T10:00:01Z,x,y"])


# sessions among words

BLOB = "AGFubkBleGFtcGxlLmNvbQBzM2NyZXQ="
SESSIONS = {
    "swaks": f"=== Connected to relay.example.org.\n<-  220 relay.example.org ESMTP\n -> EHLO pc\n<-  250-relay.example.org\n<-  250 AUTH PLAIN\n -> AUTH PLAIN {BLOB}\n"
    "<** 535 5.7.8 Error: authentication failed\n*** No authentication type succeeded\n",
    "curl": f"* Connected to relay.example.org (198.51.100.25) port 587 (#0)\n< 220 relay.example.org ESMTP\n> EHLO pc\n< 250 AUTH PLAIN\n> AUTH PLAIN {BLOB}\n"
    "< 535 5.7.8 Error: authentication failed\ncurl: (67) Login denied\n",
    "smtplib": f"send: 'ehlo pc\\r\\n'\nreply: b'250 AUTH PLAIN\\r\\n'\nreply: retcode (250); Msg: b'AUTH PLAIN'\nsend: 'AUTH PLAIN {BLOB}\\r\\n'\n"
    "reply: b'535 5.7.8 Error: authentication failed\\r\\n'\nreply: retcode (535); Msg: b'5.7.8 Error: authentication failed'\n"
    "Traceback (most recent call last):\nsmtplib.SMTPAuthenticationError: (535, b'5.7.8 Error: authentication failed')\n",
}  # fmt: skip
FRAMES = (
    ("swaks", "    "),
    ("swaks", "[code]{}[/code]\n"),
    ("curl", "> "),
    ("curl", "```\n{}```\n"),
    ("smtplib", "    "),
)


@pytest.mark.parametrize(("kind", "frame"), FRAMES)
def test_a_session_shown_in_a_post(kind: str, frame: str, tmp_path: Path) -> None:
    """Indented as Markdown has it, nothing of a session was read."""
    said = SESSIONS[kind]
    text = frame.format(said) if "{" in frame else "".join(f"{frame}{line}\n" for line in said.splitlines())
    post = f"My shop gets an error.\n\nThis is what I tried:\n\n{text}\nThunderbird works with the same password.\n"

    assert told(tmp_path, post, "user", "outcome", "cause") == [("ann@example.com", "failure", "bad_credentials")]


LINES = (
    ("    ", f"2026-11-26 10:00:01 plain authenticator failed for (pc) [{IP}]:51234: 535 Incorrect authentication data (set_id=ann)"),
    ("> ", f"2026-11-26 10:00:01 plain authenticator failed for (pc) [{IP}]:51234: 535 Incorrect authentication data (set_id=ann)"),
    (
        "    ",
        "Nov 26 10:00:01 host=relay.example.org tls=on auth=on user=ann from=a@example.com recipients=b@example.org smtpstatus=535 "
        "smtpmsg='535 5.7.8 Error: authentication failed' errormsg='authentication failed (method PLAIN)' exitcode=EX_NOPERM",
    ),
    ("* ", f"Nov 26 10:00:01 auth: Info: passwd-file(ann,{IP}): Password mismatch"),
)  # fmt: skip


@pytest.mark.parametrize(("sign", "line"), LINES)
def test_a_line_without_host_and_tag_in_a_post(sign: str, line: str, tmp_path: Path) -> None:
    assert told(tmp_path, POST.format(f"{sign}{line}\n"), "user", "cause") == [("ann", "bad_credentials")]


def test_lines_that_end_as_those_of_a_web_page(tmp_path: Path) -> None:
    said = SESSIONS["swaks"].replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>\n")

    assert told(tmp_path, said, "user", "cause") == [("ann@example.com", "bad_credentials")]


# applications

SAID = "535 5.7.8 Error: authentication failed"
AT = "2026-11-26 10:00:0"
SYMFONY = (
    'Failed to authenticate on SMTP server with username "ann@example.com" using the following authenticators: "LOGIN". '
    f'Authenticator "LOGIN" returned "Expected response code "235" but got code "535", with message "{SAID}".".'
)
APPLICATIONS = {
    "Sidekiq, which writes of an error twice within an instant": (
        f'2026-11-26T10:00:01.123Z pid=7 tid=abc WARN: {{"error_message":"{SAID}","error_class":"Net::SMTPAuthenticationError"}}\n'
        f"2026-11-26T10:00:01.124Z pid=7 tid=abc WARN: Net::SMTPAuthenticationError: {SAID}\n",
        [("failure", "bad_credentials")],
    ),
    "the same a second later": (
        f"2026-11-26T10:00:01.123Z pid=7 tid=abc WARN: Net::SMTPAuthenticationError: {SAID}\n"
        f"2026-11-26T10:00:02.124Z pid=7 tid=abc WARN: Net::SMTPAuthenticationError: {SAID}\n",
        [("failure", "bad_credentials")] * 2,
    ),
    "Mattermost": (
        f'{{"timestamp":"{AT}1.123 Z","level":"error","msg":"Failed to send","error":"unable to connect: authentication failed: {SAID}"}}\n',
        [("failure", "bad_credentials")],
    ),
    "Go's net/smtp, which sends no password in clear": (
        'ts=2026-11-26T10:00:01.123Z level=error msg="Notify for alerts failed" err="mail/email[0]: notify retry canceled due to '
        'unrecoverable error after 1 attempts: *smtp.plainAuth auth: unencrypted connection"\n',
        [("refused", "tls_required")],
    ),
    "PowerShell: what Microsoft quotes within its refusal": (
        "Send-MailMessage : The SMTP server requires a secure connection or the client was not authenticated. The server response was: "
        "5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is "
        "disabled for the Tenant.\n",
        [("failure", "auth_disabled_by_policy")],
    ),
    "nodemailer's error as an object": (
        f"2026-11-26T10:00:01.000Z error: mail {{\n  code: 'EAUTH',\n  response: '{SAID}',\n  responseCode: 535\n}}\n",
        [("failure", "bad_credentials")],
    ),
    "Elixir": (
        f'{AT}1.000 [error] Error sending mail: {{:permanent_failure, "relay.example.org", :auth_failed}}\n',
        [("failure", "bad_credentials")],
    ),
    "Magento": (
        f"[{AT}1] main.CRITICAL: Laminas\\Mail\\Protocol\\Exception\\RuntimeException: {SAID[4:]}: UGFzc3dvcmQ6 in /srv/a.php:320\n",
        [("failure", "bad_credentials")],
    ),
    "Authelia, whose lines look like CrowdSec's": (
        'time="2026-11-26T10:00:01Z" level=error msg="Error occurred" error="error dialing the SMTP server: dial failed: SMTP AUTH failed: '
        f'{SAID}"\n',
        [("failure", "bad_credentials")],
    ),
    "Celery, as Python shows an exception": (
        f"[{AT}1,123: ERROR/Worker-1] Task mail.send[ab] raised unexpected: SMTPAuthenticationError(535, b'{SAID[4:]}')\n",
        [("failure", "bad_credentials")],
    ),
    "Home Assistant": (
        f"{AT}1.123 ERROR (SyncWorker_3) [homeassistant.components.smtp.notify] Login not possible. Please check your setting and/or "
        "your credentials\n",
        [("failure", "bad_credentials")],
    ),
    "Monit": (f"[2026-11-26T10:00:01+0000] error    : Mail: Sendmail error: {SAID}\n", [("failure", "bad_credentials")]),
    "Twisted": (f"{AT}1,123 - WARNING - twisted.mail._except.AUTHDeclinedError: {SAID}\n", [("failure", "bad_credentials")]),
    "ntfy": (f'{{"time":"2026-11-26T10:00:01Z","message":"Unable to send","error":"{SAID}"}}\n', [("failure", "bad_credentials")]),
    "CodeIgniter": (
        f"<br /><pre>hello: 250-relay.example.org\n250 AUTH LOGIN\n</pre>Failed to authenticate password. Error: {SAID}\n<br />Unable to send\n",
        [("failure", "bad_credentials")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), APPLICATIONS.values(), ids=APPLICATIONS)
def test_what_an_application_quotes_is_an_attempt(text: str, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(text)
    found = sl.read(log).filter(pl.col("outcome") != "info")

    assert found.select(pl.col("outcome", "cause").cast(pl.String)).rows() == expected


@pytest.mark.parametrize("bracket", ["[{}]", "{}"])
def test_an_application_that_speaks_of_logins_after_hundreds_of_lines(bracket: str, tmp_path: Path) -> None:
    """Alone, or beside a log that is read with it."""
    quiet = "".join(
        bracket.format(f"2026-11-26 0{n // 60}:{n % 60:02}:00") + " production.INFO: job done\n" for n in range(450)
    )
    log = tmp_path / "laravel.log"
    log.write_text(quiet + bracket.format(f"{AT}1") + f" production.ERROR: {SYMFONY}\n")
    (tmp_path / "mail.log").write_text(f"Nov 26 10:00:01 {TAG} {BARE}\n")

    for paths in (log, tmp_path):
        found = sl.read(paths, year=2026).filter((pl.col("outcome") != "info") & (pl.col("format") == "application"))
        assert found.select("user", pl.col("cause").cast(pl.String)).rows() == [("ann@example.com", "bad_credentials")]


def test_milliseconds_since_1970_are_the_time_of_an_entry(tmp_path: Path) -> None:
    text = (
        json.dumps({"level": 50, "time": 1795687201123, "err": {"message": f"Invalid login: {SAID}", "response": SAID}})
        + "\n"
    )

    assert told(tmp_path, text, "time", name="app.log") == [("2026-11-26 10:00:01.123000+00:00",)]


def test_entries_without_a_stamp_that_docker_tells_apart(tmp_path: Path) -> None:
    """They were one entry, and one attempt."""
    entry = (
        "ERROR could not send",
        "Traceback (most recent call last):",
        f"smtplib.SMTPAuthenticationError: (535, b'{SAID[4:]}')",
    )
    lines = [(f"2026-11-26T10:0{n}:00.{i}23456789Z", text) for n in (0, 5) for i, text in enumerate((*entry, entry[2]))]
    text = "".join(json.dumps({"log": f"{line}\n", "stream": "stderr", "time": at}) + "\n" for at, line in lines)
    rows = told(tmp_path, text, "time", "cause", name="x-json.log")

    assert [(row[0][11:16], row[1]) for row in rows] == [("10:00", "bad_credentials"), ("10:05", "bad_credentials")]  # type: ignore[index]


# saslauthd


def test_saslauthd_names_who_failed_at_sendmail(tmp_path: Path) -> None:
    """Sendmail names nobody before 8.16."""
    refused = "AUTH failure (LOGIN): authentication failure (-13) SASL(-13): authentication failure: checkpass failed"
    text = "".join(
        f"Nov 26 10:0{n}:12 mx1 saslauthd[501]:                 : auth failure: [user={user}] [service=smtp] [realm=] [mech=pam] "
        f"[reason={reason}]\nNov 26 10:0{n}:12 mx1 sm-mta[331{n}]: 5AQA0C00331{n}: {refused}{said}, relay=pc.example.net [{IP}]\n"
        for n, (user, reason, said) in enumerate(
            (("bob", "PAM auth error", ""), ("ann", "PAM acct error", ", user=ann"))
        )
    )

    assert told(tmp_path, text, "user", "cause") == [("bob", "bad_credentials"), ("ann", "account_disabled")]


def test_a_realm_before_an_alert_of_the_remote_server(tmp_path: Path) -> None:
    text = (
        f"Nov 26 10:00:00 {TAG} {OPENED}\nNov 26 10:00:01 mx1 saslauthd[501]: do_auth         : auth failure: [user=ann] [service=smtp] "
        "[realm=example.com] [mech=rimap] [reason=[ALERT] Couldn't contact remote authentication server]\n"
        f"Nov 26 10:00:01 {TAG} warning: unknown[{IP}]: SASL PLAIN authentication failed: authentication failure\n"
    )

    assert told(tmp_path, text, "user", "cause") == [("ann@example.com", "backend_unavailable")]
