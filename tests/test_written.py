"""Tables on disk: rows picked by their words before these become categories are the rows picked afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from hand_made import NINE, events
from smtplogs._written import PLACE, only
from smtplogs.detect._slices import pieces, sliced

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a dataset of texts, among them words that this version does not know, and none."""
    rows = events([(i * 100, f"u{i % 7}", f"192.0.2.{i % 5}", "failure" if i % 3 else "success") for i in range(60)])
    rows = rows.with_columns(pl.selectors.enum().cast(pl.String), pl.int_range(pl.len()).alias("i"))
    for column, word, place in (("stage", "dream", 1), ("outcome", "odd", 2), ("cause", "moonlight", 4)):
        rows = rows.with_columns(pl.when(pl.col("i") == place).then(pl.lit(word)).otherwise(column).alias(column))
        rows = rows.with_columns(pl.when(pl.col("i") != place + 10).then(column).alias(column))
    rows = rows.with_columns(pl.when(pl.col("i") != 20).then("time").alias("time"))
    rows.drop("i").write_parquet(tmp_path / "a.parquet")
    return tmp_path


WORDS = [
    {"stage": ["auth"]},
    {"stage": ["auth", "mail"], "outcome": ["failure"]},
    {"cause": ["unknown", "bad_credentials"]},
    {"outcome": ["failure"], "cause": ["unknown"]},
    {"outcome": []},
    {},
]


@pytest.mark.parametrize("words", WORDS, ids=str)
@pytest.mark.parametrize("look", [None, ~(pl.col("outcome") == "success").fill_null(value=False)], ids=["", "look"])
@pytest.mark.parametrize("since", [None, datetime(2026, 2, 3, 9, 30, tzinfo=UTC)], ids=["all", "since"])
def test_rows_are_the_same_whether_texts_or_categories_are_asked(
    words: dict[str, list[str]], look: pl.Expr | None, since: datetime | None, folder: Path
):
    table = sl.load(folder, since=since)
    conditions = [pl.col(c).is_in(some) for c, some in words.items()] + ([] if look is None else [look])
    whole = table.collect()
    kept = whole.filter(conditions) if conditions else whole
    assert whole.height > 30
    assert_frame_equal(only(table, words, look).collect(), kept)
    assert_frame_equal(only(whole.lazy(), words, look).collect(), kept)


def test_words_that_are_asked_of_a_loaded_table_reach_the_reader_of_the_file(folder: Path):
    def asked_first(table: pl.LazyFrame) -> bool:
        plan = table.explain()
        return 'col("outcome").is_in' in plan[plan.index("Parquet SCAN") :]

    table = sl.load(folder)
    assert asked_first(only(table, {"outcome": ["failure"]}))
    # what was done to a table since is not forgotten: it knows no texts any more
    some = table.filter(pl.col("user") == "u1")
    assert not hasattr(some, PLACE)
    assert not asked_first(only(some, {"outcome": ["failure"]}))
    assert_frame_equal(
        only(some, {"outcome": ["failure"]}).collect(),
        table.collect().filter(pl.col("user") == "u1", pl.col("outcome") == "failure"),
    )


def test_pieces_of_a_loaded_table_hold_the_rows_with_the_words(folder: Path):
    whole = sl.load(folder).collect()
    slices = sliced(sl.load(folder), "time")
    got = list(pieces(slices, "line_no", words={"outcome": ["failure"]}, where=pl.col("user") == "u1", timeless=True))
    want = whole.filter(pl.col("outcome") == "failure", pl.col("user") == "u1")
    assert sorted(pl.concat(got)["line_no"]) == sorted(want["line_no"])
    assert want["time"].null_count() == 0 < whole["time"].null_count()
    timeless = list(pieces(slices, "line_no", words={"stage": ["auth"]}, timeless=True))[-1]
    assert timeless["line_no"].to_list() == whole.filter(pl.col("time").is_null())["line_no"].to_list()


def test_no_row_has_a_word_in_a_column_that_is_missing(folder: Path):
    texts = pl.read_parquet(folder / "a.parquet").drop("cause")
    slices = sliced(texts.lazy(), "time")
    assert sum(p.height for p in pieces(slices, words={"cause": ["bad_credentials"]})) == 0
    assert sum(p.height for p in pieces(slices, words={"stage": ["auth"]}, until=NINE)) == 0


DETECTORS: list[Any] = [
    sl.lockouts, sl.misconfigured_clients, sl.stale_credentials, sl.throttling, sl.attacks, sl.compromises,
]  # fmt: skip


@pytest.mark.parametrize("function", DETECTORS, ids=lambda f: f.__name__)
def test_words_of_a_later_version_are_the_same_to_every_detector_on_disk_and_in_memory(function: Any, folder: Path):
    rows = pl.read_parquet(folder / "a.parquet")
    months = [rows.with_columns(pl.col("time") + pl.duration(days=30 * k)) for k in range(4)]
    pl.concat(months).write_parquet(folder / "a.parquet")
    found = function(sl.load(folder))
    assert_frame_equal(found, function(sl.load(folder).collect()))
