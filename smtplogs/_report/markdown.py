"""Text neutralised for Markdown: whatever a log says, it stays text."""

from __future__ import annotations

import re

from markupsafe import Markup

from smtplogs._visible import visible

_ACTIVE = re.compile(r"[\\`*_\[\]<>|&~$#!]")
_LINK = re.compile(r"(?i)(www)\.|:(?=//)|\b(javascript|data|vbscript|mailto|https?|ftp|xmpp):")
_START = re.compile(r"^(\s*)([-+=]|[0-9]{1,9}(?=[.)](?:\s|$)))")
_MENTION = re.compile(r"(^|[\s(])@")


def neutral(value: object) -> str:
    """Return a value as Markdown text in which no character has a meaning; marked-up text passes as it is."""
    if isinstance(value, Markup):
        return str(value)
    shown = _ACTIVE.sub(lambda m: "\\" + m[0], visible(value))
    shown = _LINK.sub(lambda m: m[0].replace(".", "\\.").replace(":", "\\:"), shown)
    shown = _MENTION.sub(r"\1\\@", shown)
    return _START.sub(lambda m: m[1] + (f"\\{m[2]}" if not m[2].isdigit() else f"{m[2]}\\"), shown)


def fenced(lines: list[str]) -> Markup:
    """Return lines as a fenced code block that none of them can end."""
    shown = [visible(line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup("\n".join([f"{fence}text", *shown, fence]))  # noqa: S704 - inside the fence nothing is markup
