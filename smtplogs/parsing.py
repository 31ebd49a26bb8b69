"""Lines and formats -> records: the hot path. A literal prefilter, cuts for the frequent lines, patterns for the rest."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from smtplogs import cutting, framing, heads, joining, matching, redacting, replies, translating, unwrapping
from smtplogs._coded import places
from smtplogs.accounting import ROLE_WORD, Tally
from smtplogs.logformats._envelopes import STAMP
from smtplogs.logformats._hot_envelopes import HOT_ENVELOPES
from smtplogs.normalising import normalised
from smtplogs.sources import FILE, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from smtplogs.logformats._format import Lines, Pattern
    from smtplogs.planning import Plan
    from smtplogs.sources import Chunk

_FAILING = ("failure", "deferred", "aborted", "refused", "throttled")


@dataclass
class Batch:
    """Records of one stretch of lines, in no particular order.

    Attributes
    ----------
    parts
        Records in frames of their own shape, most of one pattern each: classified, without secrets.
    stamps
        `stamp` (and `outer`) as written, a row for each run of lines with one stamp, in order of lines; `_stamp` of the
        other frames points here.
    leaks
        Like `parts`: lines that hold a secret and give no event, told for that alone.
    minutes
        For the traffic table: `stamp` (and `outer`) of the first line of each run within a minute, `n_lines` of it.
        All three have FILE where several files share the batch, and no run goes over their borders.
    """

    parts: list[pl.DataFrame] = field(default_factory=list)
    stamps: pl.DataFrame = field(default_factory=pl.DataFrame)
    minutes: pl.DataFrame = field(default_factory=pl.DataFrame)
    leaks: list[pl.DataFrame] = field(default_factory=list)

    @property
    def height(self) -> int:
        """Number of records."""
        return sum(f.height for f in self.parts)

    def beside(self, other: Batch) -> Batch:
        """Return the records of two batches of other files as one, but for the minutes."""
        if self.stamps.is_empty() or other.stamps.is_empty():
            return other if self.stamps.is_empty() else self
        parts, leaks = (
            [*mine, *(f.with_columns(pl.col("_stamp") + self.stamps.height) for f in its)]
            for mine, its in ((self.parts, other.parts), (self.leaks, other.leaks))
        )
        return Batch(parts, pl.concat([self.stamps, other.stamps], how="diagonal"), leaks=leaks)


LINES = {"line_no": pl.UInt64, "line": pl.String}
"""What a batch of lines consists of."""


def chunks(reading: Iterable[Chunk], chosen: Plan) -> Iterator[pl.LazyFrame]:
    """Lines of a file, chunk by chunk, with the wrapper off: what `parse` takes."""
    wrapper = chosen.wrapper
    if wrapper is None:
        yield from (lines_of(chunk) for chunk in reading)
    elif wrapper.peel is None:
        read = wrapper.entries or unwrapping.export_lines
        yield from (frame.lazy() for frame in read(chunk.data for chunk in reading))
    else:
        escaped = "|".join(re.escape(w) for w in wrapper.literals)
        trusted = pl.col("line").str.contains(f"{chosen.prefilter}|{escaped}" if escaped else chosen.prefilter)
        carry = None
        for chunk in reading:
            lines = lines_of(chunk)
            kept = (lines if wrapper.keep_all or chosen.traffic else lines.filter(trusted)).collect()
            inner, carry = unwrapping.unwrap(kept, wrapper, carry)
            yield inner.lazy()
        if carry is not None:
            inner, _ = unwrapping.unwrap(pl.DataFrame(schema=LINES), wrapper, carry, last=True)
            yield inner.lazy()


class Sighted(NamedTuple):
    """The lines of a chunk that may be ours; if traffic is counted, the minutes of all its lines."""

    kept: pl.DataFrame
    minutes: pl.DataFrame


def sighted(lines: pl.LazyFrame, chosen: Plan) -> Sighted:
    """Look for the few words one of which is in every line of ours."""
    ours = pl.col("line").str.contains(chosen.coarse)
    if not chosen.traffic:
        return Sighted(lines.filter(ours).collect(), pl.DataFrame())
    every = lines.collect()
    return Sighted(every.filter(ours), minutes_of(every, chosen.envelope))


def parse(lines: pl.LazyFrame, chosen: Plan, told: Tally | None = None) -> tuple[Batch, Tally]:
    """Prefilter and parse lines.

    Parameters
    ----------
    lines
        `line_no` (UInt64), `line` (String), and where a wrapper came off `outer` and `written`; FILE where several
        files share the batch, whose numbers do not go on from one to the next.
    chosen
        The plan of the file, or of all of them.
    told
        The tally to fill in; None: a new one.

    Returns
    -------
    records, tally
        See `records`; what became of every kept line.
    """
    return parsed([sighted(lines, chosen)], chosen, told)


def parsed(some: list[Sighted], chosen: Plan, told: Tally | None = None) -> tuple[Batch, Tally]:
    """Parse the sighted lines of chunks as `parse` does, and take them out of the list: none is held longer than needed."""
    told = Tally(keep_missed=chosen.keep_missed) if told is None else told
    lines, minutes = (pl.concat(frames) for frames in zip(*some, strict=True))
    some.clear()
    batch = records(lines, chosen, told, prefilter=chosen.prefilter)
    batch.minutes = minutes
    return batch, told


def minutes_of(lines: pl.DataFrame, envelope: str | None = None) -> pl.DataFrame:
    """Count lines in runs of one minute, whatever they say: `stamp` (and `outer`) of the first, `n_lines`.

    The head of a line to its minutes tells the runs apart, so that few stamps are read; the clock that follows it, and
    the offset behind that, stay as the first line has them.
    """
    text = pl.col("line").str
    if envelope is not None:
        head = text.slice(0, 12 if envelope == "rfc3164" else 16)
    else:
        head = (
            pl.when(text.head(1).is_between(pl.lit("A"), pl.lit("Z"))).then(text.head(12))
            .when(text.starts_with("20")).then(text.head(16))
            .otherwise(text.head(25))  # rarer stamps to their seconds
        )  # fmt: skip
    outer = ["outer"] if "outer" in lines.columns else []
    if outer:
        head = pl.concat_str(head, pl.col("outer").str.head(16).fill_null(""))
    file = [FILE] if FILE in lines.columns else []
    run = lines.select(pl.struct(head, *file).rle() if file else head.rle())
    run = run.to_series().struct.unnest().get_column("len")
    first = run.cum_sum() - run
    return lines.select("line", *outer, *file)[first].select(
        pl.col("line").str.extract(STAMP).alias("stamp"), *outer, *file, n_lines=pl.lit(run.cast(pl.UInt32))
    )


def among_others() -> pl.Expr:
    """Lines that are read with those around them: repeats, and pieces of a line that was cut."""
    return pl.col("line").str.contains(f"{unwrapping.REPEAT_LITERAL}|{joining.PIECE}")


def records(lines: pl.DataFrame, chosen: Plan, tally: Tally, *, prefilter: str = "") -> Batch:
    """Parse a batch of lines: frequent ones by cutting, what is left and passes the prefilter by the general way.

    Parameters
    ----------
    lines
        `line_no`, `line`, and where a wrapper or a repeat came off `outer`, `count`, `written`: in order of lines.
    chosen
        The plan of the file.
    tally
        Told what became of every line.
    prefilter
        What the frequent patterns leave must hold this to be kept at all.

    Returns
    -------
    Batch
        One row per line that an event or context pattern took: record columns as far as the lines have them.
    """
    if lines.is_empty():
        return Batch()
    kept = pl.col("line").str.contains(prefilter)
    odd = among_others()
    cut, taken, rest = None, cutting.Taken(), lines
    framed: list[pl.DataFrame] = []
    if chosen.envelope is not None:
        program = HOT_ENVELOPES[chosen.envelope].program
        cut = heads.cut_off(lines if program is None else lines.filter(kept), chosen.envelope, chosen.host)
        hot = _hot(program, chosen.traffic, chosen.only)
        taken = cutting.take(cut, hot, matching.writes, chosen.catalogue)
        rest = cut.rest
        if program is None:
            framed = [heads.framed(cut, [part.filter(kept) for part in taken.rest])] if taken.rest else []
        else:  # a stamp alone proves nothing: other lines may stand under it
            rest = pl.concat([rest, *(part.select(rest.columns) for part in taken.rest)])
    rest = rest.filter(kept)
    if "count" not in lines.columns and any(f.select(odd.any()).item() for f in (rest, *framed)):
        if FILE in lines.columns:
            mine = pl.col(FILE).is_in(pl.concat([f.filter(odd)[FILE] for f in (rest, *framed)]).implode())
            if (others := lines.filter(~mine)).height:
                few = records(lines.filter(mine), chosen, tally, prefilter=prefilter)
                return few.beside(records(others, chosen, tally, prefilter=prefilter))
        whole = joining.joined(lines.filter(kept))
        written = pl.coalesce(pl.col(c) for c in ("written", "line") if c in whole.columns)
        return records(unwrapping.repeats(whole.with_columns(written=written))[0], chosen, tally)
    for program, format_, role, *n in taken.counts:
        tally.add(program, format_, ROLE_WORD[role], *n)
    if rest.height:
        framed.append(framing.framed(rest, tally, chosen.host))
    matched, leaks = matching.Matched([], []), []
    if framed:
        every = matching.looked_at(pl.concat(framed, how="diagonal").sort("line_no"))
        matched = matching.take(every, tally, traffic=chosen.traffic, only=chosen.only)
        leaks = matching.leaks(every, matched.records, tally)
    return _batch(taken, matched, leaks, cut, chosen.catalogue)


def _batch(
    taken: cutting.Taken,
    matched: matching.Matched,
    leaks: list[pl.DataFrame],
    cut: heads.Heads | None,
    catalogue: str | None,
) -> Batch:
    """Put the records of both ways together, with one list of the stamps they stand under."""
    stamps = [cut.stamps.with_row_index("_stamp")] if cut is not None else []
    context, parts, logged = taken.context, [], None
    if matched.counted:
        context = [*context, _stamped(pl.concat(matched.counted, how="diagonal"), stamps)]
    if matched.records or leaks:
        slow = _stamped(normalised(pl.concat([*matched.records, *leaks], how="diagonal_relaxed")), stamps)
        slow = replies.classify(slow, catalogue)
        logged = slow["user"]
        parts = [translating.with_plain_logins(slow)]
        if leaks:
            leak = slow["pattern"] == matching.LEAK
            parts, leaks, logged = [parts[0].filter(~leak)], [parts[0].filter(leak)], logged.filter(~leak)
    events = [redacting.without_typed_passwords(part, _unproven()) for part in taken.events]
    events += [redacting.without_typed_passwords(part, _unproven(), logged) for part in parts]
    batch = Batch([*context, *events], leaks=leaks)
    if batch.height or leaks:
        used = pl.concat([f["_stamp"] for f in (*batch.parts, *leaks)]).unique()
        every = pl.concat(stamps, how="diagonal").filter(pl.col("_stamp").is_in(used.implode())).sort("line_no")
        place = places(sum(f.height for f in stamps), every["_stamp"]).alias("_stamp")
        batch.parts = [f.with_columns(place[f["_stamp"]]) for f in batch.parts]
        batch.leaks = [f.with_columns(place[f["_stamp"]]) for f in leaks]
        batch.stamps = every.drop("_stamp", "line_no")
    return batch


def _stamped(records: pl.DataFrame, stamps: list[pl.DataFrame]) -> pl.DataFrame:
    """Put records in order of lines, and the stamps they stand under on the list: `_stamp` points there."""
    written = [c for c in ("stamp", "outer") if c in records.columns]
    told = [*written, *(c for c in (FILE,) if c in records.columns)]
    records = records.sort("line_no")
    run = records.select(pl.struct(told).rle_id()).to_series() + sum(f.height for f in stamps)
    records = records.with_columns(_stamp=run)
    stamps.append(records.select("_stamp", "line_no", *told).unique("_stamp", keep="first"))
    return records.drop(written)


@functools.cache
def _unproven() -> pl.Expr:
    """Rows whose login may be no account at all: failures, unless the line itself proves that the account exists."""
    proven = (pl.col("basis") == "line") & pl.col("cause").is_in(
        ["bad_credentials", "password_expired", "account_locked", "account_disabled"]
    )
    return pl.col("outcome").is_in(list(_FAILING)) & ~(proven.fill_null(False) & (pl.col("format") == "dovecot"))


def stamps_of(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the stamps of lines as the general envelopes see them: `line_no`, `stamp` (and FILE, if lines have it)."""
    file = [FILE] if FILE in lines.columns else []
    return framing.unframed(lines).select("line_no", "stamp", *file).sort("line_no")


@functools.cache
def _hot(program: str | None, traffic: bool, only: str | None) -> tuple[tuple[Lines, Pattern], ...]:
    """The frequent patterns with their formats: of the one program whose log it is, or of those that write to syslog."""
    own = {form.program for form in HOT_ENVELOPES.values()}
    wanted = ((f, p) for f, p in matching.wanted(traffic=traffic, only=only) if p.parts)
    return tuple((f, p) for f, p in wanted if (f.name == program if program else f.name not in own))
