"""Postfix smtp, relay, lmtp: delivery lines, and a maker of patterns for the reasons on them.

A delivery line (`to=<...>, relay=..., status=... (REASON)`) stands for each recipient. When another server is tried
next, its line is `QUEUE_ID: REASON` alone, and the only one about that server. Both come from one reason here.
"""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Pattern, Sample
from smtplogs.logformats._postfix_parts import ADDRESS, ENHANCED, QUEUE_ID, always

CLIENTS = "smtp|relay|lmtp"

NEXT_HOP = r"(?:(?P<relay_host>[^\[\], ]+)\[(?P<server_ip>[^\], ]*)\](?::(?P<server_port>[0-9]+))?|[^, ]*)"

DELIVERY = (
    rf"^{QUEUE_ID}: to=<{ADDRESS}>, (?:orig_to=<{ADDRESS}>, )?relay={NEXT_HOP}, (?:conn_use=[0-9]+, )?delay=[0-9.]+, "
    rf"(?:delays=[0-9./]+, )?(?:tls=[^, ]*, )?(?:dsn=(?P<dsn>{ENHANCED}), )?status=(?P<delivery>[a-z]+) \("
)
"""Up to the reason; `delays` and `dsn` since 2.3, `tls` since 3.11, `orig_to` and `conn_use` where they differ."""

REPLY = rf"(?P<reply_code>[2-5][0-9]{{2}})(?:[ -](?P<enhanced_code>{ENHANCED}))?(?:[ -]+(?P<detail>.*?))?"

_SERVER = r"[^ \[]+(?:\[[^\] ]*\])?(?::[0-9]+)?"
_NAMED_SERVER = r"(?P<relay_host>[^ \[]+)(?:\[(?P<server_ip>[^\] ]*)\])?(?::(?P<server_port>[0-9]+))?"

client = always(side="client")
context = always(side="client", outcome="info")


def reason(
    name: str, text: str, *, sample: tuple[str, dict[str, Any]], also: tuple[str, dict[str, Any]], **rest: Any
) -> tuple[Pattern, Pattern]:
    """Return the two patterns of one reason: on the delivery line, and alone (`_next`).

    Parameters
    ----------
    name
        Of the first pattern.
    text
        Regex of the reason; SERVER stands for `host[address]:port`.
    sample, also
        The reason, and what it says, on a delivery line and alone.
    **rest
        The other fields of the patterns.
    """
    delivery = (
        "4BA3A326901: to=<eve@example.org>, relay=smtp.example.net[198.51.100.25]:587, delay=0.09, "
        "delays=0/0/0.09/0, dsn=4.7.0, status=deferred (%s)"
    )
    told = client(
        queue_id="4BA3A326901",
        relay_host="smtp.example.net",
        server_ip="198.51.100.25",
        server_port=587,
        dsn="4.7.0",
        delivery="deferred",
    )
    alone = client(queue_id="4BA3A326901", relay_host="smtp.example.net", server_ip="198.51.100.25")
    return (
        Pattern(
            name,
            program=CLIENTS,
            regex=DELIVERY + text.replace("SERVER", _SERVER) + r"\)$",
            samples=(Sample(delivery % sample[0], told | sample[1]),),
            **rest,
        ),
        Pattern(
            f"{name}_next",
            program=CLIENTS,
            regex=rf"^{QUEUE_ID}: " + text.replace("SERVER", _NAMED_SERVER) + "$",
            samples=(Sample(f"4BA3A326901: {also[0]}", alone | also[1]),),
            **rest,
        ),
    )
