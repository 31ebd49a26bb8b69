"""The looks of every chart, with one event and with many, against small pictures drawn before.

After a change that is meant to be seen: `python tests/test_baselines.py` draws them anew; look at the difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.testing.compare import compare_images

import smtplogs as sl
from many_events import CHARTS, draw, many_events, one_event
from smtplogs.charts._style import FONT, RC

if TYPE_CHECKING:
    import polars as pl

BASELINES = Path(__file__).parent / "baseline"
TOLERANCE = 6.0
"""Root of the mean squared difference, of 255: versions of matplotlib shift hinting a little, a missing bar is more."""

HOW_MANY = ("one", "many")
DPI = 50
MANY = 20_000


@pytest.fixture(scope="module")
def many() -> pl.DataFrame:
    return many_events(MANY)


def picture(name: str, events: pl.DataFrame, path: Path) -> None:
    """Draw a chart with matplotlib's own font and nothing that depends on the machine."""
    own = RC | {"text.hinting": "none", "text.antialiased": True}
    with mpl.rc_context({k: v for k, v in own.items() if k in mpl.rcParams}):
        figure = Figure(figsize=(8, 4.6), layout="constrained")
        draw(name, events, figure.add_subplot())
        figure.savefig(path, dpi=DPI, metadata={"Software": None})


def test_the_font_is_the_one_that_comes_with_matplotlib() -> None:
    assert FONT == "DejaVu Sans"
    assert Path(font_manager.findfont(FONT)).is_relative_to(mpl.get_data_path())


def test_every_chart_has_its_baselines() -> None:
    assert set(CHARTS) == {n.removeprefix("plot_") for n in sl.__all__ if n.startswith("plot_")}
    assert {p.stem for p in BASELINES.glob("*.png")} == {f"{c}-{n}" for c in CHARTS for n in HOW_MANY}
    assert all(p.stat().st_size < 60_000 for p in BASELINES.glob("*.png"))


@pytest.mark.parametrize("how_many", HOW_MANY)
@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_looks_as_it_did(name: str, how_many: str, many: pl.DataFrame, tmp_path: Path) -> None:
    drawn = tmp_path / f"{name}-{how_many}.png"
    picture(name, many if how_many == "many" else one_event(name), drawn)

    assert compare_images(str(BASELINES / drawn.name), str(drawn), TOLERANCE) is None


@pytest.mark.parametrize("name", CHARTS)
def test_the_tolerance_sees_another_chart(name: str, many: pl.DataFrame, tmp_path: Path) -> None:
    """One event where many are expected is no small difference."""
    drawn = tmp_path / "drawn.png"
    picture(name, one_event(name), drawn)

    assert compare_images(str(BASELINES / f"{name}-many.png"), str(drawn), TOLERANCE) is not None


if __name__ == "__main__":
    BASELINES.mkdir(exist_ok=True)
    frame = many_events(MANY)
    for chart in CHARTS:
        picture(chart, frame, BASELINES / f"{chart}-many.png")
        picture(chart, one_event(chart), BASELINES / f"{chart}-one.png")
