"""Log text made safe to look at: hidden characters shown as escapes, long names shortened in the middle."""

from __future__ import annotations

import re
import unicodedata

_PLAIN = re.compile(r"[ -~]*")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
_TAG = re.compile(r"(\\*)(\[[a-z#/@][^\[\]]*\])")

ELLIPSIS = "…"


def visible(text: object, *, limit: int | None = None) -> str:
    r"""Return the text with every character that hides, moves or recolours other text replaced by its escape.

    Control characters (so ANSI sequences and line breaks too), direction marks, zero-width and unassigned characters
    and all blanks but the plain space become ``\x1b``, ``\u202e`` ...; letters of every script stay as they are.

    Parameters
    ----------
    text
        What to show; None gives an empty string.
    limit
        Most characters to keep. A longer text keeps its head and its tail, and says how many are left out between.
    """
    shown = "" if text is None else str(text)
    if limit is not None and len(shown) > limit:
        tail = limit // 4
        head = limit - tail
        shown = f"{shown[:head]} … ({len(shown) - limit:,} characters left out) … {shown[-tail:]}"
    if _PLAIN.fullmatch(shown):
        return shown
    return "".join(_escape(c) if unicodedata.category(c) in _HIDDEN and c != " " else c for c in shown)


def shorten(text: object, width: int) -> str:
    """Return the visible text in at most `width` characters, cut where the least is lost.

    An address of a mailbox keeps its domain and the head of its name, an IPv6 address keeps whole groups at both
    ends, anything else keeps both ends.
    """
    shown = visible(text)
    if len(shown) <= width:
        return shown
    name, at, domain = shown.rpartition("@")
    if at and name and len(domain) <= width * 2 // 3:
        return f"{name[: width - len(domain) - 2]}{ELLIPSIS}@{domain}"
    if shown.count(":") >= 2 and re.fullmatch(r"[0-9A-Fa-f:.]+", shown):
        return _shorten_groups(shown, width)
    tail = (width - 1) // 3
    return f"{shown[: width - 1 - tail]}{ELLIPSIS}{shown[len(shown) - tail :]}"


def markup(text: object) -> str:
    r"""Return the visible text for use inside rich's console markup: nothing in it is taken for a tag.

    A text that ends in one backslash gets a second one, which shields the tag that may follow it.
    """
    shown = _TAG.sub(r"\1\1\\\2", visible(text))
    return shown + "\\" if re.search(r"(?<!\\)\\$", shown) else shown


def _escape(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r":
        return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _shorten_groups(address: str, width: int) -> str:
    """Drop whole groups from the middle of an IPv6 address."""
    groups = address.split(":")
    n_head, n_tail = 1, 1
    while n_head + n_tail < len(groups):
        more_head = n_head + (n_head <= n_tail)
        more_tail = n_tail + (n_head > n_tail)
        if len(":".join([*groups[:more_head], ELLIPSIS, *groups[-more_tail:]])) > width:
            break
        n_head, n_tail = more_head, more_tail
    return ":".join([*groups[:n_head], ELLIPSIS, *groups[-n_tail:]])
