"""The public simulator: the same story in Postfix's and in Exim's words, the truth beside it, nothing overwritten."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from commands import exit_code
from smtplogs.errors import UnknownName
from smtplogs.simulating import FILES, SCENARIOS

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

LOGS = ("postfix", "exim")
SLACK = timedelta(minutes=10)
SEEDS = (87_101, 87_102, 87_103)
"""Never used to tune a detector or the simulator."""

QUICK = ("lockout", "takeover", "relay-repaired")
"""Scenarios of the quick run, one seed."""


def read(folder: Path, name: str) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    return sl.read(folder / name, full=True)


def near(found: pl.DataFrame, row: dict[str, Any], last: datetime) -> pl.DataFrame:
    """Return the findings of a truth's kind that overlap it."""
    same = found.filter(pl.col("kind").cast(pl.String) == row["kind"])
    begin, over = row["start"] - SLACK, row["end"] + SLACK
    return same.filter(pl.col("start") <= over, pl.col("end").fill_null(last) >= begin)


def drawn() -> list[Any]:
    """Return every scenario with every seed; most of them, and all in the words of both servers, for the slow tier."""
    quick = {(scenario, SEEDS[0]): LOGS[i % 2 : i % 2 + 1] for i, scenario in enumerate(QUICK)}
    every = [(name, seed) for name in SCENARIOS for seed in SEEDS]
    return [
        *(pytest.param(*drawn, logs, id="-".join(map(str, (*drawn, *logs)))) for drawn, logs in quick.items()),
        *(pytest.param(*one, LOGS, marks=pytest.mark.slow, id="-".join(map(str, one))) for one in every),
    ]


@pytest.mark.parametrize(("scenario", "seed", "logs"), drawn())
def test_what_happened_leads_and_nothing_else_does(
    tmp_path: Path, scenario: str, seed: int, logs: tuple[str, ...]
) -> None:
    """Above info only what the scenario is about leads a story; all that follows from it is a part of it."""
    truth = sl.simulate(tmp_path, scenarios=[scenario], seed=seed)
    assert set(truth["scenario"]) <= {scenario}
    leads = truth.filter("leads")
    for name in logs:
        events, coverage, traffic = read(tmp_path, name)
        found = sl.findings(events, coverage=coverage, traffic=traffic).filter(status="found")
        told = found.select("severity", "kind", "title", "part_of").rows()
        assert coverage["not_understood"].sum() == 0
        top = found.filter(pl.col("part_of").is_null())
        loud = Counter(top.filter(pl.col("severity") != "info")["kind"].cast(pl.String))
        assert loud <= Counter(leads["kind"]), (name, told)
        for row in leads.filter("observable").iter_rows(named=True):
            assert near(top, row, events["time"].max()).height, (name, row, told)  # pyright: ignore
        for (kind,), rows in truth.filter("observable", ~pl.col("leads")).group_by("kind"):
            assert any(near(found, row, events["time"].max()).height for row in rows.to_dicts()), (name, kind, told)  # pyright: ignore


@pytest.mark.parametrize("seed", [78, *(pytest.param(s, marks=pytest.mark.slow) for s in range(87_111, 87_121))])
def test_quiet_days_are_quiet(tmp_path: Path, seed: int) -> None:
    assert sl.simulate(tmp_path, scenarios=["quiet"], seed=seed).is_empty()
    for name in LOGS:
        events, coverage, traffic = read(tmp_path, name)
        found = sl.findings(events, coverage=coverage, traffic=traffic)
        assert found.filter(pl.col("severity") != "info")["title"].to_list() == []


def test_both_servers_tell_the_same_attempts(tmp_path: Path) -> None:
    sl.simulate(tmp_path, scenarios=("outage", "throttling", "takeover"), seed=79)
    counts = []
    for name in LOGS:
        events = sl.read(tmp_path / name).filter(stage="auth")
        same = events.group_by("user", "client_ip", pl.col("outcome").cast(pl.String), pl.col("time").dt.truncate("1s"))
        counts.append(Counter(dict(same.agg(pl.col("count").sum()).filter(outcome="failure").select(
            pl.struct("user", "client_ip", "time").struct.json_encode(), "count").iter_rows())))  # fmt: skip
        assert events.filter(outcome="throttled").height >= 300
        assert events.filter(outcome="deferred").height >= 20
    assert counts[0] == counts[1]


