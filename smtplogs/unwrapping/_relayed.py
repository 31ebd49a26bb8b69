"""Lines that a log server or another syslog daemon wrote: a second header, facility and level, a blank too many.

A file counts as such if most of its first lines are.
"""

from __future__ import annotations

import polars as pl

from smtplogs.unwrapping._texts import CLOCK, PRI, STAMP

_LINE = pl.col("line")

_TAG = r"[^ \[\]:(]+(?:\[[0-9]+\])?: "
_HEADER = rf"{STAMP} [^ ]+ [^ \[\]:(]+\[[0-9]+\]: "
_AGAIN = rf"^{PRI}{STAMP} [^ ]+ (?:[^ ]+: )?({_HEADER})"
_KIWI = rf"^{STAMP}[ \t][A-Z][A-Za-z0-9]+\.[A-Z][a-z]+[ \t][0-9A-Fa-f.:]+[ \t]({_HEADER})"
_LEVEL = (
    rf"^({PRI}{STAMP} [^ ]+ )[a-z0-9]+[.:](?:debug|info|notice|warn|warning|err|error|crit|alert|emerg|panic) ({_TAG})"
)
_WIDE = rf"^({PRI}{STAMP} [^ ]+ {_TAG}) ([^ ])"
_COLONS = rf"^([0-9]{{4}}):([0-9]{{2}}):([0-9]{{2}})-({CLOCK} )"

RELAYED = "|".join((_AGAIN, _KIWI, _LEVEL, _WIDE, _COLONS))
"""A header twice (log servers, Docker's syslog driver, Kiwi); `mail.info` or `mail:info` before the tag (BusyBox, AIX); two
blanks behind it (Papertrail); 2026:03:01-10:11:12 (Sophos)."""


def peel_relayed(lines: pl.DataFrame) -> pl.DataFrame:
    """Write the line as the program's own syslog would have."""
    inner = _LINE
    for regex, kept in ((_AGAIN, "$1"), (_KIWI, "$1"), (_LEVEL, "$1$2"), (_WIDE, "$1$2"), (_COLONS, "$1-$2-$3 $4")):
        inner = inner.str.replace(regex, kept)
    seems = _LINE.str.contains(RELAYED)
    return lines.select(inner=pl.when(seems).then(inner), outer=pl.lit(None, pl.String))
