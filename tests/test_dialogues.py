"""Dialogues and tables: excerpts, samples and public cases, each to its exact events; batches; verdicts; secrets."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from rich.console import Console

import smtplogs as sl
from planted import b64
from public_cases import differences
from smtplogs import declaring, documents, parsing, recognising, stamps, whole_files
from smtplogs._report.triage import triage_text
from smtplogs.logformats import ALL, DIALOGUES, TABLES, Dialogue, Excerpt, Table, Turn
from smtplogs.schema import EVENTS

CASES = Path(__file__).parent / "cases" / "relay-dialogues.jsonl"
SAMPLES = Path(__file__).parent.parent / "sample_logs"
BESIDE = {
    "time", "time_quality", "host", "program", "service", "pid", "format", "source", "line_no", "raw", "also",
    "session", "redacted",
}  # fmt: skip
DEFAULTS = {"count": 1, "protocol": "smtp"}
WHOLE = [(f, e) for f in (*DIALOGUES, *TABLES) for e in f.samples]
LINES = {*(f.name for f in ALL), "bans"}
"""Folders of formats whose lines stand under an envelope; `bans` holds three of them."""
WHOLE_IDS = [f"{f.name}-{i}" for f in (*DIALOGUES, *TABLES) for i, _ in enumerate(f.samples)]
FOLDERS = sorted(p.parent for p in SAMPLES.rglob("ORIGIN.md"))


def said(row: dict[str, Any]) -> dict[str, Any]:
    """What an event says beyond its place and the defaults."""
    return {k: v for k, v in row.items() if v is not None and k in EVENTS and k not in BESIDE and DEFAULTS.get(k) != v}


def lines_of(text: str) -> pl.DataFrame:
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return pl.DataFrame({"line_no": range(1, len(lines) + 1), "line": lines}, schema=parsing.LINES)


def format_named(name: str) -> Dialogue | Table:
    return next(f for f in (*DIALOGUES, *TABLES) if f.name == name)


def events_of(text: str, name: str | None = None) -> list[dict[str, Any]]:
    """Events of a text, which must be recognised unless its format is named."""
    format_ = format_named(name) if name else recognising.recognise(text.split("\n")).format
    assert format_ is not None
    return declaring.events_of(format_, text).to_dicts()


def telnet(*lines: str) -> list[dict[str, Any]]:
    return events_of("\n".join(("220 mail.example.com ESMTP", *lines)), "telnet")


def swaks(*lines: str) -> list[dict[str, Any]]:
    return events_of("\n".join(("=== Trying mail.example.com:587...", "<-  220 hi", *lines)), "swaks")


# --- excerpts, samples, cases ---


@pytest.mark.parametrize(("format_", "excerpt"), WHOLE, ids=WHOLE_IDS)
def test_an_excerpt_gives_exactly_its_events(format_: Dialogue | Table, excerpt: Excerpt) -> None:
    events = declaring.events_of(format_, excerpt.text)

    expected = [{k: v for k, v in e.items() if k not in BESIDE} for e in excerpt.expect]
    assert [said(row) for row in events.to_dicts()] == expected


@pytest.mark.parametrize(("format_", "excerpt"), WHOLE, ids=WHOLE_IDS)
def test_an_excerpt_is_recognised_as_its_own_format_and_no_other(format_: Dialogue | Table, excerpt: Excerpt) -> None:
    assert recognising.recognise(excerpt.text.split("\n")) == (format_, ())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.relative_to(SAMPLES).as_posix())
def test_a_sample_is_recognised_by_its_first_lines(folder: Path) -> None:
    expected = folder.relative_to(SAMPLES).parts[0]
    for path in sl.sample(folder.relative_to(SAMPLES).as_posix()):
        if path.suffix == ".gz":
            continue
        found = recognising.recognise(path.read_bytes().decode("utf-8", "replace").split("\n")[:300])
        lines = expected in {*LINES, "example-relay"}
        assert (found.format.name if found.format else None) == (None if lines else expected), path


@cache
def cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("index", range(len(cases())), ids=[case["id"] for case in cases()])
def test_a_public_case_gives_what_it_must(index: int) -> None:
    case = cases()[index]
    rows = events_of(case["text"])

    assert len(rows) == len(case["expect"])
    for row, expect in zip(rows, case["expect"], strict=True):
        offered = {k: v for k, v in expect.items() if k == "auth_offered"}
        assert {k: row[k] for k in offered} == offered
        assert differences({k: v for k, v in expect.items() if k not in offered}, row) == {}


# --- batches ---


@pytest.mark.parametrize("step", [31, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["exchange/receive", "haraka/protocol", "mdaemon/wrong-password", "swaks/starttls"])
def test_events_do_not_depend_on_where_a_file_is_cut_into_batches(name: str, step: int) -> None:
    lines = lines_of(sl.sample(name)[0].read_bytes().decode("utf-8"))
    format_ = format_named(name.partition("/")[0])

    def events(*cuts: int) -> pl.DataFrame:
        ends = (0, *cuts, lines.height)
        parts = iter([lines[a:b] for a, b in pairwise(ends)])
        found = whole_files.of_lines(parts, format_, stamps.anchor(year=2026), "log")
        return pl.concat(found.every).sort("line_no", "stage", "outcome")

    whole = events()
    batches_of = [range(size, lines.height, size) for size in (1, 2, 3, 5)]
    for cuts in (*batches_of, *((cut,) for cut in range(1, lines.height, step))):
        assert_frame_equal(events(*cuts), whole)


@pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["exchange/receive", "haraka/protocol"])
def test_a_session_goes_from_one_file_into_the_next(name: str, step: int, tmp_path: Path) -> None:
    text = sl.sample(name)[0].read_bytes().decode("utf-8-sig").splitlines()
    shown = [
        "time",
        "stage",
        "outcome",
        "cause",
        "user",
        "mechanism",
        "tls",
        "auth_offered",
        "reply_code",
        "session",
        "raw",
    ]
    whole = sl.read(sl.sample(name))
    for cut in range(6, len(text), step):
        (tmp_path / "b.log").write_text("\n".join(text[:cut]) + "\n")
        (tmp_path / "a.log").write_text("\n".join(text[cut:]) + "\n")
        both = sl.read([tmp_path / "a.log", tmp_path / "b.log"])
        order = ["time", "stage", "outcome"]
        assert_frame_equal(both.select(shown).sort(order), whole.select(shown).sort(order))
        assert both["also"].list.len().fill_null(0).sum() == whole["also"].list.len().fill_null(0).sum()


@pytest.mark.parametrize(("name", "n_header"), [("exchange/receive", 5), ("iis-smtp/smart-host", 1)])
def test_a_log_of_fewer_lines_than_its_header_has_is_recognised(name: str, n_header: int) -> None:
    text = sl.sample(name)[0].read_text("utf-8-sig").splitlines()
    assert [line.startswith("#") for line in text[: n_header + 1]] == [True] * n_header + [False]

    assert recognising.recognise(text[:n_header]) == recognising.Recognised(None)
    assert recognising.recognise(text[: n_header + 1]).format == recognising.recognise(text).format
    assert recognising.recognise([*text[: n_header + 1], *["other words"] * 4]) == recognising.Recognised(None)


def test_traffic_counts_lines_and_mails_a_minute() -> None:
    _, _, traffic = sl.read(sl.sample("exchange/receive"), full=True)

    assert traffic.select("time", "n_lines", "n_messages").rows() == [(datetime(2026, 9, 1, 8, 0, tzinfo=UTC), 62, 1)]


# --- the reducer ---


def test_each_reply_goes_to_its_command_where_commands_are_pipelined() -> None:
    rows = telnet(
        "EHLO pc", "250 PIPELINING", "MAIL FROM:<a@example.com>", "RCPT TO:<b@example.net>", "DATA",
        "250 2.1.0 Ok", "554 5.7.1 <b@example.net>: Relay access denied", "554 5.5.1 Error: no valid recipients",
    )  # fmt: skip

    assert [(r["stage"], r["cause"]) for r in rows][:1] == [("rcpt", "relay_denied")]


def test_offers_are_forgotten_when_tls_begins() -> None:
    rows = swaks(
        " -> EHLO pc", "<-  250-x", "<-  250-STARTTLS", "<-  250 AUTH NTLM", " -> STARTTLS", "<-  220 go",
        "=== TLS started with cipher TLSv1.2:AES:256", " ~> AUTH PLAIN AGEAYg==", "<~* 535 no",
    )  # fmt: skip

    assert [(r["tls"], r["auth_offered"]) for r in rows] == [("TLSv1.2", None)]


@pytest.mark.parametrize(
    ("ehlo", "offered"),
    [
        (["250-x", "250-AUTH PLAIN LOGIN", "250 AUTH=PLAIN LOGIN"], ["PLAIN", "LOGIN", "PLAIN", "LOGIN"]),
        (["250-x", "250 SIZE"], []),
        (["250 x"], []),
    ],
)
def test_the_mechanisms_of_an_ehlo_are_what_is_offered(ehlo: list[str], offered: list[str]) -> None:
    rows = telnet("EHLO pc", *ehlo, "AUTH LOGIN", "503 5.5.1 authentication not enabled")

    assert [r["auth_offered"] for r in rows] == [offered]


def test_a_reply_of_several_lines_is_one() -> None:
    rows = telnet(
        "EHLO pc", "250 x", "AUTH PLAIN AGEAYg==", "535-5.7.8 Username and Password not accepted.", "535 5.7.8 bye"
    )

    assert [(r["line_no"], r["reply_code"], r["cause"]) for r in rows] == [(6, 535, "bad_credentials")]
    assert rows[0]["also"] == ["-:4", "-:5"]


def test_three_mechanisms_in_one_session_are_three_attempts() -> None:
    rows = sl.read(sl.sample("smtplib/three-failures")).filter(pl.col("stage") == "auth")

    assert rows["mechanism"].to_list() == ["CRAM-MD5", "PLAIN", "LOGIN"]
    assert rows["session"].n_unique() == 1
    assert rows["time"].null_count() == rows.height
    assert rows["time_quality"].unique().to_list() == ["none"]


def test_an_exchange_that_breaks_off_is_aborted() -> None:
    (row,) = telnet(
        "EHLO pc", "250 AUTH LOGIN", "AUTH LOGIN", "334 VXNlcm5hbWU6", "YW5u", "Connection closed by foreign host."
    )

    assert (row["outcome"], row["cause"], row["basis"], row["user"]) == ("aborted", "connection_lost", "context", "ann")


@pytest.mark.parametrize(
    ("lines", "causes"),
    [
        ((" -> EHLO pc", "<-  250 AUTH PLAIN", " -> QUIT", "<-  221 bye"), ["mechanism_unsupported"]),
        ((" -> EHLO pc", "<-  250 SIZE 5", " -> QUIT", "<-  221 bye"), ["auth_not_offered"]),
        ((" -> EHLO pc", "<-  250 AUTH PLAIN", " -> MAIL FROM:<a@example.com>", "<-  250 ok", " -> QUIT"), []),
        ((" -> EHLO pc", "<-  250 AUTH PLAIN"), []),
        ((" -> QUIT", "<-  221 bye"), []),
    ],
)
def test_a_client_that_quits_without_auth_is_told_only_where_it_meant_to_log_in(
    lines: tuple[str, ...], causes: list[str]
) -> None:
    assert [r["cause"] for r in swaks(*lines)] == causes


def test_a_server_that_sends_to_another_without_auth_is_no_misconfigured_client() -> None:
    row = "2026-09-01T08:00:0{}.106Z,Internet,08DC00000000A001,{},192.0.2.5:30000,198.51.100.25:25,{},"
    said = [
        ("<", "220 mx.example.net"),
        (">", "EHLO mail.example.com"),
        ("<", "250 SIZE 1000"),
        (">", "QUIT"),
        ("<", "221 bye"),
    ]
    text = "\n".join(row.format(i, i, arrow) + f"{words}," for i, (arrow, words) in enumerate(said))

    assert events_of(text) == []
    assert [r["cause"] for r in events_of(text.replace("SIZE 1000", "AUTH PLAIN"))] == ["mechanism_unsupported"]


def test_a_server_log_of_a_probe_is_no_event() -> None:
    text = (
        "Tue 2026-08-18 12:10:37.100: 05: Session 1; child 0001\nTue 2026-08-18 12:10:37.101: 03: --> 220 hi\n"
        "Tue 2026-08-18 12:10:37.200: 02: <-- EHLO pc\nTue 2026-08-18 12:10:37.201: 03: --> 250 AUTH LOGIN\n"
        "Tue 2026-08-18 12:10:37.200: 02: <-- QUIT\n"
    )
    assert events_of(text, "mdaemon") == []


def test_servers_that_log_in_to_each_other_are_no_users() -> None:
    users = sl.read(sl.sample("exchange/receive"))["user"].drop_nulls().to_list()

    assert "EXAMPLE\\EX2$" not in users


def test_a_refused_mail_is_an_event_only_if_its_cause_is_known() -> None:
    rows = telnet(
        "EHLO pc", "250 x", "MAIL FROM:<a@example.com>", "250 ok",
        "RCPT TO:<x@example.com>", "550 5.1.1 no such mailbox here", "RCPT TO:<b@example.net>", "530 5.7.0 Authentication required",
    )  # fmt: skip

    assert [(r["line_no"], r["cause"]) for r in rows] == [(9, "auth_required")]


@pytest.mark.parametrize(("port", "tls"), [("465", "yes"), ("587", "none")])
def test_clear_text_is_claimed_only_where_it_is_proven(port: str, tls: str) -> None:
    text = f"=== Trying mail.example.com:{port}...\n<-  220 hi\n -> EHLO a\n<-  250 AUTH PLAIN\n -> AUTH PLAIN AGEAYg==\n<** 535 no"

    assert [r["tls"] for r in events_of(text, "swaks")] == [tls]


def test_two_sessions_in_one_paste_are_two() -> None:
    rows = sl.read(sl.sample("swaks/starttls")).filter(pl.col("outcome") != "info")

    assert rows["session"].n_unique() == 2
    assert rows["server_port"].to_list() == [587, 25]


def test_a_session_that_quits_is_read_by_explain() -> None:
    table = sl.explain(sl.sample("telnet/by-hand")[0].read_text())

    diagnosed = table.filter(pl.col("verdict") == "diagnosis")
    assert diagnosed.select("verdict", "format", "cause").rows() == [
        ("diagnosis", "telnet", "auth_not_offered"),
        ("diagnosis", "telnet", "relay_denied"),
    ]
    assert "offered before: no mechanism" in table["why"][0]


FIRST = [pytest.param(*w, marks=() if w[1] is w[0].samples[0] else pytest.mark.slow) for w in WHOLE]
"""An excerpt of each format, for the quick run."""


@pytest.mark.parametrize(("format_", "excerpt"), FIRST, ids=WHOLE_IDS)
def test_every_excerpt_can_be_explained(format_: Dialogue | Table, excerpt: Excerpt) -> None:
    table = sl.explain(excerpt.text)

    if excerpt.expect and excerpt.text.count("\n") < 200:
        assert "diagnosis" in table["verdict"].to_list()
        assert format_.name in table["format"].to_list()


def test_a_session_without_trouble_says_so() -> None:
    table = sl.explain("220 hi\nEHLO pc\n250 AUTH PLAIN\nMAIL FROM:<a@example.com>\n250 ok\nQUIT\n221 bye\n")

    assert table.select("verdict", "format").rows() == [("context only", "telnet")]
    assert "no AUTH command and no refusal" in table["why"][0]


TROUBLE = {
    "swaks, nobody listens": (
        "=== Trying mail.example.com:587...\n*** Error connecting to mail.example.com:587:\n*** \tconnect: Connection refused",
        ("connect", "deferred", "service_unavailable"),
    ),
    "swaks, old TLS": (
        "=== Trying mail.example.com:587...\n<-  220 hi\n -> EHLO pc\n<-  250 STARTTLS\n -> STARTTLS\n<-  220 go\n"
        "*** TLS startup failed (connect(): error:0A000102:SSL routines::unsupported protocol)\n -> QUIT",
        ("tls", "aborted", "tls_handshake_failed"),
    ),
    "swaks, TLS out of order": (
        "=== Trying mail.example.com:587...\n<-  220 hi\n -> EHLO pc\n<-  250 STARTTLS\n -> STARTTLS\n"
        "<** 454 4.7.0 TLS not available due to local problem\n -> QUIT\n<-  221 bye",
        ("tls", "refused", "tls_unavailable"),
    ),
    "curl, nobody listens": (
        "*   Trying 192.0.2.25:587...\n* connect to 192.0.2.25 port 587 failed: Connection refused\n"
        "curl: (7) Failed to connect to 192.0.2.25 port 587 after 0 ms: Couldn't connect to server",
        ("connect", "deferred", "service_unavailable"),
    ),
    "s_client, nobody listens": (
        "4067:error:8000006F:system library:BIO_connect:Connection refused:bio_sock2.c:125:calling connect()\nconnect:errno=111",
        ("connect", "deferred", "service_unavailable"),
    ),
    "s_client, no TLS there": (
        "CONNECTED(00000003)\n40170:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:ssl3_record.c:354:\n"
        "Verify return code: 0 (ok)",
        ("tls", "aborted", "tls_handshake_failed"),
    ),
    "telnet, nobody listens": (
        "Trying 192.0.2.25...\ntelnet: Unable to connect to remote host: Connection refused",
        ("connect", "deferred", "service_unavailable"),
    ),
    "telnet, closed door": (
        "Trying 192.0.2.25...\nConnected to mail.example.com.\n421 4.7.0 Error: too many connections from 203.0.113.20",
        ("connect", "throttled", "throttled_connection"),
    ),
    "smtplib, nobody listens": (
        "connect: to ('mail.example.com', 587) None\nConnectionRefusedError: [Errno 111] Connection refused",
        ("connect", "deferred", "service_unavailable"),
    ),
    "a rate limit": (
        "=== Trying mail.example.com:587...\n<-  220 hi\n -> EHLO pc\n<-  250 AUTH PLAIN\n -> AUTH PLAIN AGEAYg==\n"
        "<** 454 4.7.0 Too many login attempts, please try again later.",
        ("auth", "throttled", "throttled_auth"),
    ),
    "a policy": (
        "=== Trying mail.example.com:587...\n<-  220 hi\n -> EHLO pc\n<-  250 AUTH PLAIN\n -> AUTH PLAIN AGEAYg==\n"
        "<** 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
        ("auth", "failure", "auth_disabled_by_policy"),
    ),
}


@pytest.mark.parametrize("trouble", list(TROUBLE))
def test_a_pasted_trouble_is_explained_as_one(trouble: str) -> None:
    text, verdict = TROUBLE[trouble]
    (row,) = events_of(text)
    table = sl.explain(text)

    assert (row["stage"], row["outcome"], row["cause"]) == verdict
    assert table.select("verdict", "outcome", "cause").row(0) == ("diagnosis", *verdict[1:])
    assert set(table["verdict"][1:]) <= {"less likely", "could also be"}


@pytest.mark.parametrize("text", ["535-5.7.8 a\n535 5.7.8 b", "550 5.7.1 no\n\n421 later", "  535 no"])
def test_nothing_but_replies_is_no_session_for_explain(text: str) -> None:
    assert set(sl.explain(text)["verdict"]) <= {"a reply", "less likely", "could also be"}


# --- secrets ---

SECRETS = ("S3cret-pass!", "hunter2hunter2", "t0k3n-of-ann")


def exchange_of(client: str, server: str) -> str:
    """A session with every way to give a secret; `client` and `server` are the marks of the tool."""
    password, other, token = SECRETS
    turns = [
        ("s", "220 mail.example.com ESMTP"), ("c", "EHLO pc"), ("s", "250 AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2"),
        ("c", f"AUTH PLAIN {b64(chr(0) + 'ann' + chr(0) + password)}"), ("s", f"535 5.7.8 Bad login {password}"),
        ("c", "AUTH PLAIN"), ("s", "334 "), ("c", b64("\0ann\0" + other)), ("s", f"535 no: {b64(chr(0) + 'ann' + chr(0) + other)}"),
        ("c", "AUTH LOGIN"), ("s", "334 VXNlcm5hbWU6"), ("c", b64("ann")), ("s", "334 UGFzc3dvcmQ6"), ("c", b64(password)),
        ("s", f"535 5.7.8 {b64(password)} is wrong"),
        ("c", f"AUTH {password}"), ("s", f"504 5.5.4 Unrecognized authentication type {password}"),
        ("c", f"AUTH XOAUTH2 {b64('user=ann' + chr(1) + 'auth=Bearer ' + token + chr(1) + chr(1))}"), ("s", "535 5.7.8 bad token"),
        ("c", other), ("s", f"500 5.5.2 unknown command {other}"),
        ("c", "QUIT"), ("s", "221 bye"),
    ]  # fmt: skip
    return "\n".join((client if who == "c" else server).format(text) for who, text in turns) + "\n"


WAYS = {
    "swaks": (" -> {}", "<-  {}"),
    "curl": ("> {}", "< {}"),
    "telnet": ("{}", "{}"),
    "msmtp": ("--> {}", "<-- {}"),
    "smtplib": ("send: '{}\\r\\n'", "reply: b'{}\\r\\n'"),
    "nodemailer": ("[2026-11-23 19:07:23] DEBUG [IK4] C: {}", "[2026-11-23 19:07:23] DEBUG [IK4] S: {}"),
    "mdaemon": ("Tue 2026-08-18 12:10:37.100: 02: <-- {}", "Tue 2026-08-18 12:10:37.100: 03: --> {}"),
    "hmailserver": (
        '"SMTPD"\t1\t2\t"2026-09-01 14:11:03.003"\t"203.0.113.50"\t"RECEIVED: {}"',
        '"SMTPD"\t1\t2\t"2026-09-01 14:11:03.003"\t"203.0.113.50"\t"SENT: {}"',
    ),
    "haraka": (
        "[PROTOCOL] [EFF29396-02AF-49CC-B2D3-CA96BA32376F] [core] C: {} state=1",
        "[PROTOCOL] [EFF29396-02AF-49CC-B2D3-CA96BA32376F] [core] S: {}",
    ),
    "exchange": (
        "2026-09-01T08:00:00.106Z,EX1\\C,08DC00000000A001,1,192.0.2.5:587,203.0.113.20:56026,<,{},",
        "2026-09-01T08:00:00.106Z,EX1\\C,08DC00000000A001,1,192.0.2.5:587,203.0.113.20:56026,>,{},",
    ),
}


@pytest.mark.parametrize("name", list(WAYS))
def test_no_secret_of_a_session_is_in_its_tables_or_explanation(name: str, tmp_path: Path) -> None:
    text = exchange_of(*WAYS[name])
    if name == "exchange":
        rows = text.splitlines()
        text = "\n".join(row.replace(",1,192", f",{i},192") for i, row in enumerate(rows)) + "\n"
    text += f"garbage {SECRETS[0]} in the middle\n"
    path = tmp_path / "session.txt"
    path.write_text(text)
    events, coverage, _ = sl.read(path, full=True)
    assert coverage["format"][0] == name
    explained = sl.explain(text)
    joined = events.with_columns(pl.col(pl.List(pl.String)).list.join("; "))
    everything = "\n".join(
        [
            repr(events.to_dicts()),
            repr(events),
            joined.write_csv(),
            repr(coverage.to_dicts()),
            repr(explained.to_dicts()),
        ]
    )

    attempts = events.filter((pl.col("stage") == "auth") & (pl.col("outcome") != "info"))
    assert attempts["mechanism"].to_list() == ["PLAIN", "PLAIN", "LOGIN", None, "XOAUTH2"]
    assert attempts["user"].to_list() == ["ann", "ann", "ann", None, "ann"]
    for secret in SECRETS:
        assert secret not in everything
        assert b64(secret)[:-4] not in everything
        assert b64("\0ann\0" + secret) not in everything


def test_a_password_typed_as_user_name_becomes_a_pseudonym() -> None:
    (row,) = telnet(
        "EHLO pc",
        "250 AUTH LOGIN",
        "AUTH LOGIN",
        "334 VXNlcm5hbWU6",
        b64("Sup3r-Secret"),
        "334 UGFzc3dvcmQ6",
        "eA==",
        "535 no",
    )

    assert row["user"].startswith("[redacted:user]#")


# --- hostile input ---


def test_an_event_names_no_more_lines_than_a_person_reads() -> None:
    rows = telnet("EHLO pc", "250 AUTH LOGIN", "AUTH LOGIN", *["334 VXNlcm5hbWU6", "YW5u"] * 500, "535 no")

    assert [len(r["also"]) for r in rows] == [100]


@pytest.mark.parametrize(
    "line",
    [
        "\0" * 50,
        "220 " + "x" * 100_000,
        "AUTH PLAIN " + "A" * 100_000,
        "250-" * 5_000,
        "535 \x1b[31mred\x1b[0m",
        "EHLO " + "<script>alert(1)</script>",
        "AUTH LOGIN \udcff".encode("utf-8", "replace").decode(),
    ],
)
def test_a_hostile_line_breaks_nothing(line: str) -> None:
    rows = telnet("EHLO pc", "250 AUTH PLAIN", line, "AUTH PLAIN AGEAYg==", "535 5.7.8 no", "QUIT", "221 bye")

    assert [r["reply_code"] for r in rows if r["stage"] == "auth"][-1] == 535


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "hello world\n",
        "220\n",
        "[",
        "{",
        "[]",
        '{"value":[]}',
        '{"a":1}\n{"b":',
        "a,b,c\n1,2,3\n",
        "\0\0\n",
    ],
)
def test_text_that_is_no_log_is_recognised_as_nothing(text: str) -> None:
    assert recognising.recognise(text.split("\n")).format is None


def test_a_broken_array_gives_what_stands_before_the_break(tmp_path: Path) -> None:
    whole = sl.sample("entra/graph")[0].read_text()
    path = tmp_path / "signIns.json"
    path.write_text(whole[: len(whole) // 2])
    events, coverage, _ = sl.read(path, full=True)

    assert events.height == 2
    assert "JSON broken at line" in coverage["error"][0]


DOCUMENTS = [
    ('[{"a":1},\n{"a":2}]', [1, 2], None),
    ('\ufeff{"meta":{"x":[{"y":1}]},"data":[\n{"a":"]}\\""},{"a":2}\n],\n"fail":[]}\n', [2, 2], None),
    ('{"events":[{"a":1}]}\n{"events":[{"a":2}]}\n', [1, 2], None),
    ('{"a":\n1}', [1], None),
    ('{"value":[]}', [], None),
    ('[{"a":1},\n{"b', [1], "JSON broken at line 2"),
    ('[{"a":1}] x', [1], "JSON broken at line 1"),
    ("[" * 100_000, [], "JSON broken at line 1"),
    ('{"a":' * 100_000, [], "JSON broken at line 1"),
]


@pytest.mark.parametrize(("text", "numbers", "error"), DOCUMENTS, ids=range(len(DOCUMENTS)))
@pytest.mark.parametrize("size", [1, 7, 1_000_000])
def test_a_document_is_the_same_however_it_is_cut_into_pieces(
    text: str, numbers: list[int], error: str | None, size: int
) -> None:
    if len(text) / size > 10_000:
        return
    document = documents.Document(text[i : i + size] for i in range(0, len(text), size))
    rows = pl.concat(document.batches())

    assert (rows["line_no"].to_list(), document.error) == (numbers, error)


def test_a_long_document_is_handed_on_in_batches() -> None:
    record = json.dumps({"createdDateTime": "2026-07-21T05:03:52Z", "note": "x" * 100})
    document = documents.Document(iter(["[", *[f"{record},\n" * 1000] * 50, "]"]))
    batches = [b.height for b in document.batches()]

    assert batches == [documents.AT_ONCE, documents.AT_ONCE, 10_000]


def test_a_bad_line_among_json_lines_is_counted(tmp_path: Path) -> None:
    text = sl.sample("entra/diagnostic")[0].read_text()
    path = tmp_path / "signins.jsonl"
    path.write_text(text + '{"time": "2026-07-21T05:03:52Z", "cut of\n')
    events, coverage, _ = sl.read(path, full=True)

    assert events.height == 10
    assert coverage["not_understood"][0] == 1


def test_ragged_and_torn_csv_rows_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = sl.sample("entra-csv/portal")[0].read_text("utf-8-sig").splitlines()
    over = lines[1].replace('"Melbourne, Victoria, AU"', '"Melbourne,\nVictoria"')
    path = tmp_path / "signins.txt"
    path.write_text("\n".join([lines[0], over, lines[2] + ",one,too,many", 'a stray " quote', *lines[3:]]) + "\n")
    events, coverage, _ = sl.read(path, full=True)

    assert events.height == 9
    assert events["line_no"][0] == 2
    assert coverage["not_understood"][0] == 2


def test_files_that_several_formats_fit_equally_are_not_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = Dialogue(
        "twin", "The same again", looks=format_named("swaks").looks, least=0,
        turns=(Turn("all", r"^.*$", speaker="server"),), written_by="test", samples=(Excerpt("x"),),
    )  # fmt: skip
    monkeypatch.setattr(recognising, "DIALOGUES", (*DIALOGUES, twin))
    events, coverage, _ = sl.read(sl.sample("swaks/starttls"), full=True)

    assert events.is_empty()
    assert coverage["error"].to_list() == ["could be swaks or twin: say which with format="]
    assert sl.read(sl.sample("swaks/starttls"), format="swaks").height > 0


def test_several_formats_in_one_folder_are_all_read(tmp_path: Path) -> None:
    names = ("exchange/receive", "haraka/notice", "postfix/auth-debug", "entra/diagnostic")
    files = [file for name in names for file in sl.sample(name)]
    events = sl.read(files, year=2026)

    assert {"exchange", "haraka", "postfix", "entra"} <= set(events["format"])


def test_haraka_under_syslog_and_docker_is_the_same(tmp_path: Path) -> None:
    plain = sl.sample("haraka/notice")[0].read_text().splitlines()
    bare = [line.split(" ", 1)[1] for line in plain]
    ways = {
        "syslog": [f"2026-09-01T08:05:50Z mx haraka[7]: {line}" for line in bare],
        "docker": [
            json.dumps({"log": line + "\n", "stream": "stdout", "time": "2026-09-01T08:05:50.1Z"}) for line in bare
        ],
    }
    for way, lines in ways.items():
        path = tmp_path / f"{way}.log"
        path.write_text("\n".join(lines) + "\n")
        rows = sl.read(path).filter(pl.col("outcome") != "info")
        assert rows.select("cause", "client_ip").rows() == [("bad_credentials", "203.0.113.20"), ("unknown", None)], way
        assert rows["time"].null_count() == 0, way


def test_a_haraka_log_without_clock_has_no_time_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "haraka.log"
    lines = sl.sample("haraka/json")[0].read_text().splitlines()
    path.write_text("\n".join(line.split(" ", 1)[1] for line in lines) + "\n")
    rows = sl.read(path)

    assert rows["time"].null_count() == rows.height > 0
    assert set(rows["time_quality"]) == {"none"}


WORDS = st.sampled_from(
    ["EHLO pc", "AUTH PLAIN AGEAYg==", "AUTH LOGIN", "AUTH", "YW5u", "*", "220 hi", "250-x", "250 AUTH PLAIN", "334 ", "334 VXNlcm5hbWU6",
     "535 5.7.8 no", "535-5.7.8 no", "235 ok", "354 go", "DATA", ".", "STARTTLS", "QUIT", "421 bye", "999", "", "Trying 192.0.2.1..."]
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(WORDS, st.text(max_size=30)), max_size=25))
def test_any_order_of_words_is_reduced_without_error(words: list[str]) -> None:
    for name in ("telnet", "s_client"):
        rows = events_of("\n".join(words), name)
        lines = [r["line_no"] for r in rows]
        assert lines == sorted(lines)
        assert all(r["outcome"] is not None and r["stage"] is not None for r in rows)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_looked_at_without_error(text: str) -> None:
    recognising.recognise(text.split("\n"))
    for table in TABLES:
        declaring.events_of(table, text)


def test_a_report_of_a_log_without_clock_does_not_make_up_a_period(tmp_path: Path) -> None:
    events, coverage, traffic = sl.read(sl.sample("swaks/starttls"), full=True)
    page = Path(sl.report(events, tmp_path / "page.md", coverage=coverage, traffic=traffic)).read_text()
    told = StringIO()
    Console(file=told, width=200).print(triage_text(events, coverage, sl.findings(events), tz=None))

    assert "no clock in the logs" in page
    assert "Without a clock the logs hold 2 attempts" in page
    assert "From – to" not in page
    assert "these logs have no clock" in told.getvalue()


def _one_session(*said: str) -> str:
    """Return a Haraka log of one session, a line a millisecond."""
    begun = datetime(2026, 9, 1, tzinfo=UTC)
    stamps = (begun + timedelta(milliseconds=n) for n in range(len(said)))
    head = "[PROTOCOL] [6100ABA8-F654-4927-9C76-1D72B63E9BCC] [core]"
    return "".join(
        f"{t:%Y-%m-%dT%H:%M:%S}.{t.microsecond // 1000:03d}Z {head} {s}\n" for t, s in zip(stamps, said, strict=True)
    )


SESSIONS_OF_ONE = {
    # a client may send all at once, and a log may be one session from end to end: rows times rows must never be held
    "pipelined": ("C: RCPT TO:<a@example.com> state=1",) * 30_000 + ("S: 250 ok",) * 30_000,
    "logins": (
        "C: AUTH PLAIN AGFsAHNlY3JldA== state=1", "S: 235 ok", "C: MAIL FROM:<al@example.com> state=1", "S: 250 ok",
        "C: RCPT TO:<bo@example.com> state=1", "S: 250 ok", "C: DATA state=1", "S: 354 go", "S: 250 ok",
    ) * 6_000,
}  # fmt: skip


@pytest.mark.parametrize(("kind", "attempts"), [("pipelined", 0), ("logins", 6_000)])
def test_one_session_of_thousands_of_commands_costs_what_its_bytes_cost(
    tmp_path: Path, kind: str, attempts: int
) -> None:
    log = tmp_path / "haraka.log"
    log.write_text(_one_session("C: EHLO pc state=1", "S: 250 AUTH PLAIN", *SESSIONS_OF_ONE[kind]))
    code = f"""
import resource
import smtplogs as sl
resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))
events = sl.read({str(log)!r})
print((events["stage"] == "auth").sum(), (events["stage"] == "mail").sum())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout.split(), done.returncode) == ([str(attempts)] * 2, 0), done.stderr
