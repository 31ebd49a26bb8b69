"""The rows of the answer: their columns, their verdicts, and how a candidate of the reply catalogue becomes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import polars as pl

from smtplogs.detect import DETECTORS

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, object]
"""Columns of `SCHEMA` that are known; the others are null."""

SCHEMA = {
    "line_no": pl.UInt64,
    "text": pl.String,
    "verdict": pl.String,
    "format": pl.String,
    "pattern": pl.String,
    "outcome": pl.String,
    "cause": pl.String,
    "basis": pl.String,
    "confidence": pl.String,
    "meaning": pl.String,
    "why": pl.String,
    "why_not": pl.String,
    "first_check": pl.String,
    "fix": pl.String,
    "who": pl.String,
    "beware": pl.String,
    "temporary": pl.Boolean,
    "code_class": pl.String,
    "provider": pl.String,
    "provider_wants": pl.String,
    "sign": pl.String,
    "decided_by": pl.List(pl.String),
    "references": pl.List(pl.String),
    "fields": pl.String,
    "written_by": pl.String,
    "row": pl.String,
}
"""Columns of the answer of `explain`, which documents them."""

FIRST, LESS, HIDDEN = "a reply", "less likely", "could also be"
"""Verdicts: what a reply means; what its codes or other words would mean; what the same words may hide."""

BY_WORDS = ("the text", "the shape of the text")
"""How the `why` of a candidate begins if the catalogue knows the words, not only the codes."""


class Known(TypedDict):
    """What the caller of `explain` knows about a text, and the rows of a catalogue of their own."""

    stage: str | None
    side: str | None
    catalogue: str | None


def make_row(number: int, shown: str, verdict: str, **columns: object) -> Row:
    """Return a row about the text that begins at a line."""
    return {"line_no": number, "text": shown, "verdict": verdict} | columns


def columns_of(candidate: dict[str, Any]) -> Row:
    """Return a candidate of the catalogue under the names of our columns; detectors only where words do not decide."""
    kept = {name: candidate[name] for name in SCHEMA if name in candidate}
    if candidate["confidence"] == "high":
        kept |= {"sign": None, "decided_by": None}
    elif kept["decided_by"] is not None:
        installed = {detector.__name__ for detector in DETECTORS}
        kept["decided_by"] = [name for name in candidate["decided_by"] if name in installed]
    return kept


def other_candidates(candidates: list[dict[str, Any]]) -> Iterator[tuple[str, Row]]:
    """Yield verdict and columns of the candidates after the first, each cause once."""
    seen = {candidates[0]["cause"]} if candidates else set()
    for candidate in candidates[1:]:
        if candidate["cause"] not in seen:
            seen.add(candidate["cause"])
            yield (HIDDEN if candidate["row"] is None else LESS), columns_of(candidate)
