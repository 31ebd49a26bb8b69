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

_PASSED_ON = rf"""(?is)(?:{"|".join(_BROUGHT_BY)})['"]?[:=; (]+(?:b?['"]|\()?((?:{_CODE}(?:[- ]|$)|{_ENHANCED} ).*)$"""
_EMBEDDED = rf"(?s)(?:^(?:<[-~* ]*|\*+ *|[Ss]: ?)?({_CODE}(?:[- ].*)?)|(?:[:\]] |\()({_CODE}[- ].*))$"
_QUOTED = (
    rf"""(?s)\(({_CODE}), b?'((?:[^'\\]|\\.)*)'""",  # Python's smtplib
    rf"""(?s)\(({_CODE}), b?"((?:[^"\\]|\\.)*)\"""",
    rf"""(?is)retcode \(({_CODE})\); msg: b?'((?:[^'\\]|\\.)*)'""",  # its debug output
    rf"""(?is)smtpmsg=(')({_CODE}[^']*)'""",  # msmtp's log
)
_BEHIND = (
    r"(?i) \(in reply to [a-z -]+\)\)?$",
    r"""(?s)\s*\n\s+at .*$""",  # a stack below a JavaScript or Java exception
    r"""['"][)\].,;'"]*$""",  # what closes the quotation of a wrapper
)
_PARTS = rf"(?s)^(?:({_CODE})(?:[- ]+|$))?(?:({_ENHANCED})(?:[ \t]+|$))?(.*)$"


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
    return Reply(*pl.DataFrame({"text": [text]}).select(*parted(pl.col("text"))).row(0))


def parted(text: pl.Expr) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    r"""Return code, enhanced code and words of the reply in a text.

    What relay logs (`host H said: ...`, `server H said: ...`, `(in reply to ...)`), client libraries (smtplib, JavaMail,
    .NET, PHPMailer, Symfony, nodemailer, Ruby, msmtp), transcripts (`<** 535 ...`) and bounces write around it comes
    off; the lines of a multi-line reply are joined, also where the log writes `?` or `\n` for the line break. A text
    without a reply code or an enhanced code in front comes back unchanged, both codes null.
    """
    whole = text.fill_null("").str.strip_chars()
    body = whole.str.slice(0, LONGEST)
    quoted = (
        pl.concat_str(body.str.extract(form, 1).str.strip_chars("'"), pl.lit(" "), body.str.extract(form, 2))
        .str.strip_chars_start()
        for form in _QUOTED
    )
    embedded = (body.str.extract(_EMBEDDED, group) for group in (1, 2))
    inner = pl.coalesce(*quoted, body.str.extract(_PASSED_ON, 1), *embedded)
    for behind in _BEHIND:
        inner = inner.str.replace(behind, "")
    parts = pl.coalesce(inner, body.str.replace(_BEHIND[0], "")).str.extract_groups(_PARTS)
    code, enhanced = parts.struct.field("1"), parts.struct.field("2")
    found = code.is_not_null() | enhanced.is_not_null()
    words = parts.struct.field("3").str.replace_all(_NEXT_LINE, " ").str.strip_chars()
    unopened = words.str.ends_with(")") & (words.str.count_matches(r"\)") > words.str.count_matches(r"\("))
    words = pl.when(unopened).then(words.str.strip_suffix(")")).otherwise(words)
    return (
        code.cast(pl.UInt16).alias("code"),
        enhanced.alias("enhanced"),
        pl.when(found).then(words).otherwise(whole).alias("words"),
    )


def comparable(text: pl.Expr) -> pl.Expr:
    """Return the text as the catalogue compares it: one line, lower case, cut at LONGEST; null becomes empty."""
    joined = text.fill_null("").str.slice(0, LONGEST).str.replace_all(_NEXT_LINE, " ")
    return joined.str.strip_chars().str.to_lowercase()
