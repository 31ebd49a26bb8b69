"""Replies as text: wrappers off, lines of one reply joined, and the form in which texts are compared."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

LONGEST = 4096
"""Characters of a text that are looked at; no reply is longer, a hostile line may be."""

_CODE = "[2-5][0-9]{2}"
_ENHANCED = r"[245]\.[0-9]{1,3}\.[0-9]{1,3}"
_NEXT_LINE = (
    rf"(?:[ \t\r\n?]|\\r\\n|\\n)+{_CODE}[- ]{_ENHANCED}(?:[ \t]+|$)"
    rf"|(?:[\r\n?]|\\r\\n|\\n)+[ \t]*{_CODE}(?:[- ]|$)"
    rf"|\\n{_ENHANCED}[ \t]+"
)
"""Where a further line of one reply begins. Postfix writes a line break as `?`, older versions as a blank, Python and
JavaScript as `\\n`."""

_BROUGHT_BY = (
    "said",  # Postfix, qmail: host H said, server H said, Remote host said
    "talk to me",
    "response was",  # .NET
    "invalid login",  # nodemailer
    "exception",  # JavaMail, .NET
    "error",  # Ruby, Go, requests of any kind
    "failed",  # PHPMailer: Password command failed
    "returned",  # Exchange: Remote Server returned
    "with message",  # Symfony Mailer, Swift Mailer
    "server message",  # msmtp
    "reply",
    "response",
    "responsecode",  # nodemailer
    "smtpmsg",  # msmtp's log
    "server -> client",  # PHPMailer's debug output
    "smtp;",  # Diagnostic-Code of a bounce
)
"""Words that a client, a relay log or a library writes before the reply it passes on."""

_PASSED_ON = (
    rf"""(?is)(?:{"|".join(_BROUGHT_BY)})['"]?[:=; (]+(?:b?['"]|\()?((?:{_CODE}(?:[- ]|: |$)|{_ENHANCED} ).*)$"""
)
_EMBEDDED = rf"(?s)(?:^(?:<[-~* ]*|\*+ *|[Ss]: ?)?({_CODE}(?:[- ].*)?)|(?:[:\]] |\()({_CODE}[- ].*))$"
_QUOTED = (
    rf"""(?s)\(({_CODE}), b?'((?:[^'\\]|\\.)*)'""",  # Python's smtplib
    rf"""(?s)\(({_CODE}), b?"((?:[^"\\]|\\.)*)\"""",
    rf"""(?is)retcode \(({_CODE})\); msg: b?'((?:[^'\\]|\\.)*)'""",  # its debug output
    rf"""(?is)smtpmsg=(')({_CODE}[^']*)'""",  # msmtp's log
    r"""(?is)\(code: ([45][0-9]{2}), response: (.*)\)""",  # PEAR's Net_SMTP: Roundcube, MediaWiki, pfSense
)
_BEHIND = (
    r"(?i) \(in reply to [a-z -]+\)\)?$",
    r"""(?s)\s*\n\s+at .*$""",  # a stack below a JavaScript or Java exception
    r"""['"][)\].,;'"]*$""",  # what closes the quotation of a wrapper
    r"(?:\\r|\\n)+$",
)
_BARE = rf"^{_CODE}(?:[- ]|$)"
_PARTS = rf"(?s)^(?:({_CODE})(?:[- ]+|: +|$))?(?:({_ENHANCED})(?:[ \t]+|$))?(.*)$"


class Reply(NamedTuple):
    """An SMTP reply in its parts; a part that the text does not hold is None."""

    code: int | None
    enhanced: str | None
    text: str


def parse_reply(text: str) -> Reply:
    r"""Take an SMTP reply out of what is written around it, and apart: `parted` for a single text.

    Examples
    --------
    >>> parse_reply("host mx.example.net[192.0.2.9] said: 550-5.7.1 No?550 5.7.1 way (in reply to MAIL FROM command)")
    Reply(code=550, enhanced='5.7.1', text='No way')
    >>> parse_reply("Password mismatch")
    Reply(code=None, enhanced=None, text='Password mismatch')
    """
    return Reply(*parted(pl.Series([text])).row(0))


def parted(texts: pl.Series) -> pl.DataFrame:
    r"""Return `code`, `enhanced` and `words` of the reply in each text.

    What relay logs (`host H said: ...`, `server H said: ...`, `(in reply to ...)`), client libraries (smtplib, JavaMail,
    .NET, PHPMailer, Symfony, nodemailer, Ruby, msmtp), transcripts (`<** 535 ...`) and bounces write around it comes
    off; the lines of a multi-line reply are joined, also where the log writes `?` or `\n` for the line break. A text
    without a reply code or an enhanced code in front comes back unchanged, both codes null.
    """
    read = pl.DataFrame({"whole": texts.fill_null("").str.strip_chars()})
    # step by step, not as one expression: each step would be done again for each of the three results
    read = read.with_columns(body=pl.col("whole").str.slice(0, LONGEST).str.replace(_BEHIND[0], ""))
    wrapped = (~read["body"].str.contains(_BARE)).arg_true()
    if wrapped.len():
        body = _unwrapped(read["body"].gather(wrapped))
        read = read.with_columns(body=read["body"].scatter(wrapped, body))
    parts = read["body"].str.extract_groups(_PARTS).struct.unnest()
    read = read.with_columns(parts["1"].cast(pl.UInt16).alias("code"), parts["2"].alias("enhanced"), words=parts["3"])
    read = read.with_columns(pl.col("words").str.replace_all(_NEXT_LINE, " ").str.strip_chars())
    words, found = pl.col("words"), pl.col("code").is_not_null() | pl.col("enhanced").is_not_null()
    unopened = words.str.ends_with(")") & (words.str.count_matches(r"\)") > words.str.count_matches(r"\("))
    return read.select(
        "code",
        "enhanced",
        words=pl.when(~found).then("whole").when(found & unopened).then(words.str.strip_suffix(")")).otherwise("words"),
    )


def _unwrapped(bodies: pl.Series) -> pl.Series:
    """Take the reply out of what stands before and behind it; a text that holds none stays as it is."""
    texts, inner = bodies.to_frame("body"), pl.lit(None, pl.String)
    for form in _QUOTED:
        whole = (
            pl.col("body").str.extract(form, 1).str.strip_chars("'"),
            pl.lit(" "),
            pl.col("body").str.extract(form, 2),
        )
        inner = pl.coalesce(
            inner, pl.concat_str(*whole).str.strip_chars_start().str.replace_all(r"\'", "'", literal=True)
        )
    told = texts.with_columns(inner=inner)
    for form, group in ((_PASSED_ON, 1), (_EMBEDDED, 1), (_EMBEDDED, 2)):
        rest = told["inner"].is_null().arg_true()
        found = told["body"].gather(rest).str.extract(form, group)
        told = told.with_columns(inner=told["inner"].scatter(rest, found))
    for behind in _BEHIND[1:]:
        told = told.with_columns(pl.col("inner").str.replace(behind, ""))
    return told.select(pl.coalesce("inner", "body")).to_series()


def comparable(text: pl.Expr) -> pl.Expr:
    """Return the text as the catalogue compares it: one line, lower case, cut at LONGEST; null becomes empty."""
    joined = text.fill_null("").str.slice(0, LONGEST).str.replace_all(_NEXT_LINE, " ")
    return joined.str.strip_chars().str.to_lowercase()
