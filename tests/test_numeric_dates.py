"""Dates in numbers: the order that a stamp proves holds for the file; where none does, the doubt is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl
from smtplogs import numeric_dates

if TYPE_CHECKING:
    from pathlib import Path


def read(*stamps: str, day_first: bool | None = None) -> list[tuple[str | None, bool]]:
    found, _ = numeric_dates.read(pl.Series(stamps), day_first)
    return [(m.isoformat(" ") if m else None, a) for m, a in found.rows()]


@pytest.mark.parametrize(
    ("stamp", "moment", "ambiguous"),
    [
        ("22-06-2026 09:56:12", "2026-06-22 09:56:12", False),
        ("06/22/2026 09:56:12", "2026-06-22 09:56:12", False),
        ("05-06-2026 09:56:12", "2026-05-06 09:56:12", True),
        ("05.06.2026 09:56:12", "2026-06-05 09:56:12", True),
        ("06/06/2026 09:56:12", "2026-06-06 09:56:12", False),
        ("5/6/26 9:56", "2026-05-06 09:56:00", True),
        ("06/22/2026 12:00:00 AM", "2026-06-22 00:00:00", False),
        ("06/22/2026 12:30:00 PM", "2026-06-22 12:30:00", False),
        ("06/22/2026 1:30:00 pm", "2026-06-22 13:30:00", False),
        ("13/13/2026 01:30:00", None, False),
        ("31/02/2026 01:30:00", None, False),
        ("22/06/2026 25:30:00", None, False),
        ("2026-06-22 09:56:12", None, False),
        ("", None, False),
    ],
)
def test_a_stamp_by_itself(stamp: str, moment: str | None, ambiguous: bool) -> None:
    assert read(stamp) == [(moment, ambiguous)]


def test_one_stamp_proves_the_order_of_all() -> None:
    assert read("05-06-2026 09:00:00", "13-06-2026 09:00:00") == [
        ("2026-06-05 09:00:00", False),
        ("2026-06-13 09:00:00", False),
    ]
    assert numeric_dates.read(pl.Series(["13-06-2026 09:00:00"]))[1] is True
    assert read("05-06-2026 09:00:00", "06-22-2026 09:00:00", day_first=True) == [
        ("2026-06-05 09:00:00", False),
        ("2026-06-22 09:00:00", False),
    ]


def test_stamps_that_contradict_each_other_stand_for_themselves() -> None:
    found, proved = numeric_dates.read(pl.Series(["22-06-2026 09:00:00", "06-22-2026 09:00:00", "05-06-2026 09:00:00"]))

    assert proved is None
    assert found["ambiguous"].to_list() == [False, False, True]


def test_a_domino_console_whose_dates_tell_nothing_is_marked(tmp_path: Path) -> None:
    line = "{}   smtp: bob [203.0.113.21] authentication failure using internet password"
    for stamps, quality in (
        (["05-06-2026 09:00:00"], "ambiguous"),
        (["05-06-2026 09:00:00", "22-06-2026 09:00:00"], "zone_assumed"),
    ):
        (tmp_path / "console.log").write_text("".join(line.format(s) + "\n" for s in stamps))
        assert sl.read(tmp_path / "console.log")["time_quality"].unique().to_list() == [quality]
