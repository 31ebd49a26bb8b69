"""Lines as people show them: quoted in a mail, indented, found by grep, escaped for the web, with months of another language.

All of it comes off, so that the lines are as the program wrote them; what was left out is told beside them. A file counts
as shown if most of its first lines do: a line of a log that has lost its head never does.
"""

from __future__ import annotations

import polars as pl

from smtplogs.unwrapping._texts import CLOCK, ISO_DATE, MONTH, PRI, STAMP, told_once

_LINE = pl.col("line")

_ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FOREIGN = (
    "jan gen ene oca sty led янв tammi 1月",
    "fev févr febr feb úno lut şub фев helmi 2月",
    "mär mars mar mrt mrz márc bře мар maalis 3月",
    "avr avril abr apr ápr dub kwi nis апр huhti 4月",
    "mai maj may mag mei máj kvě май мая touko 5月",
    "jun juin juni giu cze čen haz июн kesä 6月",
    "jul juil juli lug lip čec tem июл heinä 7月",
    "aug août ago sie srp ağu авг elo 8月",
    "sep sept set szept wrz zář eyl сен syys 9月",
    "okt oct out ott paź říj eki окт loka 10月",
    "nov lis kas ноя marras 11月",
    "dez déc dic dec des gru pro ara дек joulu 12月",
)
_MONTHS = {
    spelled: english
    for english, words in zip(_ENGLISH, _FOREIGN, strict=True)
    for word in words.split()
    for spelled in (word, word.capitalize())
    if spelled != english
}
"""Short names of months as journalctl writes them in German, French, Spanish, Italian, Portuguese, Dutch, Polish, Czech,
Hungarian, Turkish, Scandinavian languages, Finnish, Russian, Chinese and Japanese."""

_WORDS = "|".join(sorted(_MONTHS, key=len, reverse=True))
_ELSEWHERE = rf"(?:{_WORDS})\.? {{1,2}}[0-9]{{1,2}} {CLOCK}"
_TAG = r"[0-9A-Za-z_.:%-]+ [^ \[\]:(]+\[[0-9]+\]: "

_QUOTED = r"""(?:[ \t]*[>|])+[ \t]*|[ \t]*(?:(?:[-*+\x{2022}] +)?[`\x{201c}\x{201e}\x{ab}'"]|[-*+\x{2022}]|[0-9]+\t| [0-9]+  ?)[ \t]*|[ \t]+"""
_MARKS = r"(?:[`\x{201d}\x{201c}\x{bb}'\"]| +\|)\s*$"
_IN_MARKS = r"^[ \t]*(?:[-*+\x{2022}] +)?[`\x{201c}\x{201e}\x{ab}'\"|]"
_FILE = r"(?:(?:[0-9A-Za-z_.-]*/)+[0-9A-Za-z_.-]+|[0-9A-Za-z_.-]*(?:log|messages)[0-9A-Za-z_.-]*)[:-]"
_FOUND = rf"(?:{_FILE})?(?:[0-9]+[:-])?"
_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? "
_BEFORE = rf"(?:{_QUOTED})?(?:{_FOUND})(?:{_WEEKDAY})?"
_BACKWARDS = rf"[0-9]{{1,2}} {MONTH} {CLOCK} {_TAG}|[0-9]{{4}} {MONTH} {{1,2}}[0-9]{{1,2}} {CLOCK} |\[(?:{_WEEKDAY})?{STAMP}\] {_TAG}"

_DAY_FIRST = rf"{_WEEKDAY}{ISO_DATE} {CLOCK}(?:\.[0-9]{{1,9}})? [A-Z+-][0-9A-Z+:-]* "
"""The stamp of `journalctl -o short-full`, of which the day of the week is a part."""

_SHIFTED = (
    rf"^(?:(?:(?:{_QUOTED})(?:{_FOUND})|{_FILE}(?:[0-9]+[:-])?|[0-9]+[:-])(?:{_WEEKDAY})?{PRI}(?:{STAMP}|{_ELSEWHERE})"
    rf"|{_WEEKDAY}{PRI}(?:{MONTH} {{1,2}}[0-9]{{1,2}} |{_ELSEWHERE})[0-9: ]*) "
)
PASTED = rf"{_SHIFTED}|^{_BEFORE}(?:{_ELSEWHERE} |{_BACKWARDS})"
"""A line with something before its stamp, or with a stamp in another order or language."""

ESCAPED = rf"<br ?/?>\s*$|^{PRI}{STAMP} .*&(?:lt|gt);|^(?:&lt;|&gt;| ?[-~=]+&gt;)"
"""A line as the source of a web page has it; one of a transcript, whose arrows are spelled."""

QUOTED = r"^[ \t]*>"
"""A line of a quotation: where all are, what stands in it is no log but a transcript, whose own arrows are of both kinds."""

_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&#039;": "'", "&nbsp;": " ", "&amp;": "&"}


