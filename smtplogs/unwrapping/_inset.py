"""Whole lines of a syslog with something before them that is none: another stamp, labels, a pod, a number, a bracket.

The header of the line must stand there in full (stamp, host, tag), and what is before it has no colon of a clock of its own,
so that no text of a message looks so.
"""

from __future__ import annotations

import polars as pl

from smtplogs.unwrapping._texts import CLOCK, ISO_DATE, MONTH, PRI, RFC3339, STAMP

_LINE = pl.col("line")

_HEADER = rf"{PRI}{STAMP} [0-9A-Za-z_.:%@/-]+ [^ \[\]:(]+(?:\[[0-9]+\])?: "
_FREE = r"(?:[0-9]{8}:[0-9]{6}:|\[/?[A-Za-z]+\]|<[a-z]+(?: [^<>]*)?>|[^\x{00}\":{}=<>]{1,120})"
"""Words without a clock; Zabbix's; the tags of a forum."""

_LABELS = r"(?:[0-9A-Za-z_./:@-]+[ \t]+|\{[^{}]*\}[ \t]*)?"
_STAMPED = rf"(?:{RFC3339}|{ISO_DATE} {CLOCK}(?:[.,][0-9]{{1,9}})?|[0-9]{{10,19}}[,\t](?:{RFC3339})?)[ \t]*{_LABELS}"
"""A stamp of Grafana, logcli, CloudWatch, with the stream or the labels behind it."""

INSET = rf"^(?:\[[^\]]*\] (?:{RFC3339} )?|{_STAMPED}|{_FREE}){_HEADER}"
"""A line with something before its header."""

_INNER = rf"^(?:\[[^\]]*\] (?:{RFC3339} )?|{_STAMPED}|{_FREE})({_HEADER}.*)$"
_OUTER = rf"^(?:\[[^\]]*\] )?({RFC3339})[ \t]"
_BEHIND = r"(?:`|”|“|\[/[A-Za-z]+\]|(?:</?[a-z]+ ?/?>)+|\t[0-9]{13})$"

TABBED = rf"^{PRI}{MONTH}[ \x{{a0}}]{{1,2}}[0-9]{{1,2}}[ \x{{a0}}]{CLOCK}[\t\x{{a0}}]|^{PRI}{STAMP}\t[^ \t]+\t|^{MONTH}\x{{a0}}"
"""A header whose blanks became tabs or those of a web page."""


def peel_inset(lines: pl.DataFrame) -> pl.DataFrame:
    """Take off what stands before the header, and what closes it behind the line."""
    inner = _LINE.str.extract(_INNER).str.replace(_BEHIND, "")
    found = lines.select(inner=inner, outer=_LINE.str.extract(_OUTER))
    return found.with_columns(outer=pl.when(pl.col("inner").is_not_null()).then("outer"))


def peel_tabbed(lines: pl.DataFrame) -> pl.DataFrame:
    """Write blanks as blanks."""
    return lines.select(inner=_LINE.str.replace_all(r"[\t\x{a0}]", " "), outer=pl.lit(None, pl.String))
