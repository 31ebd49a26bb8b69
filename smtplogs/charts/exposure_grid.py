"""How passwords travel: logins by TLS version and mechanism, the weak pairs marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from matplotlib.patches import Rectangle

from smtplogs._frames import account, attempts, narrow
from smtplogs.charts._style import (
    COLOURS,
    INK,
    MUTED,
    breadth,
    canvas,
    caption,
    fit_height,
    legend,
    percent,
    say_empty,
    styled,
    text,
)
from smtplogs.detect.exposing import OLD_TLS, WEAK
from smtplogs.schema import door

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from smtplogs.schema import Frame

NOT_LOGGED = "not logged"
ORDER = ("none", *OLD_TLS, "TLSv1.2", "TLSv1.3", "yes", NOT_LOGGED)
WORDS = {"none": "no TLS", "yes": "TLS, version\nnot logged", NOT_LOGGED: "TLS not\nlogged"}
RISKS = {
    "plain_text": "no encryption",
    "old_tls": "old TLS",
    "weak": "weak mechanism",
    "none": "sound",
    "unknown": "cannot tell",
}
FILLS = {
    "plain_text": COLOURS["failure"], "old_tls": COLOURS["refused"], "weak": COLOURS["refused"],
    "none": COLOURS["success"], "unknown": COLOURS["info"],
}  # fmt: skip
MOST_COLUMNS = 10
CELL_POINTS = 85
"""What share and accounts take in one line."""


@door
def exposure_counts(events: pl.DataFrame) -> pl.DataFrame:
    """Count the logins per TLS version and mechanism, and say which pairs put passwords at risk.

    Parameters
    ----------
    events
        Event table. Only logins that our server accepted (side server, stage auth) count.

    Returns
    -------
    DataFrame
        ``tls`` ("none": proven to be without, "yes": version not logged, "not logged"), ``mechanism`` (upper case or
        "not logged"), ``n_logins``, ``n_users``, ``share`` of all logins, ``risk``: plain_text, old_tls, weak
        (mechanism), none, or unknown where the log does not tell; the weakest TLS first.
    """
    missing = [pl.lit(None, pl.String).alias(c) for c in ("side", "tls", "mechanism") if c not in events.columns]
    kept = attempts(events.with_columns(missing), "tls", "mechanism", "user").filter(
        pl.col("outcome") == "success", pl.col("side").cast(pl.String).fill_null("server") == "server"
    )
    risk = (
        pl.when(pl.col("tls") == "none").then(pl.lit("plain_text"))
        .when(pl.col("tls").is_in(OLD_TLS)).then(pl.lit("old_tls"))
        .when(pl.col("mechanism").str.contains(WEAK)).then(pl.lit("weak"))
        .when((pl.col("tls") == NOT_LOGGED) | (pl.col("mechanism") == NOT_LOGGED)).then(pl.lit("unknown"))
        .otherwise(pl.lit("none"))
    )  # fmt: skip
    place = pl.col("tls").replace_strict({w: i for i, w in enumerate(ORDER)}, default=len(ORDER), return_dtype=pl.Int64)
    return (
        kept.group_by(pl.col("tls").fill_null(NOT_LOGGED), pl.col("mechanism").str.to_uppercase().fill_null(NOT_LOGGED))
        .agg(
            pl.col("count").sum().alias("n_logins"),
            account(pl.col("user")).drop_nulls().n_unique().alias("n_users"),
        )
        .with_columns((pl.col("n_logins") / pl.col("n_logins").sum()).alias("share"), risk.alias("risk"))
        .sort(place, "tls", "n_logins", "mechanism", descending=[False, False, True, False])
    )


@styled
def plot_exposure(events: Frame, *, ax: Axes | None = None) -> Axes:
    """Draw logins by TLS version and mechanism as a table of shaded cells; the numbers are those of ``exposure_counts``.

    Parameters
    ----------
    events
        As for ``exposure_counts``.
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
    """
    fresh = ax is None
    ax = canvas(ax)
    ax.set_ylabel("")
    ax.set_xlabel("mechanism")
    frame = exposure_counts(narrow(events, "tls", "mechanism", "user", "side"))
    if frame.is_empty():
        return say_empty(ax, "no logins")
    rows = frame["tls"].unique(maintain_order=True).to_list()
    sizes = (
        frame.group_by("mechanism")
        .agg(pl.col("n_logins").sum())
        .sort("n_logins", "mechanism", descending=[True, False])
    )
    n_all = frame["n_logins"].sum()
    columns = sizes["mechanism"].to_list()[:MOST_COLUMNS]
    ax.set_xlim(-0.55, max(len(columns), 4) - 0.45)
    between = " · " if breadth(ax) / max(len(columns), 4) >= CELL_POINTS else "\n"
    for row in frame.filter(pl.col("mechanism").is_in(columns)).iter_rows(named=True):
        users = f"{row['n_users']:,} account{'s' * (row['n_users'] != 1)}"
        said = f"{percent(row['n_logins'], n_all)}{between}{users}"
        _draw_cell(
            ax, columns.index(row["mechanism"]), rows.index(row["tls"]), row["risk"], f"{row['n_logins']:,}", said
        )
    ax.set_xticks(range(len(columns)), [text(c, 18) for c in columns])
    ax.set_yticks(range(len(rows)), [WORDS.get(r) or text(r, 16) for r in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    seen = [r for r in RISKS if r in set(frame["risk"])]
    by_word = {RISKS[r]: FILLS[r] for r in seen}
    legend(ax, [Rectangle((0, 0), 1, 1, facecolor=c) for c in by_word.values()], list(by_word))
    more = f"; {sizes.height - MOST_COLUMNS:,} more mechanisms not drawn" if sizes.height > MOST_COLUMNS else ""
    caption(ax, f"{n_all:,} logins by TLS version and mechanism{more}")
    ax.spines["bottom"].set_color(MUTED)
    fit_height(ax, 0.95 + 0.62 * max(len(rows), 2), fresh=fresh)
    return ax


def _draw_cell(ax: Axes, x: int, y: int, risk: str, number: str, below: str) -> None:
    """Draw one cell in the colour of its risk: a number, and smaller words below it."""
    box = Rectangle((x - 0.47, y - 0.44), 0.94, 0.88, facecolor=FILLS[risk], edgecolor="white", linewidth=1)
    ax.add_patch(box)
    ink = "white" if risk == "plain_text" else INK
    ax.text(x, y - 0.14, number, ha="center", va="center", fontsize=10, color=ink)
    ax.text(x, y + 0.22, below, ha="center", va="center", fontsize=7.5, color=ink)
