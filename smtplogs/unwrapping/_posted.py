"""Text as forums and shells give it: the tags of a forum, counts of `uniq -c`, the files that `tail` shows in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs.unwrapping._pasted import BARE
from smtplogs.unwrapping._texts import PRI, STAMP, told_once
from smtplogs.unwrapping._wrapper import ANY, Wrapper

if TYPE_CHECKING:
    from collections.abc import Sequence

_LINE = pl.col("line")

_NAMES = r"(?i:code|quote|spoiler|php|log|plain|noparse|bash|text)"
OPENED = rf"^\[{_NAMES}(?:=[^\[\]]{{0,40}})?\]"
"""A forum's tag at the beginning of a line: no program writes one there."""

_CLOSED = rf"\[/{_NAMES}\]\s*$"

_COUNTED = rf"^ *([0-9]{{1,7}}) +({PRI}{STAMP} .*|(?:{BARE.removeprefix('^')}).*)$"

_SECTION = r"^==> (.+) <==\s*$"


def is_posted(head: Sequence[str]) -> bool:
    """Tell whether a text has a tag of a forum before the first line of a log: what a log quotes is none."""
    if not any(line.startswith("[") for line in head):
        return False
    lines = pl.Series("line", list(head), dtype=pl.String)
    opened = lines.str.contains(OPENED)
    before = lines.str.contains(rf"^{PRI}{STAMP}").cast(pl.UInt32).cum_sum()
    return bool((opened & (before == 0)).any())


def peel_posted(lines: pl.DataFrame) -> pl.DataFrame:
    """Take the tags of a forum off, before a line and behind it."""
    tagged = _LINE.str.contains(rf"{OPENED}|{_CLOSED}")
    inner = _LINE.str.replace(OPENED, "").str.replace(_CLOSED, "")
    return lines.select(inner=pl.when(tagged).then(inner), outer=pl.lit(None, pl.String))


def is_counted(head: Sequence[str]) -> bool:
    """Tell whether the lines of a text have counts before them.

    Numbers that go up by one are those of lines; so are any that go up, where the lines have stamps (`less -N`, with gaps).
    """
    lines = pl.DataFrame({"line": [line for line in head if line.strip()]}, schema={"line": pl.String})
    rows = lines.select(n=_LINE.str.extract(_COUNTED).cast(pl.Int64), text=_LINE.str.extract(_COUNTED, 2)).drop_nulls()
    if rows.height < 2 or 2 * rows.height <= lines.height:
        return False
    steps = rows["n"].diff().drop_nulls()
    dated = bool(rows["text"].str.contains(rf"^{PRI}{STAMP}").any())
    return not bool((steps > 0).all() if dated else (steps == 1).all())


def peel_counted(lines: pl.DataFrame) -> pl.DataFrame:
    """Take the counts off; each tells how often its line stood in the log."""
    parts = lines.select(n=_LINE.str.extract(_COUNTED), inner=_LINE.str.extract(_COUNTED, 2))
    count = pl.col("n").cast(pl.UInt32, strict=False).fill_null(1).clip(lower_bound=1)
    return parts.select("inner", outer=pl.lit(None, pl.String), count=count)


def is_of_files(head: Sequence[str]) -> bool:
    """Tell whether a text shows several files, each under its name: `tail -f mail.log mail.warn`."""
    lines = pl.Series("line", list(head), dtype=pl.String)
    return any(line.startswith("==> ") for line in head) and lines.str.extract(_SECTION).drop_nulls().n_unique() > 1


def peel_sections(lines: pl.DataFrame) -> pl.DataFrame:
    """Blank what another file has already shown; the rest stays."""
    file = lines.select(_LINE.str.extract(_SECTION).forward_fill()).to_series()
    return lines.select(inner=told_once(lines["line"], file), outer=pl.lit(None, pl.String))


_INDENT = r"^(?: {4}|\t|> ?)"
_REPLIES = r"(?:^|[^0-9])(?:220|250|334|235|454|53[0-8])[ -]"
_COMMANDS = r"(?i)(?:^|[^A-Za-z])(?:EHLO|HELO|AUTH) "
_NO_PROSE = (
    r"^(?:[2-5][0-9]{2}[ -]|[<>=~+!|{}-]|\*{1,3} +[A-Z]|[SC]: |\[|[0-9]{4}-[0-9]{2}|(?i:connected|connection|debug|info|error|recv|sent"
    r"|stat|send|reply|server|client|smtp|ehlo|helo|auth|mail|rcpt|data|quit|starttls|depth|verify|new,|ssl|net::smtp)[^A-Za-z])"
)


def is_code_block(head: Sequence[str]) -> bool:
    """Tell whether people show a session among their own words, indented as Markdown has it or quoted: nothing of it is outside."""
    lines = pl.DataFrame({"line": [line for line in head if line.strip()]}, schema={"line": pl.String})
    inset = lines.select(_LINE.str.contains(_INDENT)).to_series()
    if inset.sum() < 3 or inset.all():
        return False
    shown, around = lines.filter(inset)["line"], lines.filter(~inset)["line"]
    spoken = bool(shown.str.contains(_REPLIES).any()) and bool(shown.str.contains(_COMMANDS).any())
    return spoken and not around.str.contains(rf"{_NO_PROSE}|^{PRI}{STAMP}").any()


def peel_code_block(lines: pl.DataFrame) -> pl.DataFrame:
    """Take the indentation off, or the sign of the quotation."""
    inset = _LINE.str.contains(_INDENT)
    return lines.select(inner=pl.when(inset).then(_LINE.str.replace(_INDENT, "")), outer=pl.lit(None, pl.String))


WHOLE = (
    (is_posted, Wrapper("posted", "lines between the tags of a forum", "", peel_posted, holds=ANY)),
    (is_of_files, Wrapper("sections", "files that tail shows in turn", "", peel_sections, keep_all=True, holds=ANY)),
    (is_counted, Wrapper("counted", "lines counted by uniq -c", "", peel_counted, keep_all=True, holds=ANY)),
)
"""Told by a text as a whole, before its lines are asked."""

CODE_BLOCK = Wrapper(
    "code_block", "a session indented as Markdown has it", "", peel_code_block, keep_all=True, holds=ANY
)
"""The same, where they told nothing."""
