"""Draw the picture of the README from the sample that its first command reads: `python docs/picture.py`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import matplotlib as mpl
import polars as pl
from matplotlib.figure import Figure

import smtplogs as sl
from smtplogs.charts._style import RC

PICTURE = Path(__file__).parent / "_static" / "first-look.png"
ZONE = "Europe/Berlin"


def main() -> None:
    """Draw what the sample's first finding says: who was refused, and who of Ann's devices still has the old password."""
    events = sl.read(sl.sample("postfix/lockout"))
    old = sl.stale_credentials(events).filter(pl.col("kind") == "stale_credential").head(1)
    locks = sl.lockouts(events).filter(pl.col("kind") == "lockout", pl.col("user") == old["user"].item())
    since = old["start"].item() - timedelta(hours=26)
    near = events.filter(pl.col("time") > since, pl.col("user").str.to_lowercase() == old["user"].item())
    with mpl.rc_context(RC):
        figure = Figure(figsize=(10, 5), layout="constrained")
        above, below = figure.subplots(2, 1, height_ratios=(3, 2), sharex=True)
        sl.plot_timeline(near, findings=locks, every="15m", tz=ZONE, ax=above)
        sl.plot_rotation(near, old, tz=ZONE, ax=below)
        above.set_title(
            f"{old['user'].item()}: attempts to log in; the shaded stretches are lockouts", loc="left", fontsize=10
        )
        below.set_title(
            "The same by device: one still has the old password and locks the others out", loc="left", fontsize=10
        )
        above.set_xlabel("")
        figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
