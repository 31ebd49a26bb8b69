"""Columns of frames put in and left out without a query."""

from __future__ import annotations

import polars as pl

from smtplogs._columns import constant, without


def test_columns_are_left_out_as_far_as_there_are_any() -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [True, False]})
    assert without(frame, ("b", "z")).equals(frame.drop("b"))
    assert without(frame, {"c": 1}).columns == ["a", "b"]
    assert without(frame, ()).equals(frame)
    assert without(frame, frame.columns).columns == []


def test_a_constant_has_a_row_for_each_row() -> None:
    assert constant("source", "mail.log", 3).equals(pl.Series("source", ["mail.log"] * 3))
    none = constant("also", None, 2, pl.List(pl.String))
    assert (none.dtype, none.to_list()) == (pl.List(pl.String), [None, None])
    assert constant("source", "mail.log", 0).is_empty()
