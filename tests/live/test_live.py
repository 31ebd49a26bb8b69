"""Real servers: what smtplogs reads from their logs is what the clients saw. Run by `tests/live/run.sh`."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import pytest

import smtplogs as sl
from live import drawn_judging, drawn_otherwise, judging, printed
from live.play import ASKED, DRAWN, PRINTED, SETUPS

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


@pytest.mark.parametrize("setup", SETUPS, ids="-".join)
def test_a_dataset_of_the_logs_holds_the_same(setup: tuple[str, str, str], tmp_path: Path) -> None:
    known = recording(setup)
    sl.parse(sorted(known.folder.glob("*.log")), tmp_path / "data", host="mx1", progress=False)
    columns = (
        "time",
        "source",
        "line_no",
        "stage",
        "outcome",
        "cause",
        "basis",
        "count",
        "client_ip",
        "mechanism",
        "tls",
    )

    again = sl.load(tmp_path / "data").select(columns).collect().sort(columns)

    assert again.rows() == known.events.select(columns).sort(columns).rows()


@pytest.mark.parametrize("setup", PRINTED, ids="-".join)
def test_what_programs_print_of_a_login_is_read_as_the_relays_answered(setup: tuple[str, str, str]) -> None:
    folder = Path(FOLDER or "") / "-".join(setup)
    if not FOLDER or not (folder / "truth.json").exists():
        pytest.skip(f"{folder.name} was not recorded: run tests/live/run.sh")

    assert printed.deviations(folder) == []


@pytest.mark.parametrize("setup", ASKED, ids="-".join)
def test_probe_sees_what_the_server_offers_and_judges_one_login(setup: tuple[str, str, str]) -> None:
    folder = Path(FOLDER or "") / "-".join(setup)
    if not FOLDER or not (folder / "good.json").exists():
        pytest.skip(f"{folder.name} was not recorded: run tests/live/run.sh")
    told = {
        name: json.loads((folder / f"{name}.json").read_text())
        for name in ("submission", "wrapper", "mismatch", "good", "bad")
    }
    causes = {name: {row["cause"] for row in answer["verdicts"] if row["cause"]} for name, answer in told.items()}
    logins = {
        name: [(e["outcome"], e["cause"]) for e in told[name]["events"] if e["stage"] == "auth"]
        for name in ("good", "bad")
    }

    for name in ("submission", "wrapper"):
        port = told[name]["ports"][0]
        assert {"PLAIN", "LOGIN"} <= set(port["auth_after"])
        assert port["tls"].startswith("TLSv1.")
    assert told["submission"]["exit_code"] in (0, 1)
    assert "wrong_host_or_port" in causes["mismatch"]
    assert logins["good"] == [("success", "success")]
    assert [outcome for outcome, _ in logins["bad"]] == ["failure"]
    assert [word for word in judging.SECRETS if word in json.dumps(told)] == []


@cache
def drawn(setup: tuple[str, str, str]) -> drawn_judging.Drawn:
    folder = Path(FOLDER or "") / "-".join(setup)
    if not FOLDER or not (folder / "settings.json").exists():
        pytest.skip(f"{folder.name} was not recorded: run tests/live/run.sh drawn")
    return drawn_judging.load(folder)


@pytest.mark.parametrize("setup", DRAWN, ids="-".join)
def test_drawn_sessions_are_read_as_the_clients_saw_them(setup: tuple[str, str, str]) -> None:
    known = drawn(setup)

    assert drawn_judging.deviations(known) == []
    assert drawn_judging.confusions(known) == []
    shown = known.events.write_json()
    assert [word for word in judging.SECRETS if word in shown] == []


@pytest.mark.parametrize("setup", DRAWN, ids="-".join)
def test_drawn_sessions_are_read_the_same_however_their_logs_are_given(
    setup: tuple[str, str, str], tmp_path: Path
) -> None:
    known = drawn(setup)

    told = drawn_otherwise.otherwise(known, int(known.settings["seed"]), tmp_path)

    assert {way: rows for way, rows in told.items() if rows != drawn_otherwise.same(known.events)} == {}
