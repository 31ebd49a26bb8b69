"""The answer of `explain` laid out for a terminal: the text, its likeliest meaning, the others in short."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from smtplogs._visible import visible
from smtplogs.tables import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

LONGEST = 2_000
"""Characters of a text that are shown."""


def explained(table: pl.DataFrame) -> Iterator[RenderableType]:
    """Yield what to print of the answer of `explain`, and a hint if something was not understood."""
    for _, rows in groupby(table.iter_rows(named=True), lambda row: (row["line_no"], row["text"])):
        yield from _one_text(list(rows))
    if "not understood" in table["verdict"]:
        yield Text(WHAT_TO_PASTE)


def _one_text(answers: list[dict[str, Any]]) -> Iterator[RenderableType]:
    """Yield a text, its likeliest meaning, the other candidates in short, and the patterns that were looked at in vain."""
    text = "\n".join(visible(line, limit=LONGEST) for line in answers[0]["text"].split("\n"))
    yield Text(f"{answers[0]['line_no']}: {text}", style="dim")
    in_vain: dict[str, list[str]] = {}
    before = ""
    for row in answers:
        if row["verdict"] == "looked at":
            in_vain.setdefault(row["why"], []).append(f"{row['format']} {row['pattern']}")
        elif row["verdict"] in _SHORT:
            undecided = answers[0]["cause"] == "unknown" and row["verdict"] == "less likely"
            if row["verdict"] != before:
                yield Text(f"\n{'It may mean:' if undecided else _SHORT[row['verdict']]}", style="bold")
            yield Padding(_short(row, undecided=undecided), (0, 0, 0, 2))
        else:
            yield from (Text(""), _answer(row)) if before else (_answer(row),)
        before = row["verdict"]
    for why, names in in_vain.items():
        yield Text(f"looked at: {', '.join(names)}: {why}", style="dim")
    yield Text("")


WHAT_TO_PASTE = (
    "What can be explained: whole lines of a mail log, a reply with its code ('535 5.7.8 ...'), a traceback, a transcript. "
    "Of the journal: journalctl -o short-iso, -o json or -o export. "
    "For a person or a device: smtplogs triage LOGS --user NAME, or --client NAME."
)

_SHORT = {
    "less likely": "Why not something else:",
    "could also be": "The same words are said for other causes too. What would tell:",
}
"""Verdicts of the candidates after the first."""

_LABELS = {
    "meaning": "what it means",
    "first_check": "check first",
    "who": "who must act",
    "sign": "what would tell",
    "decided_by": "ask",
    "provider_wants": "it wants",
    "row": "catalogue row",
}


def _short(row: dict[str, Any], *, undecided: bool) -> Text:
    """One candidate after the first in a sentence: the cause, why not (or, where none is first, what to do), how to tell."""
    if undecided:
        told = f"{row['why']}: {row['meaning']} {row['fix']}"
    elif row["verdict"] == "could also be":
        told = row["sign"]
    else:
        told = f"{row['why']} would mean it, but {row['why_not']}."
    ask = f" Ask: {_asked(row['decided_by'])}" if row["decided_by"] else ""
    return Text.assemble((row["cause"], "bold"), f": {visible(told, limit=LONGEST)}{ask}")


def _asked(detectors: list[str]) -> str:
    """Spell detectors as commands."""
    return ", ".join(f"smtplogs {name.replace('_', '-')} FILES" for name in detectors)


def _answer(row: dict[str, Any]) -> Table:
    """Return an answer in full: what is known of it, a line each."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    promised = f"; its code says {row['code_class']}" if row["code_class"] else ""
    for name, value in row.items():
        if name in ("line_no", "text", "code_class", "why_not") or value in (None, "", []):
            continue
        if name == "fields":
            for field, text in json.loads(value).items():
                grid.add_row(f"  {field}", Text(visible(text, limit=LONGEST)))
            continue
        told = words(value)
        if name == "temporary":
            name, told = "passes by itself", f"{'yes' if value else 'no'}{promised}"  # noqa: PLW2901
        elif name == "decided_by":
            told = _asked(value)
        grid.add_row(_LABELS.get(name, name.replace("_", " ")), Text(visible(told, limit=LONGEST)))
    return grid
