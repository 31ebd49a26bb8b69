"""Public cases of the relay formats: read as a file whose format nobody names, each gives what it must."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import smtplogs as sl
from public_cases import differences
from smtplogs import replies
from test_declaring import CSV, EXAMPLE

CASES = Path(__file__).parent / "cases"


@cache
def cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / f"{name}.jsonl").read_text("utf-8").splitlines()]


def ids(name: str) -> list[str]:
    return [case["id"] for case in cases(name)]


@pytest.mark.parametrize("index", range(len(cases("relay-rest"))), ids=ids("relay-rest"))
def test_a_public_case_gives_what_it_must(index: int, tmp_path: Path) -> None:
    case = cases("relay-rest")[index]
    (tmp_path / "dash.toml").write_text(CSV, "utf-8")
    # the report's export has no field that tells SMTP from other protocols
    (tmp_path / "export.toml").write_text(
        re.sub(r"\[keep\].*\n.*\n", "", EXAMPLE.read_text("utf-8")).partition(
            '[[sample]]\nrecord = \'{"when":"2026-06-15T07:33'
        )[0]
    )
    (tmp_path / "log").write_text(case["text"] + "\n", "utf-8")
    format_ = "auto" if case["format"] == "auto" else str(tmp_path / f"{case['format']}.toml")
    rows = sl.read(tmp_path / "log", year=2026, format=format_).filter(pl.col("outcome") != "info").to_dicts()

    assert len(rows) == len(case["expect"])
    for row, expect in zip(rows, case["expect"], strict=True):
        assert differences(expect, row) == {}


@pytest.mark.parametrize("index", range(len(cases("relay-replies"))), ids=ids("relay-replies"))
def test_a_reply_as_a_program_shows_it_has_its_cause(index: int) -> None:
    case = cases("relay-replies")[index]
    told = replies.classify_replies(pl.DataFrame({"text": [case["text"]]})).row(0, named=True)

    assert told["cause"] == case["cause"]
