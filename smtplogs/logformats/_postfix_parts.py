"""Pieces that Postfix patterns share: the peer, addresses as logged, the tail of reject lines, the words of limits.

No piece trusts what the other side typed: names, addresses and HELO are taken left to right from what Postfix itself
wrote, and quoted local parts are stepped over as a whole (`from=<"x> to=<y"@example.com>` is one address).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

QUEUE_ID = r"(?P<queue_id>[0-9A-Za-z]+)"
"""A queue id, short or long, or NOQUEUE."""

PEER = r"(?P<client_name>[^\[\] ]*)\[(?P<client_ip>[^\] ]*)\](?::(?P<client_port>[0-9]+))?"
"""`name[address]`, with `:port` under smtpd_client_port_logging (2.5); the name never holds a bracket or a blank."""

ADDRESS = r'(?:"(?:[^"\\]|\\.)*"|[^>])*?'
"""A mail address between `<` and `>`; a quoted local part may hold both."""

ENHANCED = r"[245]\.[0-9]{1,3}\.[0-9]{1,3}"

_ENVELOPE = rf"(?:from=<(?P<sender>{ADDRESS})> ?)?(?:to=<{ADDRESS}> ?)?(?:proto=[A-Z]+ ?)?"

_LOGIN = (
    r"(?: sasl_method=(?P<mechanism>[^ ]+))?(?: sasl_username=(?P<user>.*?))?(?: sasl_sender=(?P<sasl_sender>[^ ]*))?"
)

CONTEXT = rf"(?:; {_ENVELOPE}(?:helo=<(?P<helo>.*)>)?{_LOGIN})?"
"""What smtpd puts after the text of a reject line; the login since 3.10.

HELO is free text of the client and may look like a login, so it runs to the last `>` that the line allows: a login
that ends in `>` is given up rather than a forged one believed.
"""

CONTEXT_OF_USER = CONTEXT.replace("(?P<user>", "(?:")
"""The same where the text before has named the user already."""

CONTEXT_OF_MILTER = rf"(?:; {_ENVELOPE}(?:helo=<(?P<helo>[^>]*)>.*)?)?"
"""The same on milter and proxy lines: their login is bracketed (3.2), so that HELO can forge it; nothing is believed."""

LIMIT_WORDS = (
    r"(?:[Rr]ate[- ]?limit|[Rr]ate exceeded|[Tt]hrottl|[Cc]oncurren|[Ss]low down|[Uu]nusual (?:rate|sending)"
    r"|[Tt]oo much mail|[Tt]oo many (?:messages|mails|e-?mails|connections|sessions|requests|errors|attempts|failures"
    r"|failed|bad|login|logins|auth|AUTH|recipients (?:this|per|in|from|for))"
    r"|(?:[Cc]onnections?|[Mm]essages?|[Rr]ecipients?|[Ss]ending|[Ss]ubmission|[Rr]elay|[Dd]aily|[Hh]ourly|[Tt]hread"
    r"|[Oo]utgoing) (?:[a-z]+ )?(?:limit|quota) (?:exceeded|reached)|(?:per|an) hour|per day|exceeded the (?:max|configured))"
)
"""How policy services, milters and relays word a limit. A full mailbox (`quota exceeded` alone, `over quota`), one
mail with too many recipients and greylisting are none."""

LIMIT_LITERALS = (
    "ate limit", "ate-limit", "atelimit", "ate exceeded", "hrottl", "oncurren", "low down", "nusual rate",
    "nusual sending", "oo much mail", "oo many ", "imit exceeded", "imit reached", "uota exceeded", "uota reached",
    " hour", "per day", "exceeded the ",
)  # fmt: skip
"""What occurs in every hit of LIMIT_WORDS, without the letter whose case is free."""


def always(**columns: Any) -> Callable[..., dict[str, Any]]:
    """Return a maker of column dicts that hold these columns: called plain for `sets`, with more for a sample."""
    return partial(dict, **columns)
