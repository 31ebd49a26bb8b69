"""The public simulator: the same story in Postfix's and in Exim's words, the truth beside it, nothing overwritten."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from smtplogs.cli import main
from smtplogs.errors import UnknownName
from smtplogs.simulating import FILES, SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

LOGS = ("postfix", "exim")
SLACK = timedelta(minutes=10)
OTHER_NAMES: dict[str, set[str]] = {
    "spray_rise": {"spray_rise", "spray"},
    "botnet_rise": {"botnet_rise", "distributed"},
}
"""What `incidents` and `attacks` call the same thing."""


def read(folder: Path, name: str) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    return sl.read(folder / name, full=True)


QUICK = ("lockout", "outage-535", "takeover")
"""Scenarios of the quick run."""


@pytest.mark.parametrize(
    "scenario", [pytest.param(s, marks=() if s in QUICK else pytest.mark.slow) for s in SCENARIOS if s != "quiet"]
)
def test_what_happened_is_found_in_either_log(tmp_path: Path, scenario: str) -> None:
    truth = sl.simulate(tmp_path, scenarios=[scenario], seed=77).filter("observable")

    assert set(truth["scenario"]) == {scenario}
    for name in LOGS:
        events, coverage, traffic = read(tmp_path, name)
        found = sl.findings(events, coverage=coverage, traffic=traffic).filter(status="found")
        assert coverage["not_understood"].sum() == 0
        for (kind,), rows in truth.group_by("kind"):
            told = found.filter(pl.col("kind").is_in(OTHER_NAMES.get(kind, {kind})))
            ends = told.select(pl.col("start"), pl.col("end").fill_null(events["time"].max()).alias("end"))
            near = ends.join_where(
                rows.select(begin="start", over="end"),
                pl.col("start") <= pl.col("over") + SLACK,
                pl.col("end") >= pl.col("begin") - SLACK,
            )
            assert near.height, (name, kind, found.select("kind", "title").rows())


@pytest.mark.parametrize("name", LOGS)
def test_quiet_days_are_quiet(tmp_path: Path, name: str) -> None:
    assert sl.simulate(tmp_path, scenarios=["quiet"], seed=78).is_empty()
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
    assert truth.filter(scenario="spray")["kind"].to_list() == ["spray_rise"]


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


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--scenarios", "outage", "spray", "--seed", "4", "--days", "5", "--users", "40"]
    assert run("simulate", str(tmp_path / "new"), *given) == 0
    assert "2 rows of truth" in capsys.readouterr().out
    assert run("simulate", str(tmp_path / "new"), "--days", "5") == 2
    assert "new folder" in capsys.readouterr().err
    assert run("simulate", str(tmp_path / "other"), "--scenarios", "earthquake") == 2
    assert "earthquake" in capsys.readouterr().err
