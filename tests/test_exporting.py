"""Events in the words of ECS: categories, outcomes, addresses, durations, and nothing that is not known."""

from __future__ import annotations

import polars as pl
import pytest

import smtplogs as sl
from smtplogs.errors import MissingColumns


def test_bans_are_denials_with_nanoseconds() -> None:
    rows = sl.to_ecs(sl.read(sl.sample("bans/cut-off"))).sort("@timestamp")
    ban, end, *others = rows.to_dicts()

    assert (ban["event.category"], ban["event.type"]) == (["intrusion_detection"], ["denied"])
    assert (ban["event.action"], ban["event.outcome"], ban["event.duration"]) == ("address-ban", "failure", None)
    assert ban["related.ip"] == [ban["source.ip"]] == ["203.0.113.9"]
    assert (end["event.type"], end["event.outcome"]) == (["info"], None)
    assert [row["event.duration"] for row in others if row["event.duration"]] == [
        hours * 3_600_000_000_000 for hours in (4, 1, 1 / 3)
    ]


def test_logins_keep_who_where_and_how() -> None:
    events = sl.read(sl.sample("postfix/lockout"))
    rows = sl.to_ecs(events)

    assert rows.height == events.height
    assert rows["@timestamp"].to_list() == events["time"].to_list()
    good = rows.filter(pl.col("event.type").list.contains("start"))
    assert good.height == events.filter(pl.col("outcome") == "success").height > 0
    assert good["event.outcome"].unique().to_list() == ["success"]
    bad = rows.filter(pl.lit(events["outcome"] == "failure"))
    assert bad["event.category"].explode().unique().to_list() == ["authentication"]
    assert bad["event.outcome"].unique().to_list() == ["failure"]


def test_refused_relaying_is_no_login_and_what_is_unknown_stays_null() -> None:
    told = pl.DataFrame(
        {
            "time": [None] * 3,
            "stage": ["rcpt", "auth", "auth"],
            "outcome": ["refused", "deferred", "failure"],
            "cause": ["relay_denied", "backend_unavailable", "bad_credentials"],
            "tls": [None, "none", "TLSv1.3"],
            "user": [None, "ann", "ann@example.com"],
        }
    )
    rows = sl.to_ecs(told)

    assert rows["event.category"].to_list() == [["email"], ["authentication"], ["authentication"]]
    assert rows["event.outcome"].to_list() == ["failure", "unknown", "failure"]
    assert rows["tls.established"].to_list() == [None, False, True]
    assert rows["tls.version"].to_list() == [None, None, "1.3"]
    assert rows["user.domain"].to_list() == [None, None, "example.com"]
    assert rows["related.user"].to_list() == [[], ["ann"], ["ann@example.com"]]


def test_a_frame_that_is_no_event_table_is_refused() -> None:
    with pytest.raises(MissingColumns):
        sl.to_ecs(pl.DataFrame({"x": [1]}))
