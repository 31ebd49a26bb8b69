"""What the tables promise: frames brought to their columns and dtypes; the door between pandas and Polars."""

from __future__ import annotations

import functools
import inspect
import os
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

import polars as pl

from smtplogs._vocabularies import (
    BASES,
    CAUSES,
    CONFIDENCES,
    KINDS,
    OUTCOMES,
    PROTOCOLS,
    SEVERITIES,
    SIDES,
    STAGES,
    TIME_QUALITIES,
)
from smtplogs.errors import MissingColumns
from smtplogs.table_definitions import COVERAGE, EVENTS, FINDINGS, INPUTS, RECORDS, TIME, TRAFFIC, Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd

    Frame = pl.DataFrame | pl.LazyFrame | pd.DataFrame

__all__ = [
    "BASES",
    "CAUSES",
    "CONFIDENCES",
    "COVERAGE",
    "EVENTS",
    "FINDINGS",
    "INPUTS",
    "KINDS",
    "OUTCOMES",
    "PROTOCOLS",
    "RECORDS",
    "SEVERITIES",
    "SIDES",
    "STAGES",
    "TIME",
    "TIME_QUALITIES",
    "TRAFFIC",
    "Column",
    "F",
    "as_table",
    "as_texts",
    "behind_door",
    "columns",
    "conform",
    "door",
    "dtypes",
    "empty",
    "lacking",
    "need",
    "no_frame",
    "reference",
    "to_polars",
]

P = ParamSpec("P")
F = TypeVar("F", pl.DataFrame, pl.LazyFrame)


def dtypes(table: Mapping[str, Column]) -> dict[str, Any]:
    """Column name -> Polars dtype of a table."""
    return {name: column.dtype for name, column in table.items()}


def empty(table: Mapping[str, Column]) -> pl.DataFrame:
    """Return a frame of the table without rows."""
    return pl.DataFrame(schema=dtypes(table))


def need(frame: pl.DataFrame | pl.LazyFrame, *columns: str) -> None:
    """Raise MissingColumns, naming what is missing, unless the frame has these columns."""
    present = frame.collect_schema().names()
    missing = [c for c in dict.fromkeys(columns) if c not in present]
    if missing:
        known = [name for name in dict.fromkeys([*present, *EVENTS]) if name not in missing]
        # of a column that was misspelled any name may be meant; one of ours that is missing may be there misspelled
        near = dict.fromkeys(
            name
            for wanted in missing
            for name in get_close_matches(wanted, present if wanted in EVENTS else known, n=2, cutoff=0.75)
        )
        hint = f"did you mean {' or '.join(near)}? Else it" if near else "it"
        raise MissingColumns(
            f"the frame lacks the column(s) {', '.join(missing)}; {hint} should come from smtplogs.read() or .load()"
        )


def lacking(frame: pl.DataFrame | pl.LazyFrame, columns: Iterable[str]) -> list[pl.Expr]:
    """Return a null column, in its documented dtype, for each of these event columns that the frame lacks."""
    present = frame.collect_schema().names()  # asked once: each answer builds every vocabulary anew
    return [pl.lit(None, EVENTS[c].dtype).alias(c) for c in columns if c not in present]


def conform(frame: F, table: Mapping[str, Column] = EVENTS) -> F:
    """Cast the table's columns that are present to their documented dtypes; other columns stay as they are.

    Words outside a vocabulary become ``unknown`` where the vocabulary has that word, else null.
    """
    schema = frame.collect_schema()
    casts = [
        _cast(name, column.dtype, schema[name])
        for name, column in table.items()
        if name in schema and schema[name] != column.dtype
    ]
    return frame.with_columns(casts) if casts else frame


def as_table(frame: F, table: Mapping[str, Column], *, fill: bool = True) -> F:
    """Return exactly the table's columns, in order and dtype; missing ones are null, or without `fill` left out."""
    schema = frame.collect_schema()
    if not any(name in schema for name in table):  # literals alone would make one row
        return frame.clear().select().with_columns(pl.lit(None, c.dtype).alias(n) for n, c in table.items() if fill)
    return conform(frame, table).select(
        pl.col(name) if name in schema else pl.lit(None, column.dtype).alias(name)
        for name, column in table.items()
        if fill or name in schema
    )


