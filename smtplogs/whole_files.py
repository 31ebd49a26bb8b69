"""Files that are one dialogue or one table: read to their end, session by session or row by row, into events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import (
    borders,
    cells,
    dialogue,
    documents,
    parsing,
    redacting,
    replies,
    stamps,
    tabling,
    turns,
    unwrapping,
)
from smtplogs.accounting import Tally
from smtplogs.logformats import Dialogue, Table
from smtplogs.matching import LEAKED
from smtplogs.normalising import normalised
from smtplogs.schema import TIME, TRAFFIC, as_table
from smtplogs.stitching import FINISHED, finished, stacked
from smtplogs.talking import LINES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smtplogs.sources import Reading

STALE = 150_000
"""Lines after which a session that never ended is finished all the same; and most turns of one that goes on and on."""

MOST_LINES = 100
"""Other lines that an event names at most: a session may hold any number."""

_SURE = ("connect", "tls", "auth", "session")
"""Steps at which a refusal is an event even if its cause is unknown; of other steps only what is understood."""


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
    chosen = parsing.Plan("", None, unwrapping.detect(head), traffic=True)
    return of_lines(_batches(reading, chosen, advance), format_, anchor, reading.source.name, **how)


def _batches(reading: Reading, chosen: parsing.Plan, advance: Callable[[int], None] | None) -> Iterator[pl.DataFrame]:
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
    if isinstance(format_, Table):
        made = _of_table(batches, format_, anchor, whole, source)
    else:
        made = _of_dialogue(batches, format_, anchor, whole, source)
    for found, border in made:
        for lines in whole.told.missed:
            hand_on("missed", lines.with_columns(source=pl.lit(source)))
        whole.told.missed.clear()
        events = _as_events(found, format_.name, [source], host, catalogue) if found.height else pl.DataFrame()
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
    for lines in whole.told.missed:
        hand_on("missed", lines.with_columns(source=pl.lit(source)))
    whole.told.missed.clear()
    return whole


def over_borders(turns: pl.DataFrame, catalogue: str | None = None) -> list[pl.DataFrame]:
    """Return the events of sessions that go from one file into another: an hourly log is cut in the midst of them.

    Parameters
    ----------
    turns
        `Tail.turns` of all files of one reading, in any order.
    catalogue
        File with the caller's own rows of the reply catalogue.
    """
    found = []
    for mine in turns.partition_by("format", maintain_order=True) if turns.height else ():
        files = mine.group_by("source").agg(pl.col("time").min(), pl.col("named").first()).sort("time", "source")
        sources = files["source"].to_list()
        file_no = pl.col("source").replace_strict(sources, list(range(len(sources))), return_dtype=pl.UInt32)
        rows = dialogue.records(mine.with_columns(file_no=file_no).drop("format", "source", "named"))
        if rows.height:
            found.append(_as_events(rows, mine["format"][0], sources, files["named"][0], catalogue))
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
        spoken, missed, noise = turns.spoken(cells.without_colours(batch), format_, cut)
        _count(whole, format_.name, missed, noise, spoken["line_no"].n_unique())
        if spoken.is_empty():
            continue
        timed, whole.clock = stamps.resolve(spoken, anchor, whole.clock)
        whole.traffic.append(_traffic(timed.unique("line_no"), source, "n_lines"))
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
        rows, missed, noise = cells.cells(cells.without_colours(batch), format_, head)
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


def _as_events(
    found: pl.DataFrame, name: str, sources: list[str], host: str | None, catalogue: str | None = None
) -> pl.DataFrame:
    """Classify records, cut secrets out of them, and give them the columns of events."""
    found = found.with_columns(
        format=pl.lit(name),
        source=_source_of(pl.col("_ref"), sources) if "_ref" in found.columns else pl.lit(sources[0]),
    )
    if "sid" in found.columns:  # a session without a token is named by its file
        block = pl.concat_str("source", pl.col("sid").str.strip_suffix(".0"))
        blocks = pl.when(pl.col("sid").str.starts_with("#")).then(block)
        found = found.with_columns(session=pl.coalesce("session", blocks))
    if host is not None:
        found = found.with_columns(
            host=pl.coalesce("host", pl.lit(host)) if "host" in found.columns else pl.lit(host)
        )  # fmt: skip
    found = found.with_columns(
        pl.col(c).str.replace(r"^TLS1_([0-9])$", "TLSv1.$1").str.replace(r"^TLS1$", "TLSv1").str.replace(r"^TLS ?(1)", "TLSv$1")
        .replace({"Y": "yes"})
        for c in ("tls",) if c in found.columns
    )  # fmt: skip
    found = replies.classify(normalised(found), catalogue)
    known = pl.col("stage").cast(pl.String).is_in(list(_SURE)) | (pl.col("cause").cast(pl.String) != "unknown")
    found = found.filter(known.fill_null(value=True) & pl.col("stage").is_not_null())
    if "sid" in found.columns:  # no context of sessions without an event
        told = found.filter(pl.col("pattern") != "session")["sid"].unique()
        found = found.filter(pl.col("sid").is_in(told.implode()))
    if "redacted" not in found.columns:
        found = found.with_columns(redacted=pl.lit(None, pl.String))
    found = redacting.without_secrets(found, "detail", "raw")
    found = _without(found)
    kind = "sasl response" if "sid" in found.columns else "secret"
    cut = pl.when(pl.col("raw").str.contains(borders.CUT, literal=True)).then(pl.lit(kind))
    if "_leaks" in found.columns:  # the secret stands in another line of the session
        cut = pl.coalesce(cut, pl.when("_leaks").then(pl.lit(kind)))
    found = found.with_columns(redacted=pl.coalesce("redacted", cut))
    failing = ~pl.col("outcome").cast(pl.String).is_in(["success", "info"])
    found = redacting.without_typed_passwords(found, failing.fill_null(value=True))
    if "_lines" in found.columns:
        line = pl.element() % LINES
        own = pl.concat_str(_source_of(pl.element(), sources), pl.lit(":"), line.cast(pl.String))
        lines = pl.col("_lines").list.set_difference(pl.concat_list("_ref")).list.sort().list.head(MOST_LINES)
        found = found.with_columns(also=lines.list.eval(own))
        found = found.with_columns(also=pl.when(pl.col("also").list.len() > 0).then("also"))
    return finished(found)


def leaked(rows: pl.DataFrame) -> pl.DataFrame:
    """Return events of lines without a stamp (`line_no`, `raw`, `redacted`, `source`): told for the secret in them."""
    known = rows.with_columns(
        *(pl.lit(word).alias(name) for name, word in LEAKED.items()),
        protocol=pl.lit("smtp"), time=pl.lit(None, TIME), time_quality=pl.lit("none"), count=pl.lit(1, pl.UInt32),
    )  # fmt: skip
    return as_table(known, FINISHED)


def _source_of(ref: pl.Expr, sources: list[str]) -> pl.Expr:
    """Return the file of a line among several."""
    return (ref // LINES).replace_strict(list(range(len(sources))), sources, return_dtype=pl.String)


def _without(found: pl.DataFrame) -> pl.DataFrame:
    """Cut what the client sent as a secret out of every text of its session (few rows have any: a plain loop)."""
    if "_secrets" not in found.columns:
        return found
    some = found["_secrets"].list.len().fill_null(0) > 0
    if not some.any():
        return found
    columns = [c for c in ("detail", "raw", "helo", "sender", "vendor_code", "queue_id") if c in found.columns]
    where = some.arg_true()
    part = found[where]
    secrets = part["_secrets"].to_list()
    names = part["user"].to_list()
    cut = [False] * part.height
    changed: dict[str, pl.Series] = {}
    for column in columns:
        clean = [_cut(*row) for row in zip(part[column], secrets, names, strict=True)]
        cut = [c or new != old for c, new, old in zip(cut, clean, part[column], strict=True)]
        changed[column] = pl.Series(column, clean, dtype=pl.String)
    kinds = pl.Series(
        ["sasl response" if c else k for c, k in zip(cut, part["redacted"], strict=True)], dtype=pl.String
    )
    return found.with_columns(
        *(found[c].scatter(where, values) for c, values in changed.items()),
        found["redacted"].scatter(where, kinds).alias("redacted"),
    )


def _cut(text: str | None, secrets: list[str], name: str | None) -> str | None:
    """Return a text without the secrets; a user whose secret is the name itself keeps the name."""
    for secret in sorted(secrets, key=len, reverse=True):
        if text and secret != name:
            text = text.replace(secret, "[redacted]")
    return text
