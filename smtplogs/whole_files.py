"""Files that are one dialogue or one table: read to their end, session by session or row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import borders, cells, dialogue, documents, parsing, planning, stamps, tabling, turns, unwrapping
from smtplogs.accounting import Tally
from smtplogs.finishing import as_events
from smtplogs.logformats import Dialogue, Table
from smtplogs.matching import LEAKED
from smtplogs.schema import TIME, TRAFFIC, as_table
from smtplogs.unsettled import FINISHED, stacked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smtplogs.sources import Reading

STALE = 150_000
"""Lines after which a session that never ended is finished all the same; and most turns of one that goes on and on."""


@dataclass
class Tail:
    """Sessions whose beginning or end another file may hold.

    Attributes
    ----------
    turns
        Their turns, with `time`, `format`, `source`, and `named`: what the caller calls hosts without a name. Without
        secrets, since they may be kept on disk.
    events
        What comes of them if no other file has more.
    """

    turns: pl.DataFrame
    events: pl.DataFrame


@dataclass
class Whole:
    """What a file gave."""

    events: list[pl.DataFrame] = field(default_factory=list)
    missed: list[pl.DataFrame] = field(default_factory=list)
    traffic: list[pl.DataFrame] = field(default_factory=list)
    told: Tally = field(default_factory=Tally)
    clock: stamps.Carry = field(default_factory=stamps.Carry)
    error: str | None = None
    tail: Tail | None = None

    @property
    def every(self) -> list[pl.DataFrame]:
        """All events, as if there were no other file."""
        return [*self.events, *([self.tail.events] if self.tail and self.tail.events.height else [])]


def read(
    reading: Reading,
    head: list[str],
    format_: Dialogue | Table,
    anchor: stamps.Anchor,
    *,
    host: str | None = None,
    catalogue: str | None = None,
    keep_missed: bool = False,
    take: Callable[[str, pl.DataFrame], None] | None = None,
    advance: Callable[[int], None] | None = None,
) -> Whole:
    """Read a file to its end.

    Parameters
    ----------
    reading
        The open source.
    head
        Its first lines.
    format_
        What `recognising.recognise` found, or the caller said.
    anchor
        Evidence for year and zone.
    host
        Name for lines that do not say which host wrote them.
    catalogue
        File with the caller's own rows of the reply catalogue.
    keep_missed, take
        Whether lines not understood are handed on as well; takes `events` and `missed` while the file is read. None:
        they are kept in what is returned.
    advance
        Told how many expanded bytes were read since it was told last.
    """
    how = {"host": host, "catalogue": catalogue, "keep_missed": keep_missed, "take": take}
    if isinstance(format_, Table) and format_.layout == "json" and documents.is_document(head):
        document = documents.Document(chunk.data.decode("utf-8", "replace") for chunk in reading)
        whole = of_lines(document.batches(), format_, anchor, reading.source.name, **how)
        whole.error = document.error
        return whole
    chosen = planning.Plan("", None, unwrapping.detect(head), traffic=True)
    return of_lines(_batches(reading, chosen, advance), format_, anchor, reading.source.name, **how)


def _batches(reading: Reading, chosen: planning.Plan, advance: Callable[[int], None] | None) -> Iterator[pl.DataFrame]:
    read = 0
    for lines in parsing.chunks(reading, chosen):
        if advance is not None:
            advance(reading.bytes - read)
            read = reading.bytes
        yield lines.collect()


def of_lines(
    batches: Iterator[pl.DataFrame],
    format_: Dialogue | Table,
    anchor: stamps.Anchor,
    source: str,
    *,
    host: str | None = None,
    catalogue: str | None = None,
    keep_missed: bool = False,
    take: Callable[[str, pl.DataFrame], None] | None = None,
) -> Whole:
    """Make events of batches of lines (`line_no`, `line`, and where a wrapper came off `outer` and `written`)."""
    whole = Whole(told=Tally(keep_missed=keep_missed))
    kept: dict[str, list[pl.DataFrame]] = {"events": whole.events, "missed": whole.missed}
    hand_on = take or (lambda kind, frame: kept[kind].append(frame))

    def hand_on_missed() -> None:
        for lines in whole.told.missed:
            hand_on("missed", lines.with_columns(source=pl.lit(source)))
        whole.told.missed.clear()

    if isinstance(format_, Table):
        made = _of_table(batches, format_, anchor, whole, source)
    else:
        made = _of_dialogue(batches, format_, anchor, whole, source)
    for found, border in made:
        hand_on_missed()
        events = as_events(found, format_.name, [source], host, catalogue) if found.height else pl.DataFrame()
        if border is not None:
            named = pl.lit(host, pl.String).alias("named")
            turned = border.with_columns(named, format=pl.lit(format_.name), source=pl.lit(source))
            whole.tail = Tail(turned, events)
        if events.is_empty():
            continue
        n = events.filter(pl.col("outcome") != "info")["line_no"].n_unique()
        whole.told.add(None, format_.name, "records", n)
        whole.told.add(None, format_.name, "context", -n)
        if border is None:
            hand_on("events", events)
        mails = events.filter((pl.col("stage") == "mail") & (pl.col("outcome") == "success"))
        whole.traffic.append(_traffic(mails, source, "n_messages"))
    hand_on_missed()
    return whole


def over_borders(turns: pl.DataFrame, catalogue: str | None = None) -> list[pl.DataFrame]:
    """Return the events of sessions that go from one file into another: an hourly log is cut in the midst of them.

    Parameters
    ----------
    turns
        `Tail.turns` of all files of one reading, those of the oldest first: that counts where times are equal.
    catalogue
        File with the caller's own rows of the reply catalogue.
    """
    found = []
    for mine in turns.partition_by("format", maintain_order=True) if turns.height else ():
        files = mine.group_by("source", maintain_order=True).agg(pl.col("time").min(), pl.col("named").first())
        files = files.sort("time", maintain_order=True)
        sources = files["source"].to_list()
        file_no = pl.col("source").replace_strict(sources, list(range(len(sources))), return_dtype=pl.UInt32)
        rows = dialogue.records(mine.with_columns(file_no=file_no).drop("format", "source", "named"))
        if rows.height:
            found.append(as_events(rows, mine["format"][0], sources, files["named"][0], catalogue))
    return [events for events in found if events.height]


def _traffic(rows: pl.DataFrame, source: str, what: str) -> pl.DataFrame:
    """Count rows a minute, as the traffic table has them; those without a time are left out."""
    minute = pl.col("time").dt.truncate("1m")
    known = rows.filter(pl.col("time").is_not_null())
    return as_table(known.group_by(minute).agg(pl.len().alias(what)).with_columns(source=pl.lit(source)), TRAFFIC)


def _of_dialogue(
    batches: Iterator[pl.DataFrame], format_: Dialogue, anchor: stamps.Anchor, whole: Whole, source: str
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame | None]]:
    """Yield the records of sessions as they end; at last those that another file may hold a part of, with their turns."""
    cut, open_ = turns.Cut(), pl.DataFrame()
    border: list[pl.DataFrame] = []
    begins = any(turn.begins for turn in format_.turns) and not format_.blocks
    transcript = format_.least == 0
    end = pl.col("ends")
    if not any(turn.ends for turn in format_.turns):
        end = end | ((pl.col("speaker") == "server") & pl.col("text").str.starts_with("221"))
    for lines in batches:
        batch = lines.filter(pl.col("line").str.contains(r"[^\s]"))
        spoken, missed, noise = turns.spoken(unwrapping.without_colours(batch), format_, cut)
        _count(whole, format_.name, missed, noise, spoken["line_no"].n_unique())
        if spoken.is_empty():
            continue
        timed, whole.clock = stamps.resolve(spoken, anchor, whole.clock)
        whole.traffic.append(_traffic(timed.unique("line_no", keep="first", maintain_order=True), source, "n_lines"))
        timed = stacked(open_, timed)
        now = int(lines["line_no"].max() or 0)  # type: ignore[arg-type]
        over = end.any() | (pl.col("line_no").max() < now - STALE) | (pl.len() > STALE)
        ends = timed.group_by("sid").agg(over=over, headless=~pl.col("begins").any())
        done = pl.col("sid").is_in(ends.filter("over")["sid"].implode())
        ended, open_ = timed.filter(done), timed.filter(~done)
        if begins and sum(f.height for f in border) < STALE:
            headless = pl.col("sid").is_in(ends.filter("headless")["sid"].implode())
            border.append(ended.filter(headless))
            ended = ended.filter(~headless)
        if ended.height:
            yield dialogue.records(ended, transcript=transcript), None
    last = stacked(*border, open_)
    if last.height:
        last = borders.guarded(last) if begins else last
        yield dialogue.records(last, transcript=transcript), last if begins else None


def _of_table(
    batches: Iterator[pl.DataFrame], format_: Table, anchor: stamps.Anchor, whole: Whole, source: str
) -> Iterator[tuple[pl.DataFrame, None]]:
    """Yield the records of a table."""
    head = cells.Head()
    for lines in batches:
        batch = lines.filter(pl.col("line").str.contains(r"[^\s]"))
        rows, missed, noise = cells.cells(unwrapping.without_colours(batch), format_, head)
        made = tabling.records(rows, format_, head)
        found = made.records
        missed = pl.concat([missed, made.missed.select(missed.columns)])
        _count(whole, format_.name, missed, noise + made.n_dismissed, found.height + made.n_context)
        if found.height:
            timed, whole.clock = stamps.resolve(found, anchor, whole.clock)
            if "_ambiguous" in timed.columns:
                doubtful = pl.col("_ambiguous") & pl.col("time").is_not_null()
                worst = pl.when(doubtful).then(pl.lit("ambiguous")).otherwise(pl.col("time_quality").cast(pl.String))
                timed = timed.with_columns(worst.cast(timed.schema["time_quality"]).alias("time_quality")).drop(
                    "_ambiguous"
                )
            whole.traffic.append(_traffic(timed, source, "n_lines"))
            yield timed, None


def _count(whole: Whole, name: str, missed: pl.DataFrame, noise: int, taken: int) -> None:
    """Tell the tally; of lines not understood only the shape is kept, since any word of a session may be a secret."""
    whole.told.add(None, name, "dismissed", noise)
    whole.told.add(None, name, "context", taken)
    if missed.height:
        shape = pl.col("line").str.replace_all(r"\p{L}", "x").str.replace_all(r"[0-9]", "9")
        whole.told.miss(None, name, missed.with_columns(shape.alias("line")))


def leaked(rows: pl.DataFrame) -> pl.DataFrame:
    """Return events of lines without a stamp (`line_no`, `raw`, `redacted`, `source`): told for the secret in them."""
    known = rows.with_columns(
        *(pl.lit(word).alias(name) for name, word in LEAKED.items()),
        protocol=pl.lit("smtp"), time=pl.lit(None, TIME), time_quality=pl.lit("none"), count=pl.lit(1, pl.UInt32),
    )  # fmt: skip
    return as_table(known, FINISHED)
