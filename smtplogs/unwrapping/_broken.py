"""Lines that a mail program or a terminal broke in two are joined again: at the width at which all others end as well.

Only a short text, one that a person put together, is looked at so. A line goes on in the next one where that has no stamp of
its own and its first word had no more room: what follows a line that had room is other text.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.unwrapping._texts import PRI, STAMP

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LONGEST = 60_000
"""Bytes of a text that is looked at."""

WIDEST = 100
"""Characters of a line of a mail, and more than most write."""

_TERMINALS = (80, 100, 120, 132, 160)

_LINE = pl.col("line")
_QUOTE = r"^(?:[ \t]*[>|])+[ \t]?"
BEGINS = rf"^[ \t]*{PRI}[\[]?{STAMP}"
"""How a line with a stamp begins: no rest of another."""

_SPOKEN = rf"^[ \t]*{PRI}{STAMP}[ \t]+(?:SERVER|CLIENT|SMTP|Connection|[SC]:|INFO|DEBUG)\b"
_ALONE = r"^(?:\s*|--|\.\.\.|\[\.\.\.\]|==> .* <==|[`~].*)$"
"""Lines that are no part of another: blank, what grep, tail and people put between, fences."""

_UNFINISHED = r"[a-z:,;(=] ?$"
"""How a line ends of which more must follow, as far as one alone can tell: values and brackets are at the end of whole ones."""


def broken(head: Sequence[str]) -> Callable[[pl.DataFrame], pl.DataFrame] | None:
    """Return what joins the lines of a short text, as a wrapper peels; None if none of them is broken.

    Parameters
    ----------
    head
        The lines of the text.
    """
    if len(head) < 2 or sum(len(line) + 1 for line in head) > LONGEST:
        return None
    lines = pl.DataFrame({"line": list(head)}, schema={"line": pl.String}).select(_plain())
    begins = lines["line"].str.contains(BEGINS)
    if not begins.any() or begins.all() or lines["line"].str.contains(_SPOKEN).any():
        return None
    rows = lines.select("line", begins=begins, n=_LINE.str.len_chars()).with_columns(**_next())
    ends = rows.filter(pl.col("begins") & ~pl.col("next_begins") & ~pl.col("next_alone"))
    if ends.is_empty():
        return None
    most = int(ends["n"].max())  # type: ignore[arg-type]
    if ends["n"].n_unique() == 1 and (ends.height > 1 or most in _TERMINALS) and most == rows["n"].max():
        return partial(_peel, width=most, hard=True)
    width = rows.filter(pl.col("n") <= WIDEST)["n"].max()
    full = ends.filter(_full(int(width or 0)))  # type: ignore[arg-type]
    if 3 * full.height < 2 * ends.height or (full.height == 1 and not full["line"].str.contains(_UNFINISHED).all()):
        return None
    return partial(_peel, width=int(width or 0), hard=False)  # type: ignore[arg-type]


def mended(text: str) -> str:
    """Return a text with its broken lines joined; what was joined to another line leaves a blank one."""
    lines = text.split("\n")
    peel = broken(lines)
    if peel is None:
        return text
    told: list[str] = []
    open_at = -1
    for line, goes_on in (
        peel(pl.DataFrame({"line": lines}, schema={"line": pl.String})).select("inner", "open").iter_rows()
    ):
        if open_at >= 0:
            told[open_at] += line
            told.append("")
        else:
            told.append(line)
        open_at = (open_at if open_at >= 0 else len(told) - 1) if goes_on else -1
    return "\n".join(told)


def _plain() -> pl.Expr:
    """Take the signs of a quotation off."""
    return _LINE.str.replace(_QUOTE, "").str.strip_suffix("\r")


def _next() -> dict[str, pl.Expr]:
    """Return columns that tell about the next line: whether it begins one, stands alone, and how long its first word is."""
    after = _LINE.shift(-1).fill_null("")
    return {
        "next_begins": pl.col("begins").shift(-1).fill_null(value=False),
        "next_alone": after.str.contains(_ALONE),
        "word": after.str.extract(r"^\s*([^\s]+)").str.len_chars().fill_null(0),
    }


def _full(width: int) -> pl.Expr:
    """Whether the first word of the next line had no room; `format=flowed` leaves a blank where it breaks."""
    return (pl.col("n") <= max(width, WIDEST)) & ((pl.col("n") + 1 + pl.col("word") > width) | _LINE.str.ends_with(" "))


def _peel(lines: pl.DataFrame, *, width: int, hard: bool) -> pl.DataFrame:
    """Say of each line whether it goes on in the next one."""
    plain = lines.select(_plain())
    rows = plain.with_columns(begins=_LINE.str.contains(BEGINS), n=_LINE.str.len_chars()).with_columns(**_next())
    room = (pl.col("n") == width) if hard else _full(width)
    may = rows.select(room & ~pl.col("next_begins") & ~pl.col("next_alone")).to_series()
    # only what follows a line of the log without a gap is part of it
    opened, inside = [], False
    for begins, goes_on in zip(rows["begins"], may, strict=True):
        inside = (inside or begins) and goes_on
        opened.append(inside)
    open_ = pl.Series(opened, dtype=pl.Boolean)
    follows = open_.shift(1, fill_value=False)
    inner = pl.when("begins").then(_LINE.str.strip_chars_start()).otherwise(_LINE)
    if not hard:
        inner = pl.when(pl.lit(follows)).then(_LINE.str.strip_chars_start()).otherwise(inner)
        inner = pl.when(pl.lit(open_)).then(inner.str.strip_chars_end(" ") + " ").otherwise(inner)
    return rows.select(inner=inner, outer=pl.lit(None, pl.String), stream=pl.lit("text"), open=open_)