def _cast(name: str, dtype: Any, now: Any) -> pl.Expr:
    """Return a column in its documented dtype."""
    expr = pl.col(name)
    if now == dtype:
        return expr
    if isinstance(dtype, pl.Enum):
        known = expr.cast(pl.String).cast(dtype, strict=False)
        if "unknown" in dtype.categories:
            known = pl.when(expr.is_not_null()).then(known.fill_null(pl.lit("unknown", dtype)))
        return known.alias(name)
    if isinstance(dtype, pl.Datetime):
        zone = getattr(now, "time_zone", None)
        expr = expr.cast(pl.Datetime("us", zone))
        return expr.dt.convert_time_zone("UTC") if zone else expr.dt.replace_time_zone("UTC")
    return expr.cast(pl.List(pl.String) if isinstance(dtype, pl.List) else dtype, strict=False)


def as_texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with enums as strings: files with different vocabularies can be read together."""
    return frame.with_columns(pl.col(pl.Enum).cast(pl.String))


def reference() -> pl.Expr:
    """Return the place of a row's line: ``source:line_no``."""
    return pl.concat_str("source", pl.lit(":"), pl.col("line_no").cast(pl.UInt64))


def to_polars(frame: Frame) -> pl.DataFrame:
    """Return a conformed Polars DataFrame from a Polars (lazy or not) or pandas frame."""
    if isinstance(frame, pl.LazyFrame):
        return conform(frame.collect())
    if isinstance(frame, pl.DataFrame):
        return conform(frame)
    if hasattr(frame, "iloc"):
        return conform(pl.from_pandas(frame))
    raise no_frame(frame)


def no_frame(thing: object) -> TypeError:
    """Return the complaint of something that is no frame; a path was meant to be read first."""
    remedy = "; read logs first: smtplogs.read(...)" if isinstance(thing, str | os.PathLike) else ""
    return TypeError(f"expected a Polars or pandas frame, got {type(thing).__name__}{remedy}")


def door(function: Callable[Concatenate[pl.DataFrame, P], pl.DataFrame]) -> Callable[Concatenate[Any, P], Any]:
    """Let a frame function take Polars or pandas and answer in kind.

    pandas in -> pandas out; DataFrame or LazyFrame in -> DataFrame out. The frame is conformed to the documented
    dtypes first, so a round trip through pandas loses nothing.
    """
    return behind_door(function, lambda frame, work: work(to_polars(frame)))


def behind_door(
    function: Callable[Concatenate[F, P], pl.DataFrame],
    answer: Callable[[Any, Callable[[F], pl.DataFrame]], pl.DataFrame],
) -> Callable[Concatenate[Any, P], Any]:
    """Return the function as callers see it: any frame, by place or by name; pandas is answered in kind.

    Parameters
    ----------
    function
        Takes a frame first.
    answer
        Is given the caller's frame, and the function with all other arguments; calls that with the frame in the form
        that the function needs, and returns what it returns.
    """
    signature = inspect.signature(function)
    first = next(iter(signature.parameters))

    @functools.wraps(function)
    def at_the_door(*args: Any, **kwargs: Any) -> Any:
        inner: Any = function
        if args:
            frame, *others = args
        elif first in kwargs:  # by its name, as the help has it
            frame, others = kwargs.pop(first), []
        else:
            return inner(**kwargs)  # which says what is missing
        found = answer(frame, lambda ready: inner(ready, *others, **kwargs))
        return found.to_pandas() if hasattr(frame, "iloc") else found

    at_the_door.__signature__ = signature  # type: ignore[attr-defined]
    return cast("Callable[Concatenate[Any, P], Any]", at_the_door)


def columns() -> pl.DataFrame:
    """Return every column of every table.

    Returns
    -------
    DataFrame
        A row per column, in the order of the tables: `table` (events, traffic, coverage, inputs, findings), `column`,
        `dtype`, `unit` (null: none), `meaning`, `vocabulary` (list: every word it may hold; null: any text or number).
    """
    tables = {"events": EVENTS, "traffic": TRAFFIC, "coverage": COVERAGE, "inputs": INPUTS, "findings": FINDINGS}
    return pl.DataFrame(
        [
            {
                "table": table,
                "column": name,
                "dtype": "Enum" if isinstance(c.dtype, pl.Enum) else str(c.dtype),
                "unit": c.unit or None,
                "meaning": c.meaning,
                "vocabulary": c.dtype.categories.to_list() if isinstance(c.dtype, pl.Enum) else None,
            }
            for table, cols in tables.items()
            for name, c in cols.items()
        ],
        schema_overrides={"vocabulary": pl.List(pl.String)},
    )
