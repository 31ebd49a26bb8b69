"""Pieces by time: together all rows, the same findings however they are cut, and evidence that does not depend on it."""

from __future__ import annotations

import functools
import itertools
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from hand_made import NINE, events
from simulate_accounts import Policy, busy_site
from simulate_incidents import FaultySite
from smtplogs.detect import _busy, _slices, _sums, _turned
from smtplogs.detect._attack_facts import attempts, book_of
from smtplogs.detect._attempts import ordered
from smtplogs.detect._busy import busy_addresses
from smtplogs.detect._flurries import Rounds
from smtplogs.detect._networks import network
from smtplogs.detect._slices import Accounts, ahead, compact, judged, picked, pieces, proof, sliced, stretches
from smtplogs.detect._sums import Sums
from smtplogs.errors import MissingColumns
from smtplogs.schema import EVENTS, empty

if TYPE_CHECKING:
    from pathlib import Path


def some(n: int = 240) -> pl.DataFrame:
    return events([(i * 100, f"u{i % 7}", f"192.0.2.{i % 5}", "failure" if i % 3 else "success") for i in range(n)])


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Return the events of a site in which everything happens at once."""
    place = FaultySite(seed=9, n_users=40, n_days=5)
    place.people()
    place.down("535")
    place.guess()
    place.botnet(30)
    place.stuff()
    place.takeover()
    place.limit = (40, 60.0)
    place.forget(every=1.2, length=900)
    return place.read(tmp_path_factory.mktemp("busy"))[0]


@pytest.mark.parametrize("most", [1, 10, 100, 10**9])
def test_pieces_are_all_rows_in_order_of_time(most: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_slices, "MOST_ROWS", most)
    frame = some().sample(fraction=1, shuffle=True, seed=1)
    parts = list(pieces(sliced(frame.lazy(), "time"), "line_no", "user", "account"))

    assert sum(p.height for p in parts) == frame.height
    assert all(a["time"].sort()[-1] < b["time"].sort()[0] for a, b in itertools.pairwise(parts))
    assert (len(parts) == 1) == (most == 10**9)
    assert pl.concat(parts).sort("line_no")["user"].cast(pl.String).to_list() == some()["user"].to_list()


def test_pieces_know_since_until_and_missing_columns():
    part = list(
        pieces(
            sliced(some().drop("helo", "tls").lazy(), "time"), "helo", since=NINE, until=NINE + timedelta(seconds=201)
        )
    )
    assert [p.height for p in part] == [3]
    assert part[0]["helo"].null_count() == 3
    with pytest.raises(MissingColumns, match="time"):
        sliced(some().drop("time").lazy(), "time")


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(sl.lockouts, marks=pytest.mark.slow, id="lockouts"),
        pytest.param(sl.stale_credentials, marks=pytest.mark.slow, id="stale"),
    ],
)
def test_accounts_are_told_the_same_in_pieces(function: Any, monkeypatch: pytest.MonkeyPatch):
    frame = busy_site(seed=1, policy=Policy(), users=60).run()
    clients = ("client_ip",), ("client_ip", "protocol")
    whole = [function(frame, client=client) for client in clients]
    kinds = {"lockouts": {"lockout", "failure_streak"}, "stale_credentials": {"stale_credential", "rotation"}}
    assert kinds[function.__name__] <= set(whole[0]["kind"].cast(pl.String))
    small_parts(monkeypatch)
    assert len(list(pieces(sliced(frame.lazy(), "time")))) > 5
    for client, found in zip(clients, whole, strict=True):
        assert_frame_equal(function(frame.lazy(), client=client), found)


def test_bans_by_silence_are_the_same_in_parts(monkeypatch: pytest.MonkeyPatch):
    """Twelve strangers who guess five times and are cut off for ten minutes, again and again."""
    rows = [
        (start * 700 + k * 5 + ip, f"u{k}", f"192.0.2.{ip}", "failure")
        for ip in range(12)
        for start in range(6)
        for k in range(6)
    ]
    frame = events(rows)
    whole = sl.lockouts(frame)
    assert "ip_ban" in whole["kind"].cast(pl.String).to_list()
    small_parts(monkeypatch)
    assert_frame_equal(sl.lockouts(frame.lazy()), whole)


@pytest.mark.parametrize("null", [False, True])
def test_rows_that_stand_in_order_are_only_grouped(null: bool):
    rows = pl.DataFrame({"g": [2, 1, 2, 1, 1], "t": [1, 2, 2, 3, 3], "k": [9, 1, 2, 3, 4], "z": [0, 1, 2, 3, 4]})
    rows = rows.with_columns(pl.when(pl.lit(not null) | (pl.col("z") > 0)).then("k").alias("k"))
    want = [(1, 2, 1), (1, 3, 3), (1, 3, 4), (2, 1, None if null else 9), (2, 2, 2)]
    for given in (rows, rows.reverse(), rows.sample(fraction=1, shuffle=True, seed=3)):
        assert ordered(given, "g", ["t", "k"], "z").drop("z").rows() == want
    # two rows of one moment and line: the ties tell
    same = pl.DataFrame({"g": [1, 1, 1], "t": [5, 5, 4], "k": [1, 1, 1], "z": [2, 1, 3]})
    assert ordered(same, "g", ["t", "k"], "z")["z"].to_list() == [3, 1, 2]
    assert ordered(same[1:2], "g", ["t", "k"]).height == 1
    assert ordered(same[:0], "g", ["t", "k"]).height == 0


def test_busy_addresses_are_given_out_once_and_whole():
    book = pl.DataFrame({"ip_id": [0, 1, 2], "n_failed": [9, 1, 9], "n_rows": [5_000_000, 1, 5_000_000]})
    busy = busy_addresses(book, 5)
    piece = pl.DataFrame({"time": [NINE] * 4, "ip_id": [2, 0, 1, 0], "source_id": [0] * 4, "line_no": [4, 3, 2, 1]})
    busy.add(piece.with_columns(n=pl.lit(1, pl.Int64), bad=pl.Series([True, False, True, True])))
    parts = [p.select("ip_id", "bad").rows() for p in busy.parts()]
    assert parts == [[(2, True)], [], [(0, True), (0, False)]]
    assert list(busy.parts()) == []


def test_sums_add_up_whatever_waits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_sums, "MOST_PARTS", 2)
    sums = Sums(["helo"], {"n_bad": pl.UInt32(), "first_bad": EVENTS["time"].dtype, "said": pl.Boolean()})
    for k in (3, 1, 2, 5):
        part = pl.DataFrame({"helo": ["a"], "n_bad": [k], "first_bad": [NINE + timedelta(days=k)], "said": [k == 2]})
        sums.add(part.with_columns(pl.col("helo").cast(pl.Categorical)))
    assert sums.all().rows() == [("a", 11, NINE + timedelta(days=1), True)]


def test_stretches_are_lazy_and_of_nothing_there_is_one():
    slices = sliced(some().lazy(), "time")
    assert [s.collect().height for s in stretches(slices, {})] == [240]
    assert [s.collect().height for s in stretches(sliced(empty(EVENTS).lazy(), "time"), {})] == [0]


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_jobs_are_done_in_order_one_ahead(n: int):
    begun: list[int] = []
    ends = threading.Event()

    def job(k: int) -> int:
        begun.append(k)
        if k == 1:
            ends.set()
        return k

    got = []
    for k in ahead([functools.partial(job, k) for k in range(n)]):
        got.append(k)
        # the second is done while the first is made use of, and no third
        if k == 0 and n > 1:
            assert ends.wait(10)
            assert begun == [0, 1]
    assert got == begun == list(range(n))


def test_what_goes_wrong_ahead_is_told_and_who_stops_early_leaves_no_thread():
    def wrong() -> int:
        raise ValueError("wrong")

    coming = ahead([lambda: 1, wrong, lambda: 3])
    assert next(coming) == 1
    with pytest.raises(ValueError, match="wrong"):
        next(coming)
    n = threading.active_count()
    coming = ahead([lambda: 1, lambda: 2, lambda: 3])
    assert next(coming) == 1
    del coming
    assert threading.active_count() == n


def test_accounts_of_logins_are_told_whatever_came_before():
    accounts = Accounts()
    none = pl.Series([None, None], dtype=pl.String)
    for users in (none, pl.Series([" Ann ", "bo", None, "", "ann"]), none, pl.Series(["bo", "Cy", "ANN"]), none[:0]):
        want = [u.strip().lower() or None if u else None for u in users]
        assert accounts.of(users).cast(pl.String).to_list() == want


def test_addresses_that_try_many_names_are_told_over_hours_and_pieces(monkeypatch: pytest.MonkeyPatch):
    """Ten names within one hour over the full hour, exactly an hour, and a second more."""
    rows = []
    for ip, step in ((1, 60), (2, 400), (3, 400.2)):
        rows += [(3000 + k * step, f"u{k}", f"192.0.2.{ip}", "failure") for k in range(10)]
    rows += [(3000 + k * 500, f"u{k}", "192.0.2.4", "failure") for k in range(60)]
    frame = events(rows)
    for most in (10**9, 1):
        monkeypatch.setattr(_slices, "MOST_ROWS", most)
        slices = sliced(frame.lazy(), "time")
        rounds = Rounds(book_of(slices, judged()), 10)
        for piece in attempts(slices, judged(), ["failure"]):
            rounds.add(piece)
        found = rounds.found().select(pl.col("client_ip").cast(pl.String), "most_names").sort("client_ip")
        assert found.rows() == [("192.0.2.1", 10), ("192.0.2.2", 10)]


def test_compacting_changes_nothing():
    frame = pl.DataFrame(
        {"a": ["x" * 40, None, ""], "n": [1, 2, 3], "c": pl.Series(["k", None, "k"], dtype=pl.Categorical)}
    )
    assert_frame_equal(compact(frame), frame)


def test_rows_without_a_time_are_in_no_piece():
    frame = pl.concat([some(10), some(10).with_columns(pl.lit(None, EVENTS["time"].dtype).alias("time"))])
    assert sum(p.height for p in pieces(sliced(frame.lazy(), "time"))) == 10
    assert list(pieces(sliced(empty(EVENTS).lazy(), "time"))) == []


@pytest.mark.parametrize("cut", [1, 7, 21, 100])
@pytest.mark.parametrize("n", [1, 19, 20, 21, 240])
def test_evidence_picked_from_pieces_is_that_of_the_whole(n: int, cut: int):
    rows = some(n).select(pl.lit(1).alias("f"), "time", "source", "line_no")
    whole = picked(rows, "f")
    kept = rows.clear()
    for start in range(0, n, cut):
        kept = picked(pl.concat([kept, picked(rows[start : start + cut], "f")]), "f")

    assert_frame_equal(kept, whole)
    assert whole.height == min(n, 20)
    assert whole["line_no"].to_list()[:: max(whole.height - 1, 1)] == ([1, n] if n > 1 else [1])


def test_proof_finds_lines_by_key_and_time_both_ends_in():
    wanted = pl.DataFrame(
        {
            "finding": [7],
            "client_ip": ["192.0.2.1"],
            "start": [NINE + timedelta(seconds=600)],
            "end": [NINE + timedelta(seconds=1600)],
        }
    )
    found = proof(sliced(some().lazy(), "time"), wanted, ("client_ip",), where=judged())
    assert found == {7: ["mail.log:7", "mail.log:12", "mail.log:17"]}


IN_PIECES = [
    sl.incidents, sl.throttling, sl.attacks, sl.compromises, sl.lockouts, sl.misconfigured_clients,
]  # fmt: skip


def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut everything that is cut at all into many more parts than usual."""
    monkeypatch.setattr(_slices, "MOST_ROWS", 1500)
    monkeypatch.setattr(_turned, "PART", 200)
    monkeypatch.setattr(_busy, "MOST_ROWS", 300)
    monkeypatch.setattr(_sums, "MOST_PARTS", 1)


