"""Real servers: what smtplogs reads from their logs is what the clients saw. Run by `tests/live/run.sh`."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from live import judging
from live.play import SETUPS

pytestmark = pytest.mark.live

FOLDER = os.environ.get("LIVE_RECORDINGS")


@cache
def recording(setup: tuple[str, str, str]) -> judging.Recording:
    if not FOLDER:
        pytest.skip("no recordings: run tests/live/run.sh, which starts the servers (root on Debian)")
    folder = Path(FOLDER) / "-".join(setup)
    if not (folder / "truth.json").exists():
        pytest.skip(f"{folder.name} was not recorded: run.sh says why")
    return judging.load(folder)


@pytest.mark.parametrize("setup", SETUPS, ids="-".join)
def test_the_log_is_read_as_the_clients_saw_it(setup: tuple[str, str, str]) -> None:
    assert judging.deviations(recording(setup)) == []


@pytest.mark.parametrize("setup", SETUPS, ids="-".join)
def test_no_success_is_called_a_failure_nor_the_other_way_round(setup: tuple[str, str, str]) -> None:
    assert judging.confusions(recording(setup)) == []


@pytest.mark.parametrize("setup", SETUPS, ids="-".join)
def test_no_password_that_the_clients_sent_is_in_any_table(setup: tuple[str, str, str]) -> None:
    shown = recording(setup).events.write_json()

    assert [word for word in judging.SECRETS if word in shown] == []
