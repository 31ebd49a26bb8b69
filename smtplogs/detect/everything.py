"""All detectors at once: their findings as one table."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._slices import lazy_door, same_events
from smtplogs.detect._stories import merged
from smtplogs.detect.attacking import attacks
from smtplogs.detect.exposing import exposure
from smtplogs.detect.forgotten import stale_credentials
from smtplogs.detect.locking import lockouts
from smtplogs.detect.misconfiguring import misconfigured_clients
from smtplogs.detect.outages import incidents
from smtplogs.detect.relaying import relay_refusals
from smtplogs.detect.takeovers import compromises
from smtplogs.detect.throttles import throttling
from smtplogs.schema import COVERAGE, FINDINGS, TRAFFIC, Column, as_table, dtypes, empty

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from smtplogs.schema import Frame

DETECTORS: tuple[Callable[..., Any], ...] = (
    lockouts,
    misconfigured_clients,
    stale_credentials,
    relay_refusals,
    exposure,
    throttling,
    attacks,
    compromises,
    incidents,
)
"""The registry: every detector, ``(events, *, ...) -> findings + own columns``. A new one adds its word here."""


@lazy_door
def findings(events: pl.LazyFrame, *, coverage: Frame | None = None, traffic: Frame | None = None) -> pl.DataFrame:
    """Run every detector with its defaults and return what they found as one table, merged into stories.

    Findings that tell the same story carry the identifier of the leading one in `part_of`: a forgotten application
    that locked its account is one finding with a consequence. What a detector cannot judge with this log (no user
    names, no logins, too short) is a row with status ``not_assessable``.

    Parameters
    ----------
    events
        Events as ``read`` or ``load`` give them.
    coverage, traffic
        The tables that came with them (``read(..., full=True)``). Detectors that need one say ``not_assessable``
        without it.

    Returns
    -------
    DataFrame
        The common columns of findings, and ``details``: the detector's own columns as a JSON object (times in ISO
        8601, UTC). Leading findings first, then those that are part of one; the weightiest first: by severity,
        number of events, start. A leader is as severe as its weightiest part.

    Raises
    ------
    MissingColumns
        If the events lack a column that is needed.
    """
    tables = {"coverage": _table(coverage, COVERAGE), "traffic": _table(traffic, TRAFFIC)}
    found = []
    with same_events():
        for detector in DETECTORS:
            wanted = inspect.signature(detector).parameters
            found.append(_packed(detector(events, **{k: v for k, v in tables.items() if k in wanted})))
    return merged(pl.concat(found))


_PACKED = empty(FINDINGS).with_columns(pl.lit(None, pl.String).alias("details"))


def _packed(found: pl.DataFrame) -> pl.DataFrame:
    """Return findings with their own columns folded into `details`; own columns without a value are left out."""
    if found.is_empty():
        return _PACKED
    own = found.select(pl.exclude(list(FINDINGS)))
    details = pl.Series("details", [None] * found.height, pl.String)
    if own.width and own.height:
        details = own.select(pl.struct(pl.all()).struct.json_encode().alias("details"))["details"]
    return found.select(list(dtypes(FINDINGS))).with_columns(details)


def _table(frame: Frame | None, columns: Mapping[str, Column]) -> pl.DataFrame | None:
    """Return another table of the run, whatever library it comes in, in its documented form."""
    if frame is None:
        return None
    if isinstance(frame, pl.DataFrame | pl.LazyFrame):
        return as_table(frame.lazy().collect(), columns)
    return as_table(pl.from_pandas(frame), columns)