def test_a_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    for folder, seed in (("a", 5), ("b", 5), ("c", 6)):
        sl.simulate(tmp_path / folder, scenarios=["forgotten"], seed=seed, days=5, users=40)
    a, b, c = ([(tmp_path / folder / name).read_bytes() for name in FILES] for folder in "abc")

    assert a == b
    assert all(x != y for x, y in zip(a, c, strict=True))


def test_the_truth_is_on_disk_too(tmp_path: Path) -> None:
    truth = sl.simulate(tmp_path, scenarios=["lockout", "spray"], seed=80)
    kept = pl.read_csv(tmp_path / "truth.csv", try_parse_dates=True, schema_overrides=truth.drop("start", "end").schema)

    assert_frame_equal(kept.with_columns(pl.col("start", "end").cast(truth["start"].dtype)), truth, abs_tol=0)
    locks = truth.filter(kind="lockout")
    assert locks.filter("observable").height >= 1
    assert (locks.filter("observable")["n_refused"] >= 1).all()
    assert truth.filter(scenario="spray").select("kind", "leads").rows() == [("spray", True), ("spray_rise", False)]


def test_bans_follow_from_guesses_of_which_enough_got_through(tmp_path: Path) -> None:
    truth = sl.simulate(tmp_path, scenarios=["ban"], seed=506)
    guesses = truth.filter(kind="brute_force")
    tries = sl.read(tmp_path / "exim").filter(pl.col("client_ip").is_in(guesses["subject"].implode()), stage="auth")
    n = dict(tries.group_by("client_ip").agg(pl.col("count").sum()).rows())
    bans = truth.filter(kind="ip_ban").group_by("subject").agg(pl.col("leads").unique())

    assert sorted(n.values()) == [30, 60, 74, 75, 97, 105]
    assert guesses.select("subject", "leads", "observable").rows() == [
        (ip, True, n[ip] >= 75) for ip in guesses["subject"]
    ]
    assert dict(bans.rows()) == {ip: [n.get(ip, 0) < 50] for ip in bans["subject"]}


def test_addresses_and_domains_are_those_for_documentation(tmp_path: Path) -> None:
    sl.simulate(tmp_path, scenarios=list(SCENARIOS), seed=81, days=5, users=40)
    nets = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
    for name in FILES:
        text = (tmp_path / name).read_text(encoding="utf-8")
        for address in set(re.findall(r"\[([0-9a-f]*[.:][0-9a-f.:]+)\]", text)):
            assert any(ipaddress.ip_address(address) in net for net in nets), address
        assert set(re.findall(r"@([a-z.]+)", text)) <= {"example.com", "example.net"}


def test_mistakes_of_the_caller_are_named_and_nothing_is_overwritten(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"earthquake.*lockout"):
        sl.simulate(tmp_path, scenarios=["earthquake"])
    for wrong in ({"days": 4}, {"days": 61}, {"users": 39}, {"users": 251}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            sl.simulate(tmp_path, **wrong)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "truth.csv").write_text("mine")
    with pytest.raises(FileExistsError, match="new folder"):
        sl.simulate(tmp_path, days=5, users=40)
    assert [p.name for p in tmp_path.iterdir()] == ["truth.csv"]
    assert (tmp_path / "truth.csv").read_text() == "mine"


def test_the_command_writes_a_site_and_refuses_what_it_must(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--scenarios", "outage", "spray", "--seed", "4", "--days", "5", "--users", "40"]
    assert exit_code("simulate", str(tmp_path / "new"), *given) == 0
    assert "3 rows of truth" in capsys.readouterr().out
    assert exit_code("simulate", str(tmp_path / "new"), "--days", "5") == 2
    assert "new folder" in capsys.readouterr().err
    assert exit_code("simulate", str(tmp_path / "other"), "--scenarios", "earthquake") == 2
    assert "earthquake" in capsys.readouterr().err
