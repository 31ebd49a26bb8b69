"""Events added up: every attempt is counted once, context never."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from small_events import table
from smtplogs.errors import MissingColumns
from smtplogs.schema import EVENTS, empty

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)


def event(second: int, outcome: str, **more: Any) -> dict[str, Any]:
    row = {"time": T0 + timedelta(seconds=second), "stage": "auth", "outcome": outcome, "count": 1, "side": "server"}
    row |= {"cause": {"success": "success", "info": None}.get(outcome, "bad_credentials"), "protocol": "smtp"}
    return row | {"user": "ann", "client_ip": "192.0.2.9", "session": "s1", "source": "m", "line_no": second} | more


def test_a_summary_adds_up_counts_most_frequent_first() -> None:
    frame = table(
        event(0, "success"),
        event(1, "failure", count=3, detail="b"),
        event(2, "failure", user="bob", client_ip=None, detail="a"),
        event(3, "failure", user=None, detail="a"),
        event(4, "info", count=50),
    )

    said = sl.summary(frame)

    assert said.select("outcome", "cause", "n", "n_users", "n_client_ips", "detail").rows() == [
        ("failure", "bad_credentials", 5, 2, 1, "a"),
        ("success", "success", 1, 1, 1, None),
    ]
    assert said["first"].to_list() == [T0 + timedelta(seconds=1), T0]
    assert said["last"].to_list() == [T0 + timedelta(seconds=3), T0]


def test_a_summary_keeps_sides_and_protocols_apart() -> None:
    frame = table(event(0, "failure"), event(1, "failure", side="client"), event(2, "failure", protocol="imap"))

    assert sl.summary(frame)["n"].to_list() == [1, 1, 1]


def test_a_large_count_does_not_overflow() -> None:
    assert (
        sl.summary(table(*(event(i, "failure", count=4_000_000_000) for i in range(3))))["n"].item() == 12_000_000_000
    )


def test_a_session_adds_up_its_attempts() -> None:
    frame = table(
        event(9, "success", stage="mail", cause="success"),
        event(1, "failure", mechanism="PLAIN", tls="TLSv1.3", helo="pc"),
        event(2, "refused", cause="tls_required", count=2, user=None),
        event(3, "success", mechanism="LOGIN"),
        event(4, "info", stage="session", user=None),
        event(5, "failure", session="s2", user="bob"),
        event(6, "failure", session=None),
    )

    said = sl.sessions(frame)

    assert said["session"].to_list() == ["s1", "s2"]
    assert said.row(0, named=True) == {
        "session": "s1",
        "start": T0 + timedelta(seconds=1),
        "end": T0 + timedelta(seconds=9),
        "host": None,
        "service": None,
        "side": "server",
        "client_ip": "192.0.2.9",
        "client_name": None,
        "helo": "pc",
        "tls": "TLSv1.3",
        "users": ["ann"],
        "mechanisms": ["PLAIN", "LOGIN"],
        "n_attempts": 4,
        "n_success": 1,
        "n_failure": 1,
        "n_not_judged": 2,
        "n_mails": 1,
        "causes": ["bad_credentials", "tls_required"],
        "result": "success",
    }


@pytest.mark.parametrize(
    ("outcomes", "result"),
    [
        (["failure", "success", "failure"], "success"),
        (["failure", "refused"], "refused"),
        (["failure"], "failure"),
        (["info"], None),
    ],
)
def test_the_result_is_a_login_else_the_last_word(outcomes: list[str], result: str | None) -> None:
    rows = [event(i, o, stage="session" if o == "info" else "auth") for i, o in enumerate(outcomes)]

    assert sl.sessions(table(*rows))["result"].to_list() == [result]


def test_the_order_of_the_rows_does_not_matter() -> None:
    frame = table(*(event(i, o, session=f"s{i % 2}", detail=f"d{i}") for i, o in enumerate(["failure", "success"] * 3)))

    for function in (sl.summary, sl.sessions):
        assert_frame_equal(function(frame), function(frame.reverse()))


@pytest.mark.parametrize("function", [sl.summary, sl.sessions])
def test_no_events_give_no_rows_and_the_same_columns(function: Any) -> None:
    whole = function(table(event(0, "failure")))

    assert function(empty(EVENTS)).schema == whole.schema
    assert function(empty(EVENTS)).height == 0


@pytest.mark.parametrize("function", [sl.summary, sl.sessions])
def test_a_frame_that_is_no_event_table_is_refused_by_name(function: Any) -> None:
    with pytest.raises(MissingColumns, match="outcome"):
        function(pl.DataFrame({"time": [T0]}))


def test_a_sample_adds_up() -> None:
    events = sl.read(sl.sample("postfix/new-year"))
    told = events.filter(pl.col("outcome") != "info")

    assert sl.summary(events)["n"].sum() == told["count"].sum()
    auth = told.filter((pl.col("stage") == "auth") & pl.col("session").is_not_null())
    assert sl.sessions(events)["n_attempts"].sum() == auth["count"].sum()
