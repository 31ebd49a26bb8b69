"""A whole session or table explained: each login and refusal in it, with what led to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import declaring, pasted, recognising
from smtplogs.explaining._lines import event_rows
from smtplogs.explaining._rows import make_row
from smtplogs.logformats import Dialogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtplogs.explaining._rows import Known, Row
    from smtplogs.logformats import Table

MAX_SESSION = 20_000
"""Lines of a session or table that is explained as a whole."""

_REPLY = re.compile(r"\s*(?:[2-5][0-9]{2}(?:[ -]|$)|$)")
"""A line of a reply, or none: nothing but such lines is what a server answered, no session."""

_OF_AUTH = (432, 454, 504, 530, 534, 535, 538)
"""Codes that answer AUTH, never a connection (RFC 4954)."""


def format_of(text: str) -> Dialogue | Table | None:
    """Return the format of a text that is one session or table, else None."""
    head = [line.removesuffix("\r") for line in text.split("\n")]
    if len(head) > MAX_SESSION:
        return None
    format_ = recognising.recognise(head, declaring.installed()).format
    if not isinstance(format_, Dialogue):
        return format_
    only_replies = format_.last_resort and all(map(_REPLY.match, head))
    # quoted replies without an entry of a log around them tell more by themselves
    lines = pl.Series(head)
    entry = not format_.quotes or any(lines.str.contains(turn.regex).any() for turn in format_.turns if turn.begins)
    return None if only_replies or not entry else format_


def session_rows(text: str, format_: Dialogue | Table, known: Known) -> Iterator[Row]:
    """Explain each event of a session; yield nothing if a refusal is quoted in it that is no event."""
    events = declaring.events_of(format_, text, known["catalogue"])
    at_connect = (pl.col("stage") == "connect") & pl.col("reply_code").is_in(_OF_AUTH)
    if events.height and events.select(at_connect.any()).item():
        return  # a piece without the commands: the replies by themselves tell more
    for event in events.to_dicts():
        line_no, shown = int(event["line_no"]), str(event["raw"] or "")
        first, *others = event_rows(line_no, shown, event | {"_role": "event", "pattern": None}, known)
        of_words = first.get("why") if first.get("row") else event["detail"] if event["basis"] == "context" else None
        why = "; ".join(str(part) for part in (_story(event), of_words) if part)
        yield first | {"verdict": "diagnosis", "why": why}
        yield from others
    if events.is_empty() and not pasted.answers_in(text):
        why = f"{format_.title}: no AUTH command and no refusal in it"
        yield make_row(1, "", "context only", format=format_.name, why=why)


def _story(event: dict[str, Any]) -> str:
    """Tell in a sentence what led to an event."""
    offered = event["auth_offered"]
    tls = {"none": "in clear text", "yes": "under TLS", None: None}.get(event["tls"], f"under {event['tls']}")
    code = " ".join(str(event[c]) for c in ("reply_code", "enhanced_code") if event[c] is not None)
    parts = (
        f"AUTH {event['mechanism'] or ''}".strip() if event["stage"] == "auth" else f"at {event['stage']}",
        f"as {event['user']}" if event["user"] else None,
        tls,
        None if offered is None else f"offered before: {', '.join(offered) or 'no mechanism'}",
        f"answered {code}" if code else None,
    )
    return "; ".join(p for p in parts if p)
