"""Lines from public test suites and from our own lab, each against what must become of it.

The cases are data: `cases/*.jsonl`, made by `cases/translate.py`, which tells the rules and keeps the list of cases that
are wrong.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import TYPE_CHECKING

import polars as pl
import pytest

from public_cases import Row, cases, differences, params
from smtplogs import parsing, planning, reading, stamps, unwrapping
from smtplogs.normalising import split_keys
from smtplogs.schema import RECORDS, conform

if TYPE_CHECKING:
    from pathlib import Path

MESSAGE_ONLY = "2025-11-03T09:05:01Z mx1 {}[42]: {}"
NOW = dt.datetime(2025, 12, 31, tzinfo=dt.UTC)


def line_of(case: Row) -> str:
    return MESSAGE_ONLY.format(case["program"], case["line"]) if "program" in case else case["line"]


def records_of(lines: dict[int, str], *, hot: bool = True) -> list[Row]:
    """Parse lines of one file; `line_no` is the index that they were given under."""
    wrapper = unwrapping.detect(list(lines.values()))
    chosen = planning.plan(list(lines.values()) if hot else ["exim"])
    batch = pl.DataFrame({"line_no": list(lines), "line": list(lines.values())}, schema=parsing.LINES)
    if wrapper is not None:
        batch, _ = unwrapping.unwrap(batch, wrapper, last=True)
    told, _ = parsing.parse(batch.lazy(), chosen)
    if not told.height:
        return []
    parts = [f if "host" in f.columns else split_keys(f) for f in told.parts]
    found = pl.concat([conform(f, RECORDS) for f in parts], how="diagonal").sort("line_no")
    times, _ = stamps.resolve(told.stamps, stamps.anchor(year=2025, now=NOW))
    return found.hstack(times.select(pl.all().gather(found["_stamp"]))).to_dicts()


@cache
def records(name: str, *, hot: bool = True) -> dict[int, Row]:
    """Return the record of every line of a file of cases that gave one, all lines parsed at once."""
    lines = {i: line_of(case) for i, case in enumerate(cases(name))}
    wrapped = {i for i, line in lines.items() if unwrapping.detect([line]) is not None}
    rows = records_of({i: line for i, line in lines.items() if i not in wrapped}, hot=hot)
    for i in wrapped:
        rows += records_of({i: lines[i]}, hot=hot)
    return {row["line_no"]: row for row in rows}


def complaint(case: Row, row: Row | None) -> str | None:
    """Say what is wrong with the record of a case, if anything is."""
    if case["expect"] is None:
        return f"must give no event, gave {told(row)}" if row and row["_role"] == "event" else None
    if row is None:
        return "was taken by no pattern"
    wrong = differences(case["expect"], row)
    pairs = "\n".join(f"  {column}: {pair}" for column, pair in wrong.items())
    return f"as {row['pattern']} differs (expected, found):\n{pairs}" if wrong else None


def check(name: str) -> None:
    """Fail with every case that differs; one test per case would take longer than all the cases."""
    said = {i: complaint(case, records(name).get(i)) for i, case in enumerate(cases(name)) if "wrong" not in case}
    assert len(said) > 200
    wrong = [f"{name}-{i}: {cases(name)[i]['line']}\n{text}" for i, text in said.items() if text]
    assert not wrong, "\n".join([f"{len(wrong)} of {len(said)} cases", *wrong])


def told(row: Row) -> Row:
    return {k: v for k, v in row.items() if v is not None and k not in {"raw", "stamp", "key"}}


def test_lines_from_public_suites_give_what_they_must() -> None:
    check("postfix-dovecot")


def test_lines_from_the_lab_give_what_they_must() -> None:
    check("lab")


def test_lines_of_exim_sendmail_and_opensmtpd_give_what_they_must() -> None:
    check("exim-sendmail")


@pytest.mark.parametrize("name", ["postfix-dovecot", "lab", "exim-sendmail"])
def test_fused_patterns_and_the_general_way_agree(name: str) -> None:
    fast, slow = ({i: row | {"_stamp": None} for i, row in records(name, hot=h).items()} for h in (True, False))

    assert fast.keys() == slow.keys()
    for index, row in fast.items():
        other = told(slow[index])
        # frequent context lines come out of the fused way with few columns
        assert told(row) == (other if row["_role"] == "event" else {c: other.get(c) for c in told(row)})


@pytest.mark.parametrize("index", params("envelopes"))
def test_every_envelope_of_one_message_gives_the_same_event(index: int, tmp_path: Path) -> None:
    case = cases("envelopes")[index]
    path = tmp_path / "mail.log"
    path.write_text(case["line"] + "\n")

    rows = reading.read(path, year=2025).filter(pl.col("outcome") != "info").to_dicts()

    assert len(rows) == 1
    assert differences(case["expect"], rows[0]) == {}
