r"""Exim over syslog cuts a line of more than 870 bytes into pieces, `[1/3] ...`: they are joined again.

A piece that ends where the text had a line break is marked by a backslash, `[1\4] ...`. Source: exim src/log.c.
"""

from __future__ import annotations

import polars as pl

from smtplogs.sources import FILE

PIECE = r" \[[0-9]{1,2}[/\\][0-9]{1,2}\] "
"""What stands in every piece."""

ANNOUNCED = r" \[[1-9][/\\]| \[1[0-9]/"
"""The same as a few plain texts, for the prefilter."""

_PARTS = (
    r"^(?P<head>.*?exim[^ \[\]:]*(?:(?:\[[0-9]+\])?: | [0-9-]+ [^ ]+ (?:-|\[.*?\]) ))"
    r"\[(?P<part>[0-9]{1,2})(?P<cut>[/\\])(?P<parts>[0-9]{1,2})\] (?P<rest>.*)$"
)
_CLOCK = r"^.*?[0-9]{2}:[0-9]{2}:[0-9]{2}[^ ]* "


def joined(lines: pl.DataFrame) -> pl.DataFrame:
    """Join the pieces of each line under the envelope of the first one.

    Parameters
    ----------
    lines
        `line_no`, `line`, in file order, and whatever else a wrapper left; FILE if they are of several files.

    Returns
    -------
    DataFrame
        The same columns. A piece whose predecessor is not there stays a line of its own, as does one whose first piece
        stands in another batch of the file.
    """
    parts = lines.with_columns(pl.col("line").str.extract_groups(_PARTS).struct.unnest()).with_columns(
        pl.col("part", "parts").cast(pl.UInt8, strict=False)
    )
    pieces = parts.filter(pl.col("part").is_not_null())
    if pieces.is_empty():
        return lines
    of = ["_who", "parts", *(c for c in (FILE,) if c in lines.columns)]
    follows = pl.col("part") == pl.col("part").shift().over(of) + 1
    pieces = pieces.with_columns(_who=pl.col("head").str.replace(_CLOCK, "")).with_columns(
        _run=(~follows.fill_null(value=False)).cum_sum().over(of)
    )
    whole = pl.col("part").first().over(*of, "_run") == 1
    text = pl.when(pl.col("cut") == "\\").then(pl.col("rest") + " ").otherwise("rest")
    others = [c for c in lines.columns if c != "line"]
    done = (
        pieces.filter(whole)
        .group_by(*of, "_run", maintain_order=True)
        .agg(pl.col(others).exclude(of).first(), line=pl.col("head").first() + text.str.join().str.strip_suffix(" "))
        .select(lines.columns)
    )
    if "written" in others:
        done = done.with_columns(written=pl.lit(None, pl.String))
    rest = parts.filter(pl.col("part").is_null()).select(lines.columns)
    return pl.concat([rest, pieces.filter(~whole).select(lines.columns), done]).sort("line_no")
