"""The same logs given in other ways (in one piece, cut and packed, mixed up, as a dataset) must be read the same."""

from __future__ import annotations

import gzip
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

import smtplogs as sl
from live.drawn_judging import confusions, deviations, load
from smtplogs import reading

if TYPE_CHECKING:
    from live.drawn_judging import Drawn

COMPARED = (
    "time", "stage", "outcome", "cause", "basis", "count", "side", "protocol", "client_ip", "mechanism", "tls", "service", "queue_id", "n_recipients",
    "sender", "helo", "reply_code", "also_n",
)  # fmt: skip
"""What does not depend on how files are cut; lines beside a row are counted."""


def same(events: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return rows as they are to be the same however files are cut."""
    user = pl.when(pl.col("user").str.starts_with("[redacted")).then(pl.lit("[redacted]")).otherwise(pl.col("user"))
    columns = [c for c in COMPARED if c != "also_n"]
    table = events.select(
        user,
        *(pl.col(c).cast(pl.String) for c in columns),
        also_n=pl.col("also").list.len().fill_null(0).cast(pl.String),
    )
    return sorted(table.rows(), key=str)


def otherwise(known: Drawn, seed: int, place: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of the same logs given in other ways: cut into rotated files, some packed, mixed up, as a dataset."""
    chance = random.Random(f"cut {seed}")
    cut = place / "cut"
    cut.mkdir(parents=True)
    stems = defaultdict(list)
    for file in sorted((known.folder / "logs").iterdir()):
        stem, _, number = file.name.rpartition(".")
        stems[stem if number.isdigit() else file.name].append((-int(number) if number.isdigit() else 0, file))
    for stem, files in stems.items():
        text = b"".join(file.read_bytes() for _, file in sorted(files))
        (place / "whole").mkdir(exist_ok=True)
        (place / "whole" / stem).write_bytes(text)
        lines = text.splitlines(keepends=True)
        at = (
            sorted(chance.sample(range(1, len(lines)), min(chance.randint(1, 6), len(lines) - 1)))
            if len(lines) > 1
            else []
        )
        pieces = [lines[a:b] for a, b in zip([0, *at], [*at, len(lines)], strict=True)]
        for number, piece in enumerate(reversed(pieces)):
            name = f"{stem}.{number}" if number else stem
            data = b"".join(piece)
            packed = number > 0 and chance.random() < 0.5
            (cut / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)
    pieces_ = sorted(cut.iterdir())
    mixed = chance.sample(pieces_, len(pieces_))
    whole = sorted((place / "whole").iterdir())
    sl.parse(mixed, place / "data", host="mx1", progress=False)
    return {
        "whole": same(reading.read(whole, host="mx1")),
        "cut": same(reading.read(pieces_, host="mx1")),
        "mixed": same(reading.read(mixed, host="mx1")),
        "dataset": same(sl.load(place / "data").collect()),
    }


def main() -> int:
    """`python -m live.drawn_otherwise FOLDER ...`: print what is not as the clients saw it."""
    for name in sys.argv[1:]:
        known = load(Path(name))
        wrong = deviations(known)
        print(
            f"== {Path(name).name}: {len(known.truth['commands'])} commands, {len(wrong)} deviations, confused {confusions(known)}"
        )
        for one in wrong:
            print(f"{one.what} | {one.scenario}\n    wanted {one.wanted}\n    found  {one.found}")
        with tempfile.TemporaryDirectory() as place:
            plain = same(known.events)
            for way, rows in otherwise(known, 1, Path(place)).items():
                if rows != plain:
                    print(f"{way}: {len(plain)} rows, now {len(rows)}")
                    before, now = sorted(set(plain) - set(rows), key=str), sorted(set(rows) - set(plain), key=str)
                    for sign, some in (("-", before), ("+", now)):
                        for row in some[:6]:
                            print(
                                "   ",
                                sign,
                                " ".join(
                                    f"{c}={v}" for c, v in zip(("user", *COMPARED), row, strict=True) if v is not None
                                ),
                            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
