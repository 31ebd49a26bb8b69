"""Lines that a log server or another syslog daemon wrote: a second header, facility and level, a blank too many.

A file counts as such if most of its first lines are.
"""

from __future__ import annotations

import polars as pl

from smtplogs.unwrapping._texts import CLOCK, ISO_DATE, PRI, STAMP

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

_UNIT = (
    rf"^([A-Z][a-z]{{2}} {ISO_DATE} {CLOCK} [A-Z+0-9:-]+ [^ ]+ )"
    r"(postfix|dovecot|exim4?|sendmail|saslauthd)(?:@[^ \[\]]*)?\.service((?:\[[0-9]+\])?: )"
)
_MAC = rf"^({ISO_DATE} {CLOCK}\.[0-9]{{6}}[+-][0-9]{{4}}) +"
_MAC_TABLE = rf"{_MAC}0x[0-9a-f]+ +[A-Za-z]+ +0x[0-9a-f]+ +([0-9]+) +[0-9]+ +(smtpd|smtp): (?:\([^)]*\) )?"
_MAC_SYSLOG = rf"{_MAC}([^ ]+) (smtpd|smtp)\[([0-9]+)\]: (?:\([^)]*\) )?"

_LEVELS = "(?:debug|info|notice|warn|warning|err|error|crit|alert|emerg|panic)"
_SYSLOG_NG = rf"^(?:\[({STAMP})\] |({PRI}{STAMP}) )[a-z0-9]+[.:]{_LEVELS} ([^ ]+ {_TAG})"
_SHOUTED = rf"^({STAMP}) (?:DEBUG|INFO|NOTICE|WARNING|ERR|ERROR|CRIT|ALERT|EMERG) +([^ \[\]:(]+\[[0-9]+\]: )"
_DAY = r"(?:[A-Za-z]{2}|[a-z]{3}|[A-Za-z]{2,5}\.|Per|Cum|Cmt|Paz|Pzt|Sal|[A-Za-z]{0,2}[^\x{00}-\x{7f}][^\x{00}-\x{40}]{0,3})"
_LOCAL = rf"^{_DAY} ({ISO_DATE} {CLOCK}(?:\.[0-9]{{1,9}})? [A-Z+-][0-9A-Z+:-]* [^ ]+ [^ \[\]:(]+(?:\[[0-9]+\])?: )"

_PLESK = rf"^({STAMP})[ \t]+(?:DEBUG|INFO|NOTICE|WARNING|ERR|ERROR|CRIT|ALERT|EMERG)[ \t]+([^ \t\[\]:(]+)[ \t]+(\[[0-9]+\])[ \t]+"
_PAPERTRAIL = rf"^[0-9]+\t({ISO_DATE})[T ]({CLOCK}) ?(Z|[+-][0-9:]{{4,5}})?\t[^\t]*\t[0-9]+\t([^\t ]+)\t[^\t]*\t[A-Za-z0-9]+\t[A-Z][a-z]+\t([^\t ]+)\t"

_REWRITTEN = (
    (_PLESK, "$1 localhost $2$3: "),
    (_PAPERTRAIL, "${1}T${2}${3} $4 $5: "),
    (_SYSLOG_NG, "$1$2 $3"),
    (_SHOUTED, "$1 localhost $2"),
    (_LOCAL, "Mon $1"),
    (_AGAIN, "$1"),
    (_KIWI, "$1"),
    (_LEVEL, "$1$2"),
    (_WIDE, "$1$2"),
    (_COLONS, "$1-$2-$3 $4"),
    (_UNIT, "$1$2$3"),
    (_MAC_TABLE, "$1 localhost postfix/$3[$2]: "),
    (_MAC_SYSLOG, "$1 $2 postfix/$3[$4]: "),
)

_ANY_UNIT = rf"^[A-Z][a-z]{{2}} {ISO_DATE} {CLOCK} [A-Z+0-9:-]+ [^ ]+ [^ \[\]]+\.(?:service|scope)(?:\[[0-9]+\])?: "

RELAYED = "|".join((*(regex for regex, _ in _REWRITTEN), _ANY_UNIT))
"""A header twice (log servers, Docker's syslog driver, Kiwi); `mail.info` or `mail:info` before the tag (BusyBox, AIX); two
blanks behind it (Papertrail); the same before the host (syslog-ng) or in its place (containers, in capitals); columns (Plesk's log browser, archives of Papertrail); the day of the week in another language than English (journalctl -o short-full); 2026:03:01-10:11:12 (Sophos); a unit in place of the tag (journalctl -o with-unit); the
`log show` of macOS, whose Postfix leaves off its own name."""


def peel_relayed(lines: pl.DataFrame) -> pl.DataFrame:
    """Write the line as the program's own syslog would have."""
    inner = _LINE
    for regex, kept in _REWRITTEN:
        inner = inner.str.replace(regex, kept)
    seems = _LINE.str.contains(RELAYED)
    return lines.select(inner=pl.when(seems).then(inner), outer=pl.lit(None, pl.String))
