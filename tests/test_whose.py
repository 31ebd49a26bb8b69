"""Who logs in as whom: one row a client of an account, refused since its last login, with the line that says why."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rich.console import Console

import smtplogs as sl
from commands import run
from small_events import table
from smtplogs._report.asked import concerning, standing
from smtplogs._report.triage import triage_text
from smtplogs.errors import MissingColumns
from smtplogs.schema import FINDINGS, as_table, empty
from smtplogs.whose import selected

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
LOCKOUT = [str(p) for p in sl.sample("postfix/lockout")]


def at(minute: int) -> datetime:
    return T0 + timedelta(minutes=minute)


def event(minute: int, outcome: str, **more: Any) -> dict[str, Any]:
    row = {"time": at(minute), "stage": "auth", "outcome": outcome, "count": 1, "side": "server", "protocol": "smtp"}
    row |= {"cause": {"success": "success", "info": None}.get(outcome, "bad_credentials"), "basis": "line"}
    row |= {
        "user": "anna@example.com",
        "client_ip": "192.0.2.9",
        "source": "m:1",
        "line_no": minute,
        "raw": f"l{minute}",
    }
    return row | more


def told(*blocks: Any, width: int = 200) -> str:
    out = io.StringIO()
    Console(file=out, width=width, markup=False).print(*blocks)
    return out.getvalue()


def test_a_client_is_refused_since_its_last_login() -> None:
    row = sl.clients(
        table(
            event(0, "failure", cause="unknown_user"),
            event(1, "success", mechanism="PLAIN", tls="TLSv1.3", helo="pc"),
            event(2, "success", stage="mail"),
            event(3, "failure", count=4),
            event(4, "deferred", cause="backend_unavailable", detail="x"),
            event(5, "failure", detail="no", basis="assumed"),
            event(6, "info"),
        )
    ).row(0, named=True)

    assert (row["n_success"], row["n_mails"], row["n_not_accepted"], row["n_refused_since"]) == (1, 1, 7, 6)
    assert (row["first"], row["last_success"], row["refused_since"], row["last"]) == (at(0), at(2), at(3), at(5))
    assert (row["cause"], row["basis"], row["detail"], row["line"]) == ("bad_credentials", "assumed", "no", "m:1:5")
    assert (row["mechanism"], row["tls"], row["helo"]) == ("PLAIN", "TLSv1.3", "pc")


def test_of_causes_that_are_as_frequent_and_as_late_the_one_told_last_is_shown() -> None:
    causes = ("bad_credentials", "connection_lost", "mechanism_unsupported", "aborted", "unknown_user")
    frame = table(*(event(n, "failure", cause=cause, time=None) for n, cause in enumerate(causes)))

    said = {sl.clients(frame).select("cause", "line").row(0) for _ in range(20)}

    assert said == {("unknown_user", "m:1:4")}


def test_a_client_that_gets_in_again_is_not_refused_and_keeps_its_reason() -> None:
    row = sl.clients(table(event(0, "failure", cause="account_locked"), event(1, "success"))).row(0, named=True)

    assert (row["n_refused_since"], row["refused_since"]) == (0, None)
    assert (row["n_not_accepted"], row["cause"], row["line"]) == (1, "account_locked", "m:1:0")


def test_a_refusal_without_name_is_over_once_anybody_gets_in_from_there() -> None:
    frame = table(
        event(0, "deferred", user=None),
        event(1, "success"),
        event(2, "refused", user=None, client_ip="192.0.2.7"),
        event(3, "refused", user=None, client_ip=None),
    )

    rows = sl.clients(frame).filter(pl.col("user").is_null()).select("client_ip", "last_success", "n_refused_since")

    assert set(rows.rows()) == {("192.0.2.9", at(1), 0), ("192.0.2.7", None, 1), (None, None, 1)}


def test_a_client_that_never_failed_has_no_reason() -> None:
    row = sl.clients(table(event(0, "success"))).row(0, named=True)

    assert (row["cause"], row["basis"], row["detail"], row["line"], row["n_not_accepted"]) == (
        None,
        None,
        None,
        None,
        0,
    )


def test_those_refused_now_come_first() -> None:
    frame = table(
        *(event(i, "failure", client_ip="192.0.2.1") for i in range(5)),
        event(9, "success", client_ip="192.0.2.1"),
        event(1, "failure", client_ip="192.0.2.2"),
        event(1, "failure", client_ip="192.0.2.3", count=2),
        event(1, "failure", client_ip=None, side="client", relay_host="smtp.example.net", user="robot"),
    )

    assert sl.clients(frame)["client_ip"].to_list() == ["192.0.2.3", "192.0.2.2", None, "192.0.2.1"]


@pytest.mark.parametrize(
    ("asked", "users"),
    [
        ("anna", ["ANNA@example.com", "EXAMPLE\\anna", "anna", "anna@example.net"]),
        (" Anna@Example.com ", ["ANNA@example.com", "EXAMPLE\\anna", "anna"]),
        ("anna@example.net", ["EXAMPLE\\anna", "anna", "anna@example.net"]),
        ("ann", []),
        ("hanna", ["hanna@example.com"]),
        ("a.*", []),
    ],
)
def test_an_account_is_found_by_its_name_in_any_form(asked: str, users: list[str]) -> None:
    names = ["ANNA@example.com", "EXAMPLE\\anna", "anna", "anna@example.net", "hanna@example.com", "anna.b@example.com"]

    frame = table(*(event(i, "failure", user=name) for i, name in enumerate(names)))

    assert sorted(sl.clients(frame, user=asked)["user"]) == users


def test_refusals_that_name_nobody_count_where_the_account_is_at_home_or_the_sender() -> None:
    frame = table(
        event(0, "success"),
        event(1, "failure", client_ip="192.0.2.66"),
        event(2, "refused", user=None, cause="tls_required"),
        event(3, "refused", user=None, client_ip="192.0.2.66"),
        event(
            4,
            "refused",
            user=None,
            client_ip="192.0.2.7",
            sender="anna@example.com",
            stage="rcpt",
            cause="relay_denied",
        ),
        event(5, "failure", user="bob@example.com"),
    )

    kept = selected(frame, user="anna")

    assert kept["line_no"].to_list() == [0, 1, 2, 4]
    assert_frame_equal(selected(frame.lazy(), user="anna").collect(), kept)


@pytest.mark.parametrize(
    ("asked", "lines"),
    [("192.0.2.9", [0, 1]), ("SCANNER", [2, 3]), ("scan.example", [2, 3]), ("192.0.2", []), (".*", [])],
)
def test_a_client_is_found_by_address_or_part_of_its_name_with_all_of_its_session(asked: str, lines: list[int]) -> None:
    frame = table(
        event(0, "failure", session="a"),
        event(1, "failure", session=None),
        event(2, "failure", client_ip="192.0.2.20", client_name="scan.example", helo="Scanner-2", session="b"),
        event(3, "failure", client_ip="192.0.2.20", session="b"),
        event(4, "failure", client_ip="192.0.2.20", session=None),
    )

    assert selected(frame, client=asked)["line_no"].to_list() == lines


def test_context_and_other_protocols_stay_out() -> None:
    frame = table(event(0, "info"), event(1, "failure", protocol="imap"), event(2, "success", stage="session"))

    assert sl.clients(frame).is_empty()
    assert sl.clients(frame).schema == sl.clients(table(event(0, "failure"))).schema


def test_what_is_no_event_table_is_refused() -> None:
    with pytest.raises(MissingColumns, match="stage"):
        sl.clients(pl.DataFrame({"time": [T0]}))


def finding(**more: Any) -> dict[str, Any]:
    return {
        "finding_id": "f",
        "subject_kind": "user",
        "subject": "x",
        "start": at(0),
        "end": at(9),
        "evidence": [],
    } | more


def test_findings_concern_an_account_by_name_address_line_or_because_all_are_hit() -> None:
    events = table(event(3, "failure"), event(20, "success"))
    asked = {
        "name": finding(user="anna@example.com"),
        "subject": finding(subject="anna@example.com"),
        "address": finding(client_ip="192.0.2.9", subject_kind="address"),
        "its address, another account": finding(client_ip="192.0.2.9", user="bob@example.com"),
        "line": finding(subject_kind="campaign", evidence=["m:1:1", "m:1:3"]),
        "line of a login": finding(subject_kind="campaign", evidence=["m:1:20"]),
        "outage": finding(subject_kind="server", subject="mx"),
        "outage without end": finding(subject_kind="server", subject="mx", end=None),
        "outage over before": finding(subject_kind="server", subject="mx", start=at(0), end=at(2)),
        "outage begun after": finding(subject_kind="server", subject="mx", start=at(4), end=at(30)),
        "someone else": finding(user="bob@example.com", client_ip="192.0.2.8"),
    }
    rows = [row | {"finding_id": name} for name, row in asked.items()]
    found = as_table(pl.DataFrame(rows, infer_schema_length=None), FINDINGS)

    kept = concerning(found, events)["finding_id"].to_list()

    assert kept == ["name", "subject", "address", "line", "outage", "outage without end"]
    assert concerning(found, events.clear()).is_empty()
    assert concerning(empty(FINDINGS), events).is_empty()


def test_a_refused_client_is_told_with_cause_remedy_and_line() -> None:
    events = table(
        event(0, "success"), event(5, "failure", basis="assumed", tls="none", mechanism="LOGIN", server_port=25)
    )

    text = told(*standing(events, sl.clients(events), empty(FINDINGS), asked="user anna", zone="UTC"))

    assert "user anna: 1 client, 1 refused when last seen, 0 getting in. Times: UTC." in text
    assert "REFUSED anna@example.com from 192.0.2.9" in text
    assert "refused 1 time 2026-03-02 09:05; got in until 2026-03-02 09:00" in text
    assert "port 25, no TLS, LOGIN" in text
    assert "bad credentials (assumed: the log gives no reason): " in text
    assert "m:1:5  l5" in text
    fix = sl.causes().filter(pl.col("cause") == "bad_credentials")["fix"].item()
    assert fix in text


def test_a_client_is_sent_to_the_finding_about_it() -> None:
    events = table(event(0, "failure"), event(1, "failure", client_ip="192.0.2.8"), event(2, "failure", user="bob"))
    rows = [
        finding(finding_id="other", client_ip="192.0.2.9", user="carol"),
        finding(finding_id="hers", client_ip="192.0.2.9", user="anna@example.com"),
        finding(finding_id="account", user="anna@example.com"),
    ]
    found = as_table(pl.DataFrame(rows, infer_schema_length=None), FINDINGS)

    blocks = [told(b) for b in standing(events, sl.clients(events), found, asked="user anna", zone="UTC")]

    fix = sl.causes().filter(pl.col("cause") == "bad_credentials")["fix"].item()
    doing = {block.split(" (")[0].split("\n")[0].strip(): block for block in blocks[1:]}
    assert "see 3 below" in doing["REFUSED anna@example.com from 192.0.2.8"]
    assert "see 2 below" in doing["REFUSED anna@example.com from 192.0.2.9"]
    assert fix in doing["REFUSED bob from 192.0.2.9"]


def test_strangers_are_summed_up_behind_the_clients_of_the_account() -> None:
    rows = [event(i, "failure", client_ip=f"198.51.100.{i}") for i in range(9)]
    events = table(*rows, event(20, "success"))

    text = told(*standing(events, sl.clients(events), empty(FINDINGS), asked="user anna", zone="UTC"))

    assert text.count("REFUSED") == 4
    assert text.index("GETS IN") < text.index("REFUSED")
    assert "5 more addresses that never logged in: refused 5 times in all." in text
    text = " ".join(text.split())
    assert "10 clients, 9 refused when last seen (9 of them never seen to log in), 1 getting in." in text
    assert text.count("If this address is not the owner's, leave it to a ban per address;") == 4
    assert sl.causes().filter(pl.col("cause") == "bad_credentials")["fix"].item() not in text


def test_whom_nothing_names_is_said_with_names_that_come_near() -> None:
    events = table(event(0, "failure"), event(1, "failure", user=None, count=3))

    text = told(*standing(events, sl.clients(events, user="ana"), empty(FINDINGS), asked="user ana", zone="UTC"))

    text = " ".join(text.split())
    assert (
        "user ana: no attempt in these logs. Either it never got as far as a login here, or these are logs of" in text
    )
    assert "Names that come near: anna@example.com." in text
    assert "3 refusals name no account: ask by address or name of the device, with --client." in text


def test_names_out_of_a_log_move_nothing() -> None:
    name = "anna\x1b[31m\u202e@example.com"
    events = table(event(0, "failure", user=name, helo="\x1b]0;x\x07", raw="\x1b[2J"))

    text = told(*standing(events, sl.clients(events), empty(FINDINGS), asked="user \x1b[1m", zone="UTC")) + told(
        *standing(events, sl.clients(events, user="ana"), empty(FINDINGS), asked="user ana\x1b", zone="UTC")
    )

    assert not {"\x1b", "\u202e", "\x07"} & set(text)


def test_one_command_says_why_ann_cannot_send(capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = run(capsys, "triage", *LOCKOUT, "--user", "ann")

    assert code == 0
    assert "user ann: 3 clients, 1 refused when last seen, 2 getting in." in text
    assert "still uses an old password" in " ".join(text.split())
    assert "carol@example.com" not in text


def test_the_same_as_json_for_a_device(capsys: pytest.CaptureFixture[str]) -> None:
    _, text, _ = run(capsys, "triage", *LOCKOUT, "--client", "198.51.100.23", "--json")

    said = json.loads(text)
    assert [(row["user"], row["n_success"], row["n_refused_since"]) for row in said["clients"]] == [
        ("ann@example.com", 26, 430)
    ]
    assert {row["user"] for row in said["findings"]} == {"ann@example.com"}


def test_a_refusal_that_no_line_explains_is_told_as_that() -> None:
    events = table(event(0, "refused", cause="unknown", basis="counter", detail="auth=0/1"))

    text = told(*standing(events, sl.clients(events), empty(FINDINGS), asked="user anna", zone="UTC"))

    assert "not known: no line of the log says why" in text
    assert "None known" not in text


def test_a_refusal_without_a_cause_is_sent_to_what_met_everybody_then() -> None:
    events = table(
        event(5, "deferred", cause="unknown", user=None),
        event(30, "deferred", cause="unknown", user=None, client_ip="192.0.2.8"),
    )
    outage = {
        "finding_id": "a",
        "status": "found",
        "severity": "serious",
        "subject_kind": "server",
        "subject": "logins",
    }
    found = as_table(pl.DataFrame([outage | {"start": at(0), "end": at(10), "title": "Nobody could log in"}]), FINDINGS)

    text = told(*standing(events, sl.clients(events), found, asked="user anna", zone="UTC"))

    assert text.count("do     see 1 below") == 1
    assert "`smtplogs explain '<the line below>'`" in text


def test_what_is_ones_own_comes_before_what_met_everybody() -> None:
    events = table(event(5, "failure"))
    rows = [
        {"finding_id": "a", "severity": "serious", "subject_kind": "server", "subject": "logins", "title": "For all"},
        {"finding_id": "b", "severity": "warning", "subject_kind": "user", "user": "anna@example.com", "title": "Own"},
    ]
    found = as_table(
        pl.DataFrame([r | {"status": "found", "start": at(0), "end": at(9)} for r in rows], infer_schema_length=None),
        FINDINGS,
    )

    text = told(triage_text(events, None, found, clients=sl.clients(events), asked="user anna"))

    assert text.index("1     WARNING Own") < text.index("2     SERIOUS For all")
    assert "do     see 1 below" in text
