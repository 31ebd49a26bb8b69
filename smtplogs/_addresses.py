"""Addresses as text: the network around one, whether it is private, and which of a list of networks holds it."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import polars as pl

from smtplogs._parameters import several

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("global", "private", "shared", "link_local", "loopback", "special")
"""`private`: RFC 1918, RFC 4193; `shared`: RFC 6598 (carrier NAT); `special`: documentation, multicast, unspecified."""

_KIND_OF = (
    ("loopback", ("127.0.0.0/8", "::1/128")),
    ("link_local", ("169.254.0.0/16", "fe80::/10")),
    ("private", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")),
    ("shared", ("100.64.0.0/10",)),
    (
        "special",
        (
            "0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
            "224.0.0.0/3", "::/128", "2001:db8::/32", "ff00::/8",
        ),
    ),
)  # fmt: skip

_PRIVATE = (
    r"^(?:10\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|127\.|169\.254\."
    r"|100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:|::1$)"
)


def is_private(ip: pl.Expr) -> pl.Expr:
    """True for addresses that no stranger on the internet can have: private, carrier NAT, link-local, loopback."""
    return ip.str.contains(_PRIVATE).fill_null(False)


def neighbourhood(ip: pl.Expr) -> pl.Expr:
    """Return the network that one customer, or one office, usually has: ``192.0.2`` (/24) or ``2001:db8:17`` (/48)."""
    v6 = ip.str.extract_groups(r"^(?P<a>[0-9a-f]*):(?P<b>[0-9a-f]*):(?P<c>[0-9a-f]*):")
    third = v6.struct.field("c")
    third = pl.when(third == "").then(pl.lit("0")).otherwise(third)
    return pl.coalesce(
        ip.str.extract(r"^([0-9]+\.[0-9]+\.[0-9]+)\.[0-9]+$", 1),
        pl.concat_str([v6.struct.field("a"), v6.struct.field("b"), third], separator=":"),
    )


def provider_network(ip: pl.Expr) -> pl.Expr:
    """Return the wider network around an address, out of which a provider gives its customers now this, now that one.

    ``80.187.0.0/16``, or ``2001:db8::/32``, which is the least that a registry hands to a provider; both without a look-up.
    """
    v6 = ip.str.extract_groups(r"^(?P<a>[0-9a-f]+):(?P<b>[0-9a-f]*):")
    second = v6.struct.field("b")
    return pl.coalesce(
        ip.str.extract(r"^([0-9]+\.[0-9]+)\.[0-9]+\.[0-9]+$", 1) + ".0.0/16",
        pl.concat_str(v6.struct.field("a"), pl.when(second != "").then(":" + second).otherwise(pl.lit(""))) + "::/32",
    )


def parsed_networks(networks: Sequence[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return CIDR texts as networks; a ValueError names the one that is none."""
    parsed = []
    for text in several("networks", networks):
        try:
            parsed.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            raise ValueError(f'{text!r} is not a network; write one like "192.0.2.0/24" or "2001:db8::/32"') from None
    return parsed


def networks_of(addresses: pl.Series, networks: Sequence[str]) -> pl.Series:
    """Return, for distinct addresses, the narrowest of the networks that holds each; null if none does."""
    parsed = sorted(parsed_networks(networks), key=lambda n: -n.prefixlen)
    found = []
    for text in addresses:
        ip = _address(text)
        held = (n for n in parsed if ip is not None and ip.version == n.version and ip in n)
        found.append(next((str(n) for n in held), None))
    return pl.Series("network", found, pl.String)


def kinds_of(addresses: pl.Series) -> pl.Series:
    """Return the kind of each of some distinct addresses (`KINDS`); null for what is no address."""
    return pl.Series("address_kind", [_kind(_address(text)) for text in addresses], pl.Enum(KINDS))


def _kind(ip: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> str | None:
    """Return the kind of an address; null for none."""
    if ip is None:
        return None
    for kind, networks in _PARSED:
        if any(ip.version == n.version and ip in n for n in networks):
            return kind
    return "global"


def _address(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None


_PARSED = [(kind, parsed_networks(texts)) for kind, texts in _KIND_OF]
