"""Replies as text: wrappers off, lines of one reply joined, and the form in which texts are compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import polars as pl

LONGEST = 4096
"""Characters of a text that are looked at; no reply is longer, a hostile line may be."""

_ENHANCED = r"[245]\.[0-9]{1,3}\.[0-9]{1,3}"
_NEXT_LINE = (
    rf"[ \t\r\n?]+[245][0-9]{{2}}[- ]{_ENHANCED}(?:[ \t]+|$)"
    r"|[\r\n?]+[ \t]*[245][0-9]{2}(?:[- ]|$)"
)
"""Where a further line of one reply begins. Postfix writes a line break as `?`, older versions as a blank."""

_ANNOUNCED = re.compile(r"(?:said|talk to me|response was|Invalid login|Exception): (?=[2-5][0-9]{2}(?:[- ]|$))")
_EMBEDDED = re.compile(r"(?:^|: |\()(?=[2-5][0-9]{2}(?:[- ]|$))")
_SMTPLIB = re.compile(r"\((?P<code>[2-5][0-9]{2}), b?(?P<quote>['\"])(?P<text>.*)(?P=quote)\)")
_IN_REPLY_TO = re.compile(r" \(in reply to [A-Za-z -]+\)\)?$")
_PARTS = re.compile(rf"(?:([2-5][0-9]{{2}})(?:[- ]+|$))?(?:({_ENHANCED})(?=[ \t]|$)[ \t]*)?(.*)", re.DOTALL)


class Reply(NamedTuple):
    """An SMTP reply in its parts; a part that the text does not hold is None."""

    code: int | None
    enhanced: str | None
    text: str


def parse_reply(text: str) -> Reply:
    r"""Take an SMTP reply out of what is written around it, and apart.

    The wrappers of relay logs (`host H said: ...`, `server H said: ...`, `(in reply to ...)`) and of some client
    libraries come off; the lines of a multi-line reply are joined, also where the log writes `?` for the line break.
    A text without a reply code or an enhanced code in front comes back unchanged.

    Examples
    --------
    >>> parse_reply("host mx.example.net[192.0.2.9] said: 550-5.7.1 No?550 5.7.1 way (in reply to MAIL FROM command)")
    Reply(code=550, enhanced='5.7.1', text='No way')
    >>> parse_reply("Password mismatch")
    Reply(code=None, enhanced=None, text='Password mismatch')
    """
    body = text.strip()[:LONGEST]
    if quoted := _SMTPLIB.search(body):
        body = f"{quoted['code']} {quoted['text']}".replace("\\n", "\n")
    elif announced := _ANNOUNCED.search(body) or _EMBEDDED.search(body):
        body = body[announced.end() :]
    parts = _PARTS.match(_IN_REPLY_TO.sub("", body))
    code, enhanced, rest = parts.groups() if parts else (None, None, "")
    if code is None and enhanced is None:
        return Reply(None, None, text.strip())
    return Reply(int(code) if code else None, enhanced, re.sub(_NEXT_LINE, " ", rest).strip())


def comparable(text: pl.Expr) -> pl.Expr:
    """Return the text as the catalogue compares it: one line, lower case, cut at LONGEST; null becomes empty."""
    joined = text.fill_null("").str.slice(0, LONGEST).str.replace_all(_NEXT_LINE, " ")
    return joined.str.strip_chars().str.to_lowercase()
