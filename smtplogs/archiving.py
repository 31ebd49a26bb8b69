"""Batch: archives of logs to a dataset that can be added to, resumed and trusted."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import replies, sources
from smtplogs._crew import shown
from smtplogs._durable import alone
from smtplogs.errors import NotWhole
from smtplogs.onefile import Settings
from smtplogs.part_files import BY
from smtplogs.reading import asked
from smtplogs.runs import Run

if TYPE_CHECKING:
    from os import PathLike

    from smtplogs.datasets import Paths


def parse(
    paths: Paths,
    out: str | PathLike[str],
    *,
    format: str = "auto",  # noqa: A002 - the word of the public face
    tz: str | None = None,
    year: int | None = None,
    host: str | None = None,
    catalogue: str | PathLike[str] | None = None,
    by: str = "month",
    workers: int | None = None,
    cluster: Any = None,
    hash: bool = True,  # noqa: A002
    strict: bool = False,
    progress: bool | None = None,
) -> pl.DataFrame:
    """Read archives of mail logs into a dataset: Parquet tables of events, coverage and traffic, and a manifest.

    May be run again at any time, with the same, more or other files: what is known by its content is skipped, what has
    grown is brought up to date, and the dataset is the same as if all files had come at once. A run that was stopped,
    in whatever way, is taken up where it was.

    Parameters
    ----------
    paths
        Files, folders, globs, archives, `-` for standard input; in any order and compression.
    out
        Folder of the dataset; made if needed. `load` and every command that takes logs read it.
    format, tz, year, host, catalogue
        As in `read`. They are kept with each input; a log that is known but was read otherwise is read again.
    by
        How events are partitioned: `month` or `day`. Fixed when the dataset is made.
    workers
        Pieces of work done at once; None: two, but one large file alone, which takes two cores by itself.
    cluster
        Address of a Dask scheduler (`tcp://scheduler:8786`) or a `dask.distributed.Client`: files are read by its
        workers, which must see the same paths. Needs the extra `cluster`.
    hash
        Take the SHA-256 of every input, stored and expanded. Without it files are told by size and by 64 kB at either
        end, twins are not found, and `verify` can only compare lines.
    strict
        Raise NotWhole, after the dataset is written, if any input was damaged or could not be read.
    progress
        Show bytes, rate and time left. None: on a terminal and in a notebook.

    Returns
    -------
    DataFrame
        A row per input found: `source`, `status` (read, grown, unchanged, same content, left out, failed), `lines`,
        `records`, `not_understood`, `first_time`, `last_time` (UTC), `note`, `error`.

    Raises
    ------
    NothingToRead
        If no path matches.
    UnknownName, ValueError
        If `format`, `tz`, `year` or `by` cannot be understood.
    InUse
        If another run is writing to the dataset.
    MissingExtra
        With `cluster`, if the extra `cluster` is not installed.
    TooLittleMemory
        If the system grants this process less memory than such logs need (an abort of the engine otherwise).
    NotWhole
        With `strict`.
    OSError
        If the dataset cannot be written (a full disk); its old state stands.
    """
    only, whole_ = asked(format)
    settings = Settings(
        only=only,
        whole=whole_,
        tz=tz,
        year=year,
        host=host,
        traffic=True,
        now=dt.datetime.now(dt.UTC),
        keep_missed=True,
        catalogue=None if catalogue is None else replies.checked(catalogue),
    )
    if by not in BY:
        raise ValueError(f"cannot partition by {by!r}; there are {', '.join(BY)}")
    found, problems = sources.find(paths)
    dataset = Path(out).expanduser().resolve()
    if inside := [s.name for s in found if s.path is not None and dataset in s.path.resolve().parents]:
        raise ValueError(
            f"{out} holds logs that are to be read, such as {inside[0]}: name a folder of its own for the dataset"
        )
    dataset.mkdir(parents=True, exist_ok=True)
    show = shown(progress)
    with alone(dataset):
        run = Run(dataset, settings, by, hashed=hash)
        try:
            run.plan(found)
            run.read(workers, cluster, show=show)
            run.settle(workers, cluster, show=show)
            run.commit([(p.name, "note" if p.on_purpose else "error", p.message) for p in problems])
        except BaseException:
            run.tidy()
            raise
    told = run.told()
    if strict and (bad := told.filter(pl.col("error").is_not_null())).height:
        first = "; ".join(f"{s}: {e}" for s, e in bad.select("source", "error").head(3).iter_rows())
        raise NotWhole(f"{bad.height} input(s) not read whole (the dataset is written): {first}")
    return told
