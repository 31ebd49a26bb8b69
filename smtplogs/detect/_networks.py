"""Addresses brought together: the /24 of IPv4, the /48 of IPv6, as text."""

from __future__ import annotations

import polars as pl


def network(address: pl.Expr) -> pl.Expr:
    """Return the network of an address in canonical text: ``192.0.2.0/24``, ``2001:db8:7::/48``; null for others."""
    v4 = address.str.extract(r"^([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})\.[0-9]{1,3}$")
    groups = [address.str.extract(rf"^(?:[0-9a-f]+:){{{i}}}([0-9a-f]+):").fill_null("0") for i in range(3)]
    v6 = pl.when(address.str.contains(":", literal=True)).then(pl.concat_str(groups, separator=":"))
    return pl.coalesce(v4 + ".0/24", v6 + "::/48")
