"""Dates written as numbers (26.11.2026, 11/26/2026) before the header of a syslog's lines: spreadsheets and viewers write them.

Only where the first lines of a file prove which number is the day: a dot, a number above 12, or AM and PM.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.unwrapping._wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable

_LINE = pl.col("line")

_TIME = r"[, ] ?([0-9]{1,2}):([0-9]{2}):([0-9]{2}(?:[.,][0-9]{1,9})?)(?: ?([AaPp])[Mm])?"
_HEADER = r"((?:[0-9A-Za-z_.:%@-]+ )?[^ \[\]:(]+(?:\[[0-9]+\])?: .*)$"
_BIG, _SMALL = "(?:1[3-9]|2[0-9]|3[01])", "(?:0?[1-9]|1[0-2])"
_YEAR = "[0-9]{4}"
_ANY = "([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})"
_REST = r"[, ] ?[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
_HALF = r" ?[AaPp][Mm]"

DAY_FIRST = rf"^\[?(?:[0-9]{{1,2}}\.[0-9]{{1,2}}\.{_YEAR}|{_BIG}[/-]{_SMALL}[/-]{_YEAR}){_REST}\]? {_HEADER.replace('(', '(?:', 1)}"
MONTH_FIRST = (
    rf"^\[?(?:{_SMALL}/{_BIG}/{_YEAR}{_REST}(?:{_HALF})?|{_SMALL}/[0-9]{{1,2}}/{_YEAR}{_REST}{_HALF})\]? "
    rf"{_HEADER.replace('(', '(?:', 1)}"
)

PROOF = {
    True: rf"^(?:[0-9]{{1,2}}\.[0-9]{{1,2}}\.{_YEAR}|{_BIG}[/-]{_SMALL}[/-]{_YEAR}){_REST}$",
    False: rf"^{_SMALL}/(?:{_BIG}/{_YEAR}{_REST}(?:{_HALF})?|[0-9]{{1,2}}/{_YEAR}{_REST}{_HALF})$",
}
"""What proves that the day stands first, or that it does not, by a stamp alone."""


def iso(stamp: pl.Expr, day_first: bool) -> pl.Expr:
    """Write a date of numbers as ISO 8601 does, without a zone; null where it is none."""
    part = [stamp.str.extract(rf"^\[?{_ANY}{_TIME}\]?$", n) for n in range(1, 8)]
    day, month = (part[0], part[1]) if day_first else (part[1], part[0])
    half = part[6].str.to_lowercase()
    hour = part[3].cast(pl.Int32)
    hour = pl.when(half.is_null()).then(hour).otherwise(hour % 12 + pl.when(half == "p").then(12).otherwise(0))
    two = [value.cast(pl.String).str.zfill(2) for value in (month, day, hour)]
    return pl.format("{}-{}-{}T{}:{}:{}", part[2], *two, part[4], part[5])


def _peel(lines: pl.DataFrame, *, day_first: bool) -> pl.DataFrame:
    """Write the stamp as ISO 8601."""
    cut = rf"^(\[?{_ANY.replace('(', '(?:')}{_REST}(?:{_HALF})?\]?) {_HEADER}"
    parts = lines.select(stamp=_LINE.str.extract(cut), rest=_LINE.str.extract(cut, 2))
    return parts.select(
        inner=pl.format("{} {}", iso(pl.col("stamp"), day_first), "rest"), outer=pl.lit(None, pl.String)
    )


peel_day_first: Callable[[pl.DataFrame], pl.DataFrame] = partial(_peel, day_first=True)
peel_month_first: Callable[[pl.DataFrame], pl.DataFrame] = partial(_peel, day_first=False)

DATED = (
    Wrapper("day_first", "lines dated 26.11.2026", DAY_FIRST, peel_day_first),
    Wrapper("month_first", "lines dated 11/26/2026", MONTH_FIRST, peel_month_first),
)
