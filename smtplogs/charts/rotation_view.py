"""A change of password: a lane a client of the account, what it did before and after, and which still fail."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import _spans as spans
from smtplogs._frames import NOT_ACCEPTED, account, attempts, first_of, narrow
from smtplogs.charts import _time as clock
from smtplogs.charts._style import (
    COLOURS,
    GRID,
    INK,
    MUTED,
    SHADE,
    canvas,
    caption,
    dots,
    fit_height,
    grid,
    legend,
    note,
    say_empty,
    styled,
    text,
)  # fmt: skip
from smtplogs.schema import TIME, door

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.axes import Axes

    from smtplogs.schema import Frame

KINDS = ("rotation", "stale_credential")
OWN = {"changed_after": TIME, "changed_before": TIME}
NO_ADDRESS = "(no address)"
STATES = ("still failing", "repaired", "stopped", "unharmed")
SPOTS = 400
"""Times on a lane that are told apart."""

ROW_INCHES = 0.34
TINY = timedelta(microseconds=1)


@door
def rotation_lanes(events: pl.DataFrame, finding: Frame) -> pl.DataFrame:
    """Tell what each client of an account did before and after its password was changed.

    Parameters
    ----------
    events
        Event table.
    finding
        Findings of ``stale_credentials`` or ``findings``; the first of the kinds ``rotation`` and
        ``stale_credential`` that tells when the secret changed counts.

    Returns
    -------
    DataFrame
        A row a client (address) of the account: ``client_ip``, ``n_ok_before, n_failed_before, n_ok_after,
        n_failed_after`` (after: later than `changed_after`), ``first, last``, ``last_ok``, ``state``: still failing
        (its last attempt failed, and it tried within the last tenth of the time since the change, or the account
        was not used after it), stopped (its last attempt failed, long ago), repaired (failed after the change, then
        got in), unharmed. Those that failed most after the change first.
    """
    one = first_of(finding, KINDS, OWN)
    schema = {"client_ip": pl.String} | {f"n_{o}_{w}": pl.UInt64 for w in ("before", "after") for o in ("ok", "failed")}
    schema |= {"first": TIME, "last": TIME, "last_ok": TIME, "state": pl.String}
    if one is None or one["changed_after"] is None:
        return pl.DataFrame(schema=schema)
    kept = _mine(events, one)
    good, after = pl.col("outcome") == "success", pl.col("time") > one["changed_after"]
    log_end = kept["time"].max()
    late = log_end - (log_end - one["changed_after"]) / 10 if log_end is not None else one["changed_after"]
    n = pl.col("count")
    return (
        kept.sort("time", maintain_order=True)
        .group_by("client_ip", maintain_order=True)
        .agg(
            n.filter(good & ~after).sum().alias("n_ok_before"),
            n.filter(~good & ~after).sum().alias("n_failed_before"),
            n.filter(good & after).sum().alias("n_ok_after"),
            n.filter(~good & after).sum().alias("n_failed_after"),
            pl.col("time").min().alias("first"),
            pl.col("time").max().alias("last"),
            pl.col("time").filter(good).max().alias("last_ok"),
            good.last().alias("_good"),
        )
        .with_columns(
            pl.when(pl.col("n_failed_after") == 0).then(pl.lit("unharmed"))
            .when("_good").then(pl.lit("repaired"))
            .when(pl.col("last") >= late).then(pl.lit("still failing"))
            .otherwise(pl.lit("stopped")).alias("state")
        )
        .sort("n_failed_after", "n_ok_before", "client_ip", descending=[True, True, False])
        .select(list(schema))
    )  # fmt: skip


@styled
def plot_rotation(events: Frame, finding: Frame, *, limit: int = 20, tz: str = "UTC", ax: Axes | None = None) -> Axes:
    """Draw each client's attempts around a change of password; the numbers are those of ``rotation_lanes``.

    Parameters
    ----------
    events, finding
        As for ``rotation_lanes``. The stretch in which the password was changed is shaded.
    limit
        Most clients to draw; the caption says how many are left out.
    tz
        Zone of the time axis.
    ax
        Axes to draw on; None takes the current ones. A figure that holds nothing else is made high enough.

    Returns
    -------
    Axes
        Never shown: call ``plt.show()`` or end a notebook cell with it.

    Raises
    ------
    MissingColumns
        If a frame lacks columns that the chart needs.
    ValueError
        If `tz` cannot be understood.
    """
    fresh = ax is None
    ax = canvas(ax)
    ax.set_xlabel(f"time ({spans.zone(tz).key})")
    kept = narrow(events, "user", "client_ip")
    lanes = rotation_lanes(kept, finding)
    one = first_of(finding, KINDS, OWN)
    if one is None or lanes.is_empty():
        return say_empty(ax, "no change of password")
    shown = lanes.head(limit)
    rows = _mine(kept, one).join(shown.select("client_ip").with_row_index("lane"), on="client_ip")
    a, b = clock.day(rows["time"].min()), clock.day(rows["time"].max())  # pyright: ignore[reportArgumentType]
    changed = [clock.day(t) for t in (one["changed_after"], one["changed_before"] or one["changed_after"])]
    room = max(b - a, 1e-4)
    ax.axvspan(changed[0], max(changed[1], changed[0] + room / 300), color=SHADE, linewidth=0, zorder=0)
    ax.axvline(changed[0], color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    ax.hlines(range(shown.height), 0, 1, transform=ax.get_yaxis_transform(), color=GRID, linewidth=0.8, zorder=0)
    handles = _draw_attempts(ax, rows)
    for y, row in enumerate(shown.iter_rows(named=True)):
        said = f"{row['state']} · {row['n_failed_after']:,} refused" if row["n_failed_after"] else row["state"]
        colour = INK if row["state"] == "still failing" else MUTED
        note(ax, said, (1, y), colour=colour, xycoords=ax.get_yaxis_transform(), annotation_clip=False)
    ax.set_yticks(range(shown.height), [text(ip, 30) for ip in shown["client_ip"]])
    ax.set_ylim(shown.height - 0.4, -0.6)
    ax.set_xlim(min(a, changed[0]) - room * 0.02, max(b, changed[1]) + room * 0.02)
    clock.date_axis(ax, tz, doubt=spans.doubts(kept))
    grid(ax, "x")
    more = f"; {lanes.height - limit:,} more clients not drawn" if lanes.height > limit else ""
    caption(ax, f"Clients of {text(one['user'] or one['subject'], 50)} around the change of password (shaded){more}")
    legend(ax, list(handles.values()), list(handles))
    ax.get_legend().set_bbox_to_anchor((1.0, -0.16))  # pyright: ignore[reportOptionalMemberAccess]
    fit_height(ax, height(shown.height), fresh=fresh)
    return ax


def _draw_attempts(ax: Axes, rows: pl.DataFrame) -> dict[str, object]:
    """Draw attempts as points, accepted ones above their lane; return the handles for the legend."""
    first, last = rows["time"].min(), rows["time"].max()
    spot = ((pl.col("time") - first) / max((last - first), TINY) * SPOTS).floor()  # pyright: ignore
    handles: dict[str, object] = {}
    for outcome, colour in COLOURS.items():
        part = rows.filter(pl.col("outcome") == outcome).unique(["lane", spot.alias("spot")], maintain_order=True)
        if part.height:
            up = -0.16 if outcome == "success" else 0.16
            handles[outcome] = dots(ax, clock.days(part["time"]), part["lane"].to_numpy() + up, colour, size=16)
    return handles


def height(rows: int) -> float:
    """Return the height in inches at which that many rows read well."""
    return 1.3 + ROW_INCHES * max(rows, 2)


def _mine(events: pl.DataFrame, one: dict[str, Any]) -> pl.DataFrame:
    """Return the attempts of the account, accepted or not."""
    return (
        attempts(events, "user", "client_ip")
        .filter(
            account(pl.col("user")) == account(pl.lit(one["user"] or one["subject"] or "")),
            pl.col("outcome").is_in(["success", *NOT_ACCEPTED]),
        )
        .drop_nulls("time")
        .with_columns(pl.col("client_ip").fill_null(NO_ADDRESS))
    )
