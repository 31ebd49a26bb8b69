"""Exim, Sendmail, OpenSMTPD: whole files in, counts out; every attempt once, whatever number of lines and files tell of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import smtplogs as sl

SCENARIOS = [
    json.loads(text)
    for text in (Path(__file__).parent / "cases" / "exim-sendmail-scenarios.jsonl").read_text("utf-8").splitlines()
]
AUTH = pl.col("stage") == "auth"
LOCKED = pl.col("outcome") == "throttled"
COUNTS = {
    "attempts": AUTH & ~LOCKED,
    "failures": AUTH & (pl.col("outcome") == "failure"),
    "success": AUTH & (pl.col("outcome") == "success"),
    "unknown_user": AUTH & (pl.col("cause") == "unknown_user"),
    "temp_failures": AUTH & (pl.col("outcome") == "deferred"),
    "not_advertised": pl.col("cause") == "auth_not_offered",
    "relay_denied": pl.col("cause") == "relay_denied",
    "throttled": LOCKED,
    "deferred_deliveries": pl.col("delivery") == "deferred",
    "auth_required_deliveries": (pl.col("cause") == "auth_required") & pl.col("delivery").is_not_null(),
}
DISTINCT = {"users": "user", "client_ip": "client_ip", "remote_ip": "server_ip"}


def events(folder: Path, **files: list[str]) -> pl.DataFrame:
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    return sl.read(folder, year=2026)


def said(frame: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return frame.select(columns).rows()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s["name"])
def test_a_measured_scenario_gives_its_counts(scenario: dict[str, Any], tmp_path: Path) -> None:
    found = events(tmp_path, **scenario["files"])
    for what, expected in scenario["expect"].items():
        if what in COUNTS:
            assert found.filter(COUNTS[what])["count"].sum() == expected, what
        elif what in DISTINCT:
            known = set(found[DISTINCT[what]].drop_nulls())
            assert known == ({expected} if isinstance(expected, str) else set(expected)), what
        elif what == "direction":
            assert set(found["side"].cast(pl.String)) == {"client"}
        elif what == "message_ids":
            assert found["queue_id"].n_unique() == expected
        elif what == "distinct_users":
            assert found["user"].drop_nulls().n_unique() == expected
        elif what == "username_len":
            assert found["user"].str.len_chars().to_list() == [expected]
        else:
            assert what == "tls"
            assert set(found.select(pl.concat_str("tls", pl.lit(":"), "cipher", pl.lit(":256"))).to_series()) == {
                expected
            }


DAY = "2026-11-23"
FAILED = "login authenticator failed for (pc-7) [203.0.113.9]: 535 Incorrect authentication data (set_id=ann)"


def mail(clock: str, n: int, *, port: str = "", user: str = "ann", ip: str = "203.0.113.9") -> str:
    return f"{DAY} {clock} 1xVZK{n}-0008RG-0V <= ann@example.com H=(pc-7) [{ip}]{port} P=esmtpsa X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no A=login:{user} S=238 id={n}@x"


# main log and reject log


def test_a_refusal_in_main_and_reject_log_is_one_and_names_the_other(tmp_path: Path) -> None:
    other = f"{DAY} 09:00:00 H=(x) [198.51.100.7] F=<a@example.com> rejected RCPT <b@example.org>: relay not permitted"
    found = events(
        tmp_path,
        mainlog=[other, f"{DAY} 10:00:00 {FAILED}", mail("11:00:00", 1)],
        rejectlog=[other, f"{DAY} 10:00:00 {FAILED}", "Envelope-from: <a@example.com>", f"P Received: {FAILED}"],
    )
    refused = found.filter(pl.col("outcome") == "failure")
    assert said(refused, "count", "user") == [(1, "ann")]
    assert [ref.rsplit("/")[-1] for ref in refused["also"].item()] == ["rejectlog:2"]


def test_three_equal_lines_in_one_log_and_one_in_the_other_are_three(tmp_path: Path) -> None:
    line = f"{DAY} 10:00:00 {FAILED}"
    found = events(tmp_path, mainlog=[line] * 3, rejectlog=[line, f"{DAY} 10:00:01 {FAILED}"])
    assert found["count"].sum() == 4


def test_equal_lines_on_both_sides_of_a_rotation_are_two(tmp_path: Path) -> None:
    line = f"{DAY} 10:00:00 {FAILED}"
    found = events(tmp_path, **{"mainlog.1": [mail("09:00:00", 1), line], "mainlog": [line, mail("11:00:00", 2)]})
    assert found.filter(pl.col("outcome") == "failure")["count"].sum() == 2


def test_logs_of_two_servers_are_not_doubles(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mainlog").write_text(f"{DAY} 10:00:00 {FAILED}\n{mail('11:00:00', 1)}\n# {name}\n")
    found = sl.read(tmp_path)
    assert found.filter(pl.col("outcome") == "failure")["count"].sum() == 2


def test_pairs_over_syslog_are_halved_and_singles_are_not(tmp_path: Path) -> None:
    def line(pid: int, clock: str, user: str) -> str:
        text = FAILED.replace("ann", user)
        return f"Nov 23 {clock} mx1 exim[{pid}]: {DAY} {clock} {text}"

    doubled = [line(7, "10:00:00", "ann")] * 2 + [line(7, "10:00:00", "ann")] * 2 + [line(8, "10:00:01", "bob")] * 2
    single = [line(7, "10:00:00", "ann")] * 2 + [line(8, "10:00:01", "bob"), line(9, "10:00:02", "eve")]
    (tmp_path / "two").mkdir()
    assert events(tmp_path, doubled=doubled)["count"].sum() == 3
    assert events(tmp_path / "two", single=single)["count"].sum() == 4


# logins that only mails prove


def test_mails_of_one_session_prove_one_login(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        mainlog=[
            mail("10:00:00", 1),
            mail("10:04:59", 2),
            mail("10:10:00", 3),
            mail("10:10:01", 4, user="bob"),
            mail("10:10:02", 5, ip="203.0.113.10"),
        ],
    )
    logins = found.filter(AUTH)
    assert said(found.filter(pl.col("stage") == "mail"), "outcome", "basis") == [("success", "context")] * 5
    assert said(logins, "line_no", "user", "client_ip", "basis", "mechanism", "queue_id") == [
        (1, "ann", "203.0.113.9", "context", "LOGIN", None),
        (3, "ann", "203.0.113.9", "context", "LOGIN", None),
        (4, "bob", "203.0.113.9", "context", "LOGIN", None),
        (5, "ann", "203.0.113.10", "context", "LOGIN", None),
    ]


@pytest.mark.parametrize(
    ("minutes", "port", "logins"),
    [
        (5, "", ["09:00"]),  # nobody keeps a connection for longer
        (14, "", ["09:00", "09:10"]),  # at a mark of the clock, once it has lasted for more than five minutes
        (15, "", ["09:00", "09:10", "09:15"]),
        (15, ":4711", ["09:00"]),  # a port tells that it is one session
    ],
)
def test_who_sends_every_minute_logs_in_anew(minutes: int, port: str, logins: list[str], tmp_path: Path) -> None:
    lines = [mail(f"09:{k:02}:00", k % 10, port=port) for k in range(minutes + 1)]
    found = events(tmp_path, mainlog=lines).filter(COUNTS["success"])
    assert found["time"].dt.strftime("%H:%M").to_list() == logins


def test_ports_tell_sessions_apart(tmp_path: Path) -> None:
    found = events(tmp_path, mainlog=[mail("10:00:00", 1, port=":50001"), mail("10:00:01", 2, port=":50002")])
    assert found.filter(AUTH)["session"].to_list() == [
        "exim/203.0.113.9:50001@2026-11-23T10:00:00Z",
        "exim/203.0.113.9:50002@2026-11-23T10:00:01Z",
    ]


def test_a_refusal_after_a_login_proves_the_login(tmp_path: Path) -> None:
    line = "H=(pc-7) [203.0.113.9] F=<boss@example.com> A=login:ann rejected RCPT <eve@example.org>: not your address"
    found = events(tmp_path, mainlog=[f"{DAY} 10:00:00 {line}"])
    assert said(found, "stage", "outcome", "user") == [("auth", "success", "ann"), ("rcpt", "refused", "ann")]


# sessions


PEER = "(pc-7) [203.0.113.9]:40001 I=[192.0.2.1]:587"


def test_commands_that_no_line_tells_are_silent_refusals(tmp_path: Path) -> None:
    end = f"{DAY} 10:00:02 [42] no MAIL in SMTP connection from {PEER} D=2s C=EHLO,AUTH,AUTH|AUTH,QUIT"
    failed = (
        f"{DAY} 10:00:01 [42] login authenticator failed for {PEER}: 535 Incorrect authentication data (set_id=ann)"
    )
    found = events(tmp_path, mainlog=[failed, end])
    assert said(found, "outcome", "cause", "basis", "count") == [
        ("failure", "bad_credentials", "assumed", 1),
        ("refused", "unknown", "counter", 2),
    ]


@pytest.mark.parametrize("commands", ["EHLO,AUTH,QUIT", "...EHLO,AUTH,AUTH,AUTH", "EHLO,QUIT"])
def test_a_list_that_is_cut_or_holds_no_more_adds_nothing(commands: str, tmp_path: Path) -> None:
    failed = (
        f"{DAY} 10:00:01 [42] login authenticator failed for {PEER}: 535 Incorrect authentication data (set_id=ann)"
    )
    end = f"{DAY} 10:00:02 [42] no MAIL in SMTP connection from {PEER} D=2s C={commands}"
    assert events(tmp_path, mainlog=[failed, end]).height == 1


@pytest.mark.parametrize(("clock", "outcome"), [("10:00:02", "aborted"), ("10:00:03", "failure")])
def test_a_nameless_refusal_of_a_client_that_hung_up_is_no_wrong_password(
    clock: str, outcome: str, tmp_path: Path
) -> None:
    failed = f"{DAY} 10:00:01 login authenticator failed for (pc-7) [203.0.113.9]: 535 Incorrect authentication data"
    gone = f"{DAY} {clock} unexpected disconnection while reading SMTP command from (pc-7) [203.0.113.9] D=2s"
    assert events(tmp_path, mainlog=[failed, gone])["outcome"].to_list() == [outcome]


def test_a_named_refusal_stays_one_though_the_client_hangs_up(tmp_path: Path) -> None:
    gone = f"{DAY} 10:00:01 unexpected disconnection while reading SMTP command from (pc-7) [203.0.113.9] D=2s"
    found = events(tmp_path, mainlog=[f"{DAY} 10:00:01 {FAILED}", gone])
    assert said(found, "outcome", "basis") == [("failure", "assumed")]


def test_several_recipients_of_one_refused_relay_login_are_one(tmp_path: Path) -> None:
    words = "R=smarthost T=remote_smtp defer (-42): authentication required but server did not advertise AUTH support"
    found = events(tmp_path, mainlog=[f"{DAY} 10:00:00 1xVZK3-0008RG-0V == {a}@example.org {words}" for a in "ab"])
    assert said(found, "side", "stage", "cause", "delivery") == [("client", "auth", "auth_not_offered", "deferred")]
    assert len(found["also"].item()) == 1


def test_a_delivery_after_a_login_of_ours_proves_it(tmp_path: Path) -> None:
    sent = "R=smarthost T=remote_smtp H=smtp.example.net [198.51.100.25] X=TLS1.2:ECDHE-RSA-AES256-GCM-SHA384:256 CV=yes A=cl_plain:relay"
    lines = [f'{DAY} 10:00:0{n} 1xVZK3-0008RG-0V => {n}@example.org {sent} C="250 OK"' for n in (1, 2)]
    found = events(tmp_path, mainlog=lines)
    assert said(found, "side", "stage", "outcome", "line_no") == [
        ("client", "auth", "success", 1),
        ("client", "mail", "success", 1),
        ("client", "mail", "success", 2),
    ]


SID = "1e33677ab3abecf4"


def smtpd(clock: str, text: str, sid: str = SID) -> str:
    return f"Nov 23 {clock} mx1 smtpd[138]: {sid} smtp {text}"


def test_a_message_of_opensmtpd_counts_after_a_login_only(tmp_path: Path) -> None:
    message = "message msgid=6fcadb1e size=322 nrcpt=2 proto=ESMTP"
    found = events(
        tmp_path,
        maillog=[
            smtpd("10:00:00", "connected address=[2001:db8::7] host=pc.example.net"),
            smtpd("10:00:01", message),
            smtpd("10:00:02", r"authentication user=ann\040b result=ok"),
            smtpd("10:00:03", message),
            smtpd("10:00:04", message, sid="2e33677ab3abecf4"),
        ],
    )
    assert said(found, "stage", "user", "client_ip", "client_name", "n_recipients", "line_no") == [
        ("auth", "ann b", "2001:db8::7", "pc.example.net", None, 3),
        ("mail", "ann b", "2001:db8::7", "pc.example.net", 2, 4),
    ]


def test_another_failed_command_of_opensmtpd_stands_alone(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        maillog=[
            smtpd("10:00:00", "authentication user=ann result=permfail"),
            smtpd("10:00:01", 'failed-command command="AUTH LOGIN (password)" result="535 Authentication failed"'),
            smtpd(
                "10:00:02", 'failed-command command="AUTH NTLM" result="504 5.7.4 Security features not supported: x"'
            ),
            smtpd("10:00:03", 'failed-command command="AUTH PLAIN (...)" result="535 Authentication failed"'),
        ],
    )
    assert said(found, "outcome", "mechanism", "line_no") == [
        ("failure", "LOGIN", 1),
        ("refused", "NTLM", 3),
        ("failure", "PLAIN", 4),
    ]


def test_a_mail_over_sendmail_takes_login_and_tls_of_its_process(tmp_path: Path) -> None:
    head = "Nov 23 10:00:0{} mx1 sm-mta[217]: "
    relay = "relay=[203.0.113.9]"
    found = events(
        tmp_path,
        maillog=[
            head.format(0)
            + f"STARTTLS=server, {relay}, version=TLSv1.3, verify=NO, cipher=TLS_AES_256_GCM_SHA384, bits=256/256",
            head.format(1) + f"AUTH=server, {relay}, authid=ann, mech=PLAIN, bits=0",
            head.format(2)
            + f"6ANJKLvM000217: from=<ann@example.com>, size=14, class=0, nrcpts=1, proto=ESMTPSA, daemon=MSA, {relay}",
        ],
    )
    assert said(found, "stage", "user", "tls", "session") == [
        ("auth", "ann", "TLSv1.3", "mx1/sm-mta/217@2026-11-23T10:00:00Z"),
        ("mail", "ann", "TLSv1.3", "mx1/sm-mta/217@2026-11-23T10:00:00Z"),
    ]


def test_a_long_mail_over_sendmail_still_has_its_login(tmp_path: Path) -> None:
    login = "Nov 23 {} mx1 sm-mta[217]: AUTH=server, relay=[203.0.113.9], authid={}, mech=PLAIN, bits=0"
    taken_ = (
        "Nov 23 {} mx1 sm-mta[217]: 6ANJKLvM000217: from=<ann@example.com>, size=14, class=0, nrcpts=1, proto=ESMTPSA, "
        "daemon=MSA, relay=[203.0.113.9]"
    )
    lines = [login.format("10:00:00", "ann"), taken_.format("10:59:59"), taken_.format("12:00:00")]
    found = events(tmp_path, maillog=lines)
    assert said(found, "stage", "user") == [("auth", "ann"), ("mail", "ann"), ("mail", None)]


# secrets


def test_passwords_in_lines_of_sendmail_opensmtpd_and_exim_are_cut_out(tmp_path: Path) -> None:
    secret = "AGxlYWsAc2VjcmV0cHc="
    lines = [
        "Nov 23 10:00:00 mx1 sm-mta[237]: 6ANJIrQK000237: AUTH failure (LOGIN): generic failure (-1) SASL(-1): generic "
        "failure: All-whitespace username., user=hunter2, relay=[203.0.113.9]",
        f'Nov 23 10:00:01 mx1 sm-mta[238]: 6ANJIrQK000238: AUTH decode64 error [1 for "{secret}"], relay=[203.0.113.9]',
        smtpd(
            "10:00:02",
            f'failed-command command="AUTH PLAIN {secret}" result="503 5.5.1 Invalid command: Command not supported"',
        ),
        f'Nov 23 10:00:03 mx1 exim[9]: SMTP protocol error in "AUTH PLAIN {secret}" H=(pc-7) [203.0.113.9] AUTH command used '
        "when not advertised",
        f"Nov 23 10:00:04 mx1 exim[9]: H=(pc-7) [203.0.113.9] rejected AUTH PLAIN {secret}: no",
        r"Nov 23 10:00:05 mx1 smtpd[9]: 1e33677ab3abecf4 smtp authentication user=Hunter\0402\0402 result=permfail",
    ]
    found = events(tmp_path, maillog=lines)
    assert found.height == 6
    shown = found.write_json()
    assert secret not in shown
    assert "unter" not in shown
    assert found["redacted"].null_count() == 0


# hostile


@pytest.mark.parametrize(
    "line",
    [
        f'1xVZK3-0008RG-0V <= a@example.org H=(x) [198.51.100.9] P=esmtp S=1 id=1@x T="{FAILED}"',
        '1xVZK3-0008RG-0V <= a@example.org H=(x) [198.51.100.9] P=esmtp S=1 id=1@x T="A=login:root S=1 id=2"',
        f"H=(x) [198.51.100.9] F=<a@example.org> rejected RCPT <b@example.org>: {FAILED}",
        f'SMTP syntax error in "{FAILED}" H=(x) [198.51.100.9] unrecognized command',
        f"rejected EHLO from [198.51.100.9]: syntactically invalid argument(s): {FAILED}",
        f"H=(x) [198.51.100.9] Warning: {FAILED}",
    ],
)
def test_words_of_strangers_are_no_failed_login(line: str, tmp_path: Path) -> None:
    found, coverage, _ = sl.read(_written(tmp_path, f"{DAY} 10:00:00 {line}"), full=True)
    assert found.filter(AUTH).is_empty()
    assert coverage.filter(pl.col("program").is_null())["not_understood"].to_list() == [0]


def _written(folder: Path, *lines: str) -> Path:
    path = folder / "mainlog"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_address_behind_a_forged_helo_counts(tmp_path: Path) -> None:
    line = f"{DAY} 10:00:00 login authenticator failed for (evil) [192.0.2.1]: 535) [203.0.113.9]: 535 Incorrect authentication data (set_id=ann)"
    found = sl.read(_written(tmp_path, line))
    assert said(found, "client_ip", "user") == [("203.0.113.9", "ann")]


# Dovecot behind Exim


@pytest.mark.parametrize(
    ("word", "cause", "outcome"),
    [
        ("Password mismatch", "bad_credentials", "failure"),
        ("unknown user", "unknown_user", "failure"),
    ],
)
def test_dovecots_word_belongs_to_exims_refusal(word: str, cause: str, outcome: str, tmp_path: Path) -> None:
    found = events(
        tmp_path,
        mainlog=[f"{DAY} 10:00:02 {FAILED}"],
        maillog=[f"Nov 23 10:00:00 mx1 dovecot: auth: passwd-file(ann,203.0.113.9): {word}"],
    )
    assert said(found, "format", "cause", "outcome", "basis", "count") == [("exim", cause, outcome, "context", 1)]
    assert found["also"].item()[0].endswith("maillog:1")


def test_dovecots_word_about_somebody_else_stays_apart(tmp_path: Path) -> None:
    found = events(
        tmp_path,
        mainlog=[f"{DAY} 10:00:02 {FAILED}"],
        maillog=["Nov 23 10:00:00 mx1 dovecot: auth: passwd-file(bob,198.51.100.9): Password mismatch"],
    )
    assert said(found, "format", "user", "basis") == [("dovecot", "bob", "line"), ("exim", "ann", "assumed")]


# what ids tell of the clock


def zone_of(folder: Path, **files: list[str]) -> str:
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    return sl.read(folder, year=2026, full=True)[1]["zone_evidence"][0]


def taken(clock: str, n: int) -> str:
    """A mail taken at 19:03:27 UTC, by its id."""
    return (
        f"{DAY} {clock} 1xVZK3-0008RG-0{n} <= a@example.org H=(pc-7) [203.0.113.9] P=esmtpa A=login:ann S=238 id={n}@x"
    )


@pytest.mark.parametrize(
    ("clock", "told"), [("20:03:27", "UTC+01:00"), ("13:33:28", "UTC-05:30"), ("19:03:30", None), ("19:10:00", None)]
)
def test_exims_message_ids_tell_the_zone(clock: str, told: str | None, tmp_path: Path) -> None:
    said_ = zone_of(tmp_path, mainlog=[taken(clock, n) for n in range(3)])
    assert (f"message ids say that the clock was {told}" in said_) if told else ("message ids" not in said_)


def test_two_ids_are_not_enough_and_stated_zones_need_none(tmp_path: Path) -> None:
    assert "message ids" not in zone_of(tmp_path, mainlog=[taken("20:03:27", n) for n in range(2)])
    stated = [taken("20:03:27 +0100", n) for n in range(5)]
    assert "message ids" not in zone_of(tmp_path, mainlog=stated)


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        ("Nov 23 19:18:5{}", None),
        ("Nov 23 21:18:5{}", "message ids say that the clock was UTC+02:00"),
        ("Nov 23 18:18:5{}", "message ids say that the clock was UTC-01:00"),
    ],
)
def test_sendmails_queue_ids_tell_the_zone(stamp: str, told: str | None, tmp_path: Path) -> None:
    text = "mx1 sm-mta[217]: 6ANJIoHZ00021{}: AUTH failure (LOGIN): authentication failure (-13) SASL(-13): x, user=ann, relay=[203.0.113.9]"
    said_ = zone_of(tmp_path, maillog=[f"{stamp.format(n)} {text.format(n)}" for n in range(4)])
    assert (told in said_) if told else ("message ids" not in said_)


def test_sendmails_queue_ids_contradict_a_wrong_year(tmp_path: Path) -> None:
    text = "mx1 sm-mta[5133]: s1GNXHYB00513{}: AUTH failure (LOGIN): authentication failure (-13) SASL(-13): x, user=ann, relay=[203.0.113.9]"
    said_ = zone_of(tmp_path, maillog=[f"Feb 16 23:33:2{n} {text.format(n)}" for n in range(4)])
    assert said_.endswith("message ids say that the year is 2014")
