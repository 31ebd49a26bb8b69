"""What addresses stand for: kinds, own networks, shared ones, places and providers out of the user's own database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from small_events import ANN, HOME, STRANGER, events, shuffled, tries
from small_mmdb import write_mmdb
from smtplogs import enriching
from smtplogs._addresses import is_private, kinds_of, neighbourhood, networks_of
from smtplogs.enriching import COLUMNS, geo
from smtplogs.errors import MissingColumns, MissingExtra, SmtplogsError
from smtplogs.schema import EVENTS, dtypes, empty

if TYPE_CHECKING:
    from pathlib import Path

PLACE = {
    "country": {"iso_code": "PL"},
    "city": {"names": {"en": "Warsaw", "pl": "Warszawa"}},
    "location": {"latitude": 52.25, "longitude": 21.0, "accuracy_radius": 50},
}


@pytest.mark.parametrize(
    ("ip", "kind", "private"),
    [
        ("8.8.8.8", "global", False),
        ("2a00::1", "global", False),
        ("10.0.0.1", "private", True),
        ("172.15.255.255", "global", False),
        ("172.16.0.0", "private", True),
        ("172.31.255.255", "private", True),
        ("172.32.0.0", "global", False),
        ("192.168.9.9", "private", True),
        ("100.63.255.255", "global", False),
        ("100.64.0.0", "shared", True),
        ("100.127.255.255", "shared", True),
        ("100.128.0.0", "global", False),
        ("127.0.0.1", "loopback", True),
        ("::1", "loopback", True),
        ("169.254.1.1", "link_local", True),
        ("fe80::1", "link_local", True),
        ("fd00:1::2", "private", True),
        ("192.0.2.5", "special", False),
        ("2001:db8::1", "special", False),
        ("no address", None, False),
    ],
)
def test_the_kind_of_an_address(ip: str, kind: str | None, private: bool):
    assert kinds_of(pl.Series([ip])).to_list() == [kind]
    assert pl.select(is_private(pl.lit(ip))).item() is private


@pytest.mark.parametrize(
    ("ip", "near"),
    [
        ("192.0.2.5", "192.0.2"),
        ("2001:db8:17:1::5", "2001:db8:17"),
        ("2001:db8::5", "2001:db8:0"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0"),
        ("name", None),
    ],
)
def test_the_neighbourhood_of_an_address(ip: str, near: str | None):
    assert pl.select(neighbourhood(pl.lit(ip))).item() == near


def test_the_narrowest_network_holds_an_address():
    found = networks_of(
        pl.Series(["192.0.2.5", "192.0.2.200", "2001:db8::1", "x"]), ["192.0.2.0/24", "192.0.2.0/25", "2001:db8::/32"]
    )
    assert found.to_list() == ["192.0.2.0/25", "192.0.2.0/24", "2001:db8::/32", None]
    with pytest.raises(ValueError, match="'office' is not a network"):
        networks_of(pl.Series(["192.0.2.5"]), ["office"])


def crowd(n: int) -> list:
    """Return n accounts that log in from one address."""
    return [t for i in range(n) for t in tries(f"u{i}@example.com", HOME, [i])]


@pytest.mark.parametrize(("n", "shared"), [(20, False), (21, True)])
def test_an_address_of_more_than_twenty_accounts_is_shared(n: int, shared: bool):
    found = geo(events(*crowd(n), *tries("U0@EXAMPLE.com ", HOME, [99])))
    assert found["address_shared"].unique().to_list() == [shared]
    assert found["n_address_users"].unique().to_list() == [n]
    assert geo(events(*crowd(n)), shared_users=n - 1)["address_shared"].all()


def test_failures_make_no_address_shared():
    rows = [t | {"outcome": "failure"} for t in crowd(30)]
    assert geo(events(*rows))["address_shared"].null_count() == 30


def test_rows_and_their_order_stay():
    frame = shuffled(events(*crowd(5), *tries(ANN, None, [7]), *tries(ANN, STRANGER, [8])))
    found = geo(frame, networks=("203.0.113.0/24",))
    assert_frame_equal(found.select(frame.columns), frame)
    assert found.columns == [*frame.columns, *COLUMNS]
    assert found.filter(pl.col("client_ip") == STRANGER)["network"].to_list() == ["203.0.113.0/24"]
    assert found.filter(pl.col("client_ip").is_null())["address_kind"].to_list() == [None]
    assert_frame_equal(geo(found, networks=("203.0.113.0/24",)), found)  # once more changes nothing


def test_places_and_providers_come_from_the_databases(tmp_path: Path):
    pytest.importorskip("maxminddb", reason="the extra geo is not installed")
    city = write_mmdb(
        tmp_path / "city.mmdb",
        {"203.0.113.0/24": PLACE, "2001:db8::/32": {"registered_country": {"iso_code": "DE"}}},
        "X-City",
    )
    asn = {"autonomous_system_number": 64_496, "autonomous_system_organization": "Example Net"}
    asn_db = write_mmdb(tmp_path / "asn.mmdb", {"203.0.113.0/25": asn}, "X-ASN")
    frame = events(
        *tries(ANN, STRANGER, [0]), *tries(ANN, HOME, [1]), *tries(ANN, "2001:db8::7", [2]), *tries(ANN, "odd", [3])
    )
    found = geo(frame, city_mmdb=str(city), asn_mmdb=str(asn_db))
    names = ["country", "city", "latitude", "longitude", "accuracy_km", "asn", "as_org"]
    assert found.select(names).rows() == [
        ("PL", "Warsaw", 52.25, 21.0, 50.0, 64_496, "Example Net"),
        (None,) * 7,
        ("DE", *(None,) * 6),
        (None,) * 7,
    ]


def test_what_is_wrong_with_a_database_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("maxminddb", reason="the extra geo is not installed")
    (tmp_path / "no.mmdb").write_bytes(b"no database")
    with pytest.raises(SmtplogsError, match=r"no\.mmdb: not a database in MaxMind's format"):
        geo(events(*tries(ANN, HOME, [0])), city_mmdb=str(tmp_path / "no.mmdb"))
    with pytest.raises(FileNotFoundError):
        geo(events(*tries(ANN, HOME, [0])), asn_mmdb=str(tmp_path / "gone.mmdb"))
    monkeypatch.setattr(enriching, "maxminddb", None)
    with pytest.raises(MissingExtra, match=r'pip install "smtplogs\[geo\]"'):
        geo(events(*tries(ANN, HOME, [0])), asn_mmdb="asn.mmdb")


def test_any_library_and_any_frame_with_addresses():
    frame = events(*crowd(3))
    assert geo(frame.to_pandas())["address_kind"].astype(str).tolist() == ["special"] * 3
    assert geo(frame.lazy()).height == 3
    alone = geo(pl.DataFrame({"client_ip": ["10.0.0.1"]}))
    assert alone.select("address_kind", "address_shared").rows() == [("private", None)]
    nothing = geo(empty(EVENTS))
    assert nothing.schema == dtypes(EVENTS) | dtypes(COLUMNS)
    with pytest.raises(MissingColumns, match="client_ip"):
        geo(pl.DataFrame({"ip": ["10.0.0.1"]}))
    with pytest.raises(ValueError, match="shared_users=0"):
        geo(frame, shared_users=0)
