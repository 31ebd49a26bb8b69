"""The terms in which formats are written, and what refuses a format that uses others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from smtplogs.schema import RECORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["event", "context", "dismiss"]

ENVELOPE_COLUMNS = frozenset(
    {"time", "time_quality", "host", "program", "service", "pid", "format", "source", "line_no", "raw", "pattern"}
)
"""Columns that the envelope or the reader fills: a sample says nothing of them."""

DEFAULTS: Mapping[str, Any] = {"count": 1, "protocol": "smtp"}
"""Columns that are filled for every record: a sample names them only where they differ."""

GROUP = re.compile(r"\(\?P<([A-Za-z_][A-Za-z0-9_]*)>")
"""A named group of a regex: its name is a column."""


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Some lines of a log, and the events that must come of them.

    Attributes
    ----------
    text
        The lines as they stand in the file.
    expect
        For each event, in order, every non-null column but those of the envelope, `also` and `session`.
    """

    text: str
    expect: tuple[Mapping[str, Any], ...] = ()


def known(where: str, names: tuple[str, ...], others: frozenset[str]) -> None:
    """Refuse names that are neither record columns nor one of the others."""
    for name in names:
        if name not in RECORDS and name not in others:
            raise ValueError(f"{where}: {name!r} is no column of the record schema")


_VOCABULARIES = {n: tuple(c.dtype.categories) for n, c in RECORDS.items() if isinstance(c.dtype, pl.Enum)}


def known_words(where: str, sets: Mapping[str, Any]) -> None:
    """Refuse words outside the vocabulary of their column."""
    for name, value in sets.items():
        words = _VOCABULARIES.get(name)
        if words is not None and value not in words:
            raise ValueError(f"{where}: {value!r} is no word of {name}; there are {', '.join(words)}")
