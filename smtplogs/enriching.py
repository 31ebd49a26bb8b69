"""What is known of an address, joined to events: its kind, your network, whether many share it, country and provider."""

from __future__ import annotations

from os import fspath
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs._addresses import KINDS, kinds_of, networks_of
from smtplogs._frames import account
from smtplogs._parameters import at_least_one
from smtplogs.errors import SmtplogsError, missing_extra
from smtplogs.schema import Column, door, need

try:
    import maxminddb
except ImportError:  # the extra `geo` is not installed
    maxminddb = None

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

COLUMNS: dict[str, Column] = {
    "address_kind": Column(pl.Enum(KINDS), "kind of client_ip: global, private, carrier NAT ..."),
    "network": Column(pl.String, "narrowest of your networks that holds client_ip; null: none of them"),
    "address_shared": Column(pl.Boolean, "many users log in from there: an office behind NAT, a webmail, a proxy"),
    "n_address_users": Column(pl.UInt32, "accounts that log in from there", "accounts"),
    "country": Column(pl.String, "ISO code, from the city database"),
    "city": Column(pl.String, "English name, from the city database"),
    "latitude": Column(pl.Float64, "from the city database", "degrees"),
    "longitude": Column(pl.Float64, "from the city database", "degrees"),
    "accuracy_km": Column(pl.Float64, "radius within which the place lies, as the database says", "km"),
    "asn": Column(pl.UInt32, "number of the autonomous system, from the ASN database"),
    "as_org": Column(pl.String, "who runs it, from the ASN database"),
}
"""Columns that ``geo`` adds."""

_CITY = ("country", "city", "latitude", "longitude", "accuracy_km")
_ASN = ("asn", "as_org")


@door
def geo(
    events: pl.DataFrame,
    *,
    asn_mmdb: str | PathLike[str] | None = None,
    city_mmdb: str | PathLike[str] | None = None,
    networks: Sequence[str] = (),
    shared_users: int = 20,
) -> pl.DataFrame:
    """Add to each event what is known of its address, from databases of your own.

    Nothing is looked up on the network.

    Parameters
    ----------
    events
        Events (or findings) with `client_ip`; shared addresses are told from events only (`user, stage, outcome`).
    asn_mmdb
        Database of networks in MaxMind's format, such as GeoLite2-ASN.mmdb. Needs the extra ``geo``:
        ``pip install "smtplogs[geo]"``.
    city_mmdb
        Database of places in the same format, such as GeoLite2-City.mmdb.
    networks
        Networks of your own, such as 192.0.2.0/24.
    shared_users
        If more accounts than this log in from one address, it counts as shared [accounts]. Own choice.

    Returns
    -------
    DataFrame
        The frame with the columns of ``COLUMNS`` added, the rows and their order unchanged; what is not known is null.

    Raises
    ------
    MissingExtra
        If a database is given and the extra `geo` is not installed.
    SmtplogsError
        If the file is no database in MaxMind's format.
    ValueError
        If `shared_users` is less than 1.

    Notes
    -----
    Places of mobile and VPN addresses are wrong by hundreds of kilometres. One address that carries more than half of
    all logins is often a proxy without the PROXY protocol: then per-address figures say nothing.
    """
    need(events, "client_ip")
    at_least_one(shared_users=shared_users)
    addresses = events["client_ip"].unique().drop_nulls().sort()
    known = pl.DataFrame({"client_ip": addresses}).with_columns(
        kinds_of(addresses).alias("address_kind"),
        networks_of(addresses, networks).alias("network"),
        *_looked_up(addresses, city_mmdb, _city, _CITY),
        *_looked_up(addresses, asn_mmdb, _asn, _ASN),
    )
    known = known.join(_users(events, shared_users), on="client_ip", how="left", maintain_order="left")
    known = known.select("client_ip", *(pl.col(n).cast(c.dtype) for n, c in COLUMNS.items()))
    kept = [c for c in events.columns if c not in COLUMNS]
    return events.select(kept).join(known, on="client_ip", how="left", maintain_order="left")


def _users(events: pl.DataFrame, shared_users: int) -> pl.DataFrame:
    """Count the accounts that log in from each address."""
    if not {"user", "stage", "outcome"} <= set(events.columns):
        return pl.DataFrame(schema={"client_ip": pl.String, "n_address_users": pl.UInt32, "address_shared": pl.Boolean})
    logins = events.lazy().filter(
        pl.col("outcome") == "success", pl.col("stage").is_in(["auth", "mail"]), pl.col("client_ip").is_not_null()
    )
    counted = logins.group_by("client_ip").agg(account(pl.col("user")).drop_nulls().n_unique().alias("n_address_users"))
    return counted.with_columns((pl.col("n_address_users") > shared_users).alias("address_shared")).collect()


def _looked_up(
    addresses: pl.Series,
    path: str | PathLike[str] | None,
    row: Callable[[dict[str, Any]], tuple[object, ...]],
    names: tuple[str, ...],
) -> list[pl.Series]:
    """Return columns for distinct addresses out of a database; nulls if none is given."""
    if path is None:
        return [pl.Series(n, [None] * addresses.len(), COLUMNS[n].dtype) for n in names]
    if maxminddb is None:
        raise missing_extra("a database of addresses", "geo")
    try:
        with maxminddb.open_database(fspath(path)) as reader:
            found = [row(_record(reader, ip)) for ip in addresses]
    except maxminddb.InvalidDatabaseError as error:
        raise SmtplogsError(f"{path}: not a database in MaxMind's format ({error})") from None
    return [pl.Series(n, [values[i] for values in found], COLUMNS[n].dtype, strict=False) for i, n in enumerate(names)]


def _record(reader: Any, ip: str) -> dict[str, Any]:
    """Return the record of an address; empty if the database has none."""
    try:
        record = reader.get(ip)
    except ValueError:  # no address, or IPv6 in a database of IPv4
        return {}
    return record if isinstance(record, dict) else {}


def _city(record: dict[str, Any]) -> tuple[object, ...]:
    """Return the values of _CITY."""
    place = record.get("location") or {}
    country = record.get("country") or record.get("registered_country") or {}
    city = ((record.get("city") or {}).get("names") or {}).get("en")
    return (
        country.get("iso_code"), city, place.get("latitude"), place.get("longitude"), place.get("accuracy_radius")
    )  # fmt: skip


def _asn(record: dict[str, Any]) -> tuple[object, ...]:
    """Return the values of _ASN."""
    return record.get("autonomous_system_number"), record.get("autonomous_system_organization")