_SHOWN = {
    "postfix": r"warning: [^ \[\]]*\[[^ \]]+\](?::[0-9]+)?: SASL |NOQUEUE: reject: |(?:dis)?connect from [^ ]+\["
    r"|[0-9A-Za-z]+: (?:client=[^ ]+\[|to=<[^>]*>, relay=|SASL authentication failed; )",
    "dovecot": r"auth(?:-worker)?(?:\([^ ]*\))?(?:<[^ ]*>)*: |(?:imap|pop3|submission|managesieve)-login: ",
    "exim": r"[0-9A-Za-z_]+ authenticator failed |H=[^ ]+ .*\[[0-9A-Fa-f.:]+\].* rejected ",
}
SPOKEN = rf"^(?:{_SHOWN['postfix']}|{_SHOWN['exim']}|(?:[0-9A-Za-z_.-]+ )?postfix[^ /\[\]:]*/[a-z/0-9-]+\[[0-9]+\]: )"
"""A message that only a mail server writes, wherever it stands: enough among other text."""

_TAGGED = (
    rf"(?:{CLOCK} )?(?:[0-9A-Za-z_.-]+ )?(?:postfix[^ /\[\]:]*/[a-z/0-9-]+(?:\[[0-9]+\])?: "
    r"|(?:sendmail|sm-mta|saslauthd)\[[0-9]+\]: |dovecot(?:\[[0-9]+\])?: [a-z])"
)
_SINCE_BOOT = r"\[ *[0-9]+\.[0-9]{6}(?: <[^>]*>| *)?\] "
BARE = rf"^(?:{_SINCE_BOOT})?(?:{_TAGGED}|{'|'.join(_SHOWN.values())})"
"""A line without its stamp (or with the seconds since the start of the host), or a message without anything."""


def peel_bare(lines: pl.DataFrame) -> pl.DataFrame:
    """Tell what each line has lost in the column `shown`, `tag` or the program whose message it is: no text can forge it."""
    line = _LINE.str.replace(rf"^{_SINCE_BOOT}", "")
    kinds = [pl.when(line.str.contains(rf"^(?:{regex})")).then(pl.lit(program)) for program, regex in _SHOWN.items()]
    shown = pl.coalesce(pl.when(line.str.contains(rf"^{_TAGGED}")).then(pl.lit("tag")), *kinds)
    inner = pl.when(shown.is_not_null()).then(line.str.replace(rf"^{CLOCK} ", ""))
    return lines.select(inner=inner, outer=pl.lit(None, pl.String), shown=shown)


def peel_pasted(lines: pl.DataFrame) -> pl.DataFrame:
    """Take off what stands before the stamp, and write the stamp as the program would have."""
    whole = _LINE.str.extract(rf"^(?:{_QUOTED})?(?:{_FOUND})({_DAY_FIRST}.*)$")
    inner = _LINE.str.replace(rf"^{_BEFORE}((?:{PRI}{STAMP}|{_ELSEWHERE}|{_BACKWARDS}))", "$1")
    inner = inner.str.replace(rf"^([0-9]{{1,2}}) ({MONTH}) ({CLOCK})", "$2 $1 $3")
    inner = inner.str.replace(rf"^([0-9]{{4}}) ({MONTH} {{1,2}}[0-9]{{1,2}}) ({CLOCK})", "$2 $1 $3")
    inner = inner.str.replace(rf"^\[(?:{_WEEKDAY})?({STAMP})\] ", "$1 ")
    told = lines.select(inner=pl.coalesce(whole, inner))
    month = pl.col("inner").str.extract(rf"^({_WORDS})\.? {{1,2}}[0-9]{{1,2}} {CLOCK}")
    rest = pl.col("inner").str.extract(r"^[^ ]+( .*)$")
    english = pl.concat_str(month.replace_strict(_MONTHS, default=None, return_dtype=pl.String), rest)
    quoted = lines.select(_LINE.str.contains(_IN_MARKS)).to_series()
    told = told.with_columns(inner=pl.when(quoted).then(pl.col("inner").str.replace(_MARKS, "")).otherwise("inner"))
    seems = lines.select(_LINE.str.contains(PASTED)).to_series()
    told = told.select(inner=pl.coalesce(english, "inner"), outer=pl.lit(None, pl.String))
    told = told.with_columns(inner=pl.when(seems).then("inner"))
    file = lines.select(_LINE.str.extract(rf"^(?:{_QUOTED})?({_FILE})")).to_series()
    return told.with_columns(told_once(told["inner"], file).alias("inner")) if file.n_unique() > 1 else told


def peel_quoted(lines: pl.DataFrame) -> pl.DataFrame:
    """Take one sign of a quotation off; what is deeper is seen when this has come off."""
    return lines.select(inner=_LINE.str.replace(r"^[ \t]*> ?", ""), outer=pl.lit(None, pl.String))


def peel_escaped(lines: pl.DataFrame) -> pl.DataFrame:
    """Write the signs that a web page spells."""
    inner = _LINE.str.replace(r"(?:<br ?/?>)+\s*$", "").str.replace_many(_ENTITIES)
    return lines.select(inner=inner, outer=pl.lit(None, pl.String))
