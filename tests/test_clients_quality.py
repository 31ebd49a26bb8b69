"""From log lines to findings: forgotten applications, wrong settings, relays, exposure, on sites with hidden truth.

Seeds 1 to 20 were never looked at while rules and bounds were chosen (those were 101 to 116);
`benchmarks/quality_clients.py` draws fresh ones.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest

from score_clients import SCORES, Score, judged, play
from simulate_clients import busy_site, quiet_site
from smtplogs.detect import misconfigured_clients, stale_credentials

SEEDS = [pytest.param(4, id="4-sites"), pytest.param(20, id="20-sites", marks=pytest.mark.slow)]
"""How many of them: four in the quick run, all in `tests/slow.sh`."""


@cache
def pooled(n_sites: int) -> dict[str, Score]:
    """Play the first seeds once."""
    scores = {name: Score() for name in SCORES}
    with TemporaryDirectory() as folder:
        for seed in range(1, n_sites + 1):
            site = busy_site(seed)
            events, _, traffic = play(site, Path(folder))
            for name, found in judged(events, traffic).items():
                scores[name].add(SCORES[name](site, found))
    return scores


@pytest.mark.parametrize("n_sites", SEEDS)
@pytest.mark.parametrize("detector", SCORES)
def test_what_is_told_is_so_and_what_shows_is_told(detector: str, n_sites: int) -> None:
    score = pooled(n_sites)[detector]

    assert score.there.total() >= n_sites
    assert score.precision() >= 0.95, score.mistakes[:5]
    assert score.recall() >= 0.9, score.missed[:5]


@pytest.mark.parametrize("n_sites", SEEDS)
def test_every_mistake_in_the_settings_is_found_by_its_kind(n_sites: int) -> None:
    score = pooled(n_sites)["misconfigured_clients"]

    for kind in score.there:
        assert score.recall(kind) >= 0.9, (kind, score.missed[:5])
    for kind in score.right:
        assert score.precision(kind) >= 0.9, (kind, score.mistakes[:5])


@pytest.mark.parametrize("n_sites", SEEDS)
def test_period_and_moment_of_the_change_are_right(n_sites: int) -> None:
    score = pooled(n_sites)["stale_credentials"]

    assert len(score.period_errors) >= 3 * n_sites
    assert max(score.period_errors) <= 0.03
    assert sum(score.brackets) >= 0.98 * len(score.brackets)
    assert all(pooled(n_sites)["relay_refusals"].brackets)


@pytest.mark.parametrize("seed", [201, *(pytest.param(s, marks=pytest.mark.slow) for s in (202, 203))])
def test_quiet_weeks_are_quiet(seed: int, tmp_path: Path) -> None:
    """Typing mistakes, changed passwords, phones that poll, bots and scanners: nothing above info."""
    events, _, traffic = play(quiet_site(seed), tmp_path)

    for name, found in judged(events, traffic).items():
        loud = found.filter(pl.col("severity") != "info")
        assert loud.is_empty(), (name, loud["title"].to_list())


def test_dropped_names_leave_addresses_and_say_what_cannot_be_told(tmp_path: Path) -> None:
    """A log of Postfix before 3.9: failures without a name are those of the only account that logs in from there."""
    events, _, _ = play(busy_site(301), tmp_path)
    nameless = events.with_columns(pl.when(pl.col("outcome") != "failure").then("user").alias("user"))

    clients = ["kind", "client_ip", "user", "start", "n_events"]
    whole, stale = (
        set(stale_credentials(frame).filter(kind="stale_credential", status="found").select(clients).rows())
        for frame in (events, nameless)
    )
    assert stale
    # without the name a mistake in it looks like an old password
    mistaken = misconfigured_clients(events).filter(pl.col("kind").is_in(["local_part_only", "blank_or_break"]))
    assert {ip for _, ip, *_ in stale - whole} <= set(mistaken["client_ip"])
    by_address = ("no_tls", "port_25", "old_tls", "mechanism", "bad_base64", "tls_mode")
    named, dropped = (
        misconfigured_clients(frame)
        .filter(pl.col("kind").is_in(by_address))
        .select("kind", "client_ip", "start", "n_events")
        for frame in (events, nameless)
    )
    assert dropped.rows() == named.rows()


def test_shuffled_and_renamed_events_give_the_same_findings(tmp_path: Path) -> None:
    events, _, traffic = play(busy_site(302), tmp_path)
    renamed = events.sample(fraction=1, shuffle=True, seed=3).with_columns(
        pl.col("user").str.replace("@example.com", "@example.net")
    )

    for name, found in judged(events, traffic).items():
        other = judged(renamed, traffic)[name]
        same = ["kind", "severity", "client_ip", "start", "end", "n_events"]
        assert other.select(same).sort(same).rows() == found.select(same).sort(same).rows(), name
