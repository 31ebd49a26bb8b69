"""The control sequences of a terminal: colours, the position of the cursor, "erase to the end of the line" (grep)."""

from __future__ import annotations

import polars as pl

_LINE = pl.col("line")

ESCAPE = "\x1b["
"""What every control sequence begins with."""

COLOUR = r"\x1b\[[0-?]*[ -/]*[@-~]"
"""A control sequence (CSI) as ECMA-48 has it: parameters, intermediate bytes, a final one."""


def peel_colours(lines: pl.DataFrame) -> pl.DataFrame:
    """Take control sequences off every line."""
    return lines.select(inner=_LINE.str.replace_all(COLOUR, ""), outer=pl.lit(None, pl.String))


def without_colours(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with control sequences taken off `line`."""
    if not lines["line"].str.contains(ESCAPE, literal=True).any():
        return lines
    return lines.with_columns(_LINE.str.replace_all(COLOUR, ""))