@pytest.mark.parametrize("function", IN_PIECES, ids=lambda f: f.__name__)
def test_findings_are_the_same_shuffled_and_in_pieces_of_a_dataset(
    function: Any, busy: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = function(busy)
    assert whole.filter(pl.col("status") == "found").height
    assert whole["evidence"].drop_nulls().list.len().max() <= 20  # pyright: ignore
    assert_frame_equal(function(busy.sample(fraction=1, shuffle=True, seed=2)), whole)
    small_parts(monkeypatch)
    # as `parse` writes them: words are texts
    busy.with_columns(pl.selectors.enum().cast(pl.String)).write_parquet(tmp_path / "busy.parquet")
    assert_frame_equal(function(sl.load(tmp_path)), whole)


def test_a_rule_finds_the_same_in_pieces(busy: pl.DataFrame, monkeypatch: pytest.MonkeyPatch):
    whole = {name: sl.attacks(busy, preset=name) for name in ("fail2ban", "mailcow", "crowdsec", "sentinel")}
    monkeypatch.setattr(_slices, "MOST_ROWS", 1500)
    for name, found in whole.items():
        assert_frame_equal(sl.attacks(busy, preset=name), found)


@pytest.mark.parametrize(
    "function", [sl.incidents, sl.throttling, sl.attacks, sl.compromises], ids=lambda f: f.__name__
)
def test_nothing_in_nothing_out_and_missing_columns_are_named(function: Any):
    assert function(empty(EVENTS)).is_empty()
    with pytest.raises(MissingColumns, match="client_ip"):
        function(some().drop("client_ip"))
    with pytest.raises(TypeError, match="list"):
        function([])


def test_the_network_of_an_address_is_its_24_or_48():
    texts = ["192.0.2.77", "2001:db8:7:1::5", "2001:db8::1", "::1", "fe80::1", "mail.example.com", None, "192.0.2.7.9"]
    assert pl.DataFrame({"ip": texts}).select(network(pl.col("ip"))).to_series().to_list() == [
        "192.0.2.0/24", "2001:db8:7::/48", "2001:db8:0::/48", "0:0:0::/48", "fe80:0:0::/48", None, None, None,
    ]  # fmt: skip
