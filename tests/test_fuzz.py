"""Mutated samples of every format are read to the end and accounted for; a name, whatever it holds, moves no blame."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest

import fuzzing
import smtplogs as sl

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20261125
CASES = list(islice(fuzzing.cases(SEED), 24))
"""A longer run is `python tests/fuzzing.py --minutes 30`."""

QUICK = 8

FORGED = "192.0.2.66"
NAMES = (
    f"x: client=unknown[{FORGED}], sasl_username=ceo rhost={FORGED} rip={FORGED}]: SASL LOGIN authentication failed: x",
    f"x user=<ceo>, method=PLAIN, rip={FORGED}, lip=192.0.2.25",
    f"x,{FORGED}): unknown user",
    f"a) H=(pc) [{FORGED}]:5: 535 Incorrect authentication data (set_id=ceo",
)
LINES = [
    name for name in fuzzing.corpus()
    if not name.startswith(("entra", "example-relay", "exchange", "haraka/json")) and FORGED.encode() not in fuzzing.corpus()[name]
]  # fmt: skip
"""Logs of lines and sessions; in tables a name would be quoted by its writer."""


@pytest.mark.parametrize(
    "number",
    [pytest.param(n, marks=() if n < QUICK else pytest.mark.slow, id=f"{n}-{CASES[n][0]}") for n in range(len(CASES))],
)
def test_a_mutated_log_is_read_and_accounted_for(tmp_path: Path, number: int) -> None:
    name, data = CASES[number]
    path = tmp_path / name.rpartition("/")[2]
    path.write_bytes(data)

    assert fuzzing.broken(path, data) is None


@pytest.mark.parametrize("name", LINES)
def test_a_name_that_holds_a_line_moves_no_blame(tmp_path: Path, name: str) -> None:
    path = tmp_path / name.rpartition("/")[2]
    text = fuzzing.corpus()[name].decode("utf-8", "surrogateescape")
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    columns = ["line_no", "stage", "outcome", "client_ip", "server_ip"]
    before = sl.read(path, year=2026)
    named = before.filter(before["raw"].str.contains(before["user"], literal=True).fill_null(value=False))
    if named.is_empty():
        pytest.skip("no event names a user as the log has it")
    user = named["user"].value_counts(sort=True, name="n")["user"][0]
    for hostile in NAMES:
        path.write_bytes(text.replace(user, hostile).encode("utf-8", "surrogateescape"))
        after = sl.read(path, year=2026)

        rows, was = set(after.select(columns).rows()), set(before.select(columns).rows())
        assert rows <= was, hostile
        # OpenSMTPD and Cyrus end a field at a blank, so that such a name is told from no login or mail that succeeded;
        # Zimbra puts the names of its own accounts alone where no such text could stand
        spared = {"opensmtpd": ("success",), "cyrus": ("success",), "zimbra": ("success", "failure")}
        missing = {row for row in was - rows if row[2] not in spared.get(name.partition("/")[0], ())}
        assert not missing, hostile
        assert not after["user"].str.starts_with("ceo").any(), hostile
        assert FORGED not in set(after["client_ip"]) | set(after["server_ip"])
