"""Cases from public test suites and from our own lab, and how a record differs from what a case expects."""

from __future__ import annotations

import datetime as dt
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parent / "cases"

Row = dict[str, Any]


@cache
def cases(name: str) -> list[Row]:
    """Return the cases of a file."""
    return [json.loads(text) for text in (CASES / f"{name}.jsonl").read_text().splitlines()]


def params(name: str) -> list[Any]:
    """Return an index per case, with a name to find it by; the wrong ones are left out."""
    return [pytest.param(i, id=f"{name}-{i}") for i, case in enumerate(cases(name)) if "wrong" not in case]


def same_time(expected: str | None, moment: dt.datetime | None) -> bool:
    """Tell whether a moment is the one written; without a year only month, day and time of day count."""
    if expected is None or moment is None:
        return expected is None and moment is None
    if expected.startswith("--"):
        written = moment.strftime("--%m-%dT%H:%M:%S.%f")
        return written.startswith(expected) and not written[len(expected) :].strip("0.")
    given = dt.datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", expected))
    given = given.replace(tzinfo=dt.UTC) if given.tzinfo is None else given
    return given == moment


def shown(value: Any) -> Any:
    """Return a value as the cases write it: pseudonyms differ from run to run."""
    return re.sub(r"(\[redacted:user\])#[0-9a-f]{8}", r"\1", value) if isinstance(value, str) else value


def differences(expect: Row, row: Row) -> dict[str, tuple[Any, Any]]:
    """Return column -> (expected, found) where a record is not as it must be."""
    found = {**row, "role": row.get("_role", "event")}
    wrong = {}
    for column, expected in expect.items():
        value = shown(found.get(column))
        if column == "time":
            right = same_time(expected, value)
        else:
            right = value in expected if isinstance(expected, list) else value == expected
        if not right:
            wrong[column] = (expected, value)
    return wrong
