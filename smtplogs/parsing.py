"""Lines and formats -> records: the hot path. One literal prefilter, one fused regex per frequent pattern, then the rest."""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import joining, redacting, replies, translating, unwrapping
from smtplogs.logformats import ALL
from smtplogs.logformats._envelopes import ENVELOPES, HOT_ENVELOPES, STAMP
from smtplogs.normalising import normalised, split_keys, with_keys
from smtplogs.sources import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smtplogs.logformats._format import Lines, Pattern
    from smtplogs.sources import Reading

MAX_EXAMPLES = 5
"""How many lines not understood are kept as examples per program."""

_ROLE_WORD = {"event": "records", "context": "context", "dismiss": "dismissed"}
_FAILING = ("failure", "deferred", "aborted", "refused", "throttled")


@dataclass(frozen=True, eq=False)
class Plan:
    """What to look for in one file: chosen once from its first lines, then used for every batch.

    Attributes
    ----------
    prefilter
        Alternation of the literals; a line without any of them is none of ours.
    envelope
        Name of the hot envelope, or None: then every line takes the general way.
    wrapper
        What docker, Kubernetes or journald put around the lines, or None.
    traffic
        Whether lines that only the traffic table needs are kept.
    only
        The one format to read, or None for all.
    host
        Name for lines that do not say which host wrote them.
    """

    prefilter: str
    envelope: str | None
    wrapper: unwrapping.Wrapper | None
    traffic: bool = False
    only: str | None = None
    host: str | None = None


@dataclass
class Tally:
    """What became of the kept lines of one file: the sums behind the coverage table.

    Attributes
    ----------
    counts
        (program, format, role) -> lines; role is records, context, dismissed or not_understood.
    examples
        program -> some lines that nothing took, redacted, as `line_no: text`.
    """

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, program: str | None, format_: str | None, role: str, n: int) -> None:
        """Count lines of a program under a role."""
        self.counts[program or "", format_ or "", role] += n

    def add_all(self, lines: pl.DataFrame, format_: str | None, role: str) -> None:
        """Count lines of several programs under a role."""
        for program, n in lines["program"].value_counts().iter_rows():
            self.add(program, format_, role, n)

    def miss(self, program: str | None, format_: str | None, lines: pl.DataFrame) -> None:
        """Count lines that nothing took and keep a few, redacted."""
        self.add(program, format_, "not_understood", lines.height)
        kept = self.examples.setdefault(program or "", [])
        if len(kept) < MAX_EXAMPLES:
            some = redacting.without_secrets(lines.head(MAX_EXAMPLES - len(kept)).select("line_no", "line"), "line")
            kept += [
                f"{n}: {redacting.without_suspects(text)[:500]}"
                for n, text in some.select("line_no", "line").iter_rows()
            ]

    def update(self, other: Tally) -> None:
        """Add the sums of another tally."""
        self.counts.update(other.counts)
        for program, lines in other.examples.items():
            kept = self.examples.setdefault(program, [])
            kept += lines[: MAX_EXAMPLES - len(kept)]


@dataclass
class Batch:
    """Records of one stretch of lines, in no particular order.

    Attributes
    ----------
    frame
        Frequent lines that only frame a session (connect, TLS, disconnect): few columns.
    events
        All others: classified, without secrets, with every column that stitching counts on.
    minutes
        For the traffic table: `stamp` (and `outer`) of the first line of each run within a minute, `n_lines` of it.
    """

    frame: pl.DataFrame = field(default_factory=pl.DataFrame)
    events: pl.DataFrame = field(default_factory=pl.DataFrame)
    minutes: pl.DataFrame = field(default_factory=pl.DataFrame)

    @property
    def height(self) -> int:
        """Number of records."""
        return self.frame.height + self.events.height

    def both(self) -> list[pl.DataFrame]:
        """Return the frames that hold anything."""
        return [f for f in (self.frame, self.events) if f.height]


def _wanted(traffic: bool, only: str | None) -> Iterator[tuple[Lines, Pattern]]:
    """Formats and patterns that take part."""
    for format_ in ALL:
        if only is None or format_.name == only:
            yield from ((format_, p) for p in format_.patterns if traffic or not p.traffic)


COARSE = (
    "SASL", "sasl_", "TLS", "SSL_", "auth", "connect from ", "handshake", "reject", " said: ", "refused", "Refusing ",
    "statistics: max ", " after ", "imit ", "LIMIT ", "delivery temporarily ", "-login: ", "repeated ", "haproxy",
    "non-SMTP", "offered ", "AUTH", " A=", "SMTP c", " overflowed ", "has exceeded the max", " Warning: ", "ender rate ",
    "many messages in", "many recipients: ", "SMTPA, ", "SMTPSA, ", "reply=", " smtp ", " mta ", "smtp-in: ", "user credentials",
)  # fmt: skip
"""Few short words, one of which stands in every line of ours: the engine looks for so few at once three times as fast
as for all literals, which then see only what is left. Proved by tests on every sample."""


_COARSE = "|".join([*(re.escape(w) for w in COARSE), joining.ANNOUNCED])


@functools.cache
def literals(*, traffic: bool = False, only: str | None = None) -> tuple[str, ...]:
    """Every literal that may announce a line of ours, without those that another one implies."""
    found = {text for _, p in _wanted(traffic, only) if p.role != "dismiss" for text in p.literals}
    return tuple(sorted(t for t in found if not any(o != t and o in t for o in found)))


LINES = {"line_no": pl.UInt64, "line": pl.String}
"""What a batch of lines consists of."""


def plan(head: Sequence[str], *, traffic: bool = False, only: str | None = None, host: str | None = None) -> Plan:
    """Choose wrapper, envelope and prefilter from the first lines of a file."""
    wrapper = unwrapping.detect(head)
    words = [*literals(traffic=traffic, only=only), unwrapping.REPEAT_LITERAL]
    prefilter = "|".join([*(re.escape(w) for w in words), joining.ANNOUNCED])
    lines = pl.Series(head, dtype=pl.String)
    votes = {name: int(lines.str.contains(regex).sum() or 0) for name, regex in HOT_ENVELOPES.items()}
    best = max(votes, key=lambda name: votes[name])
    return Plan(prefilter, best if votes[best] and wrapper is None else None, wrapper, traffic, only, host)


def chunks(reading: Reading, chosen: Plan) -> Iterator[pl.LazyFrame]:
    """Lines of a file, chunk by chunk, with the wrapper off: what `parse` takes."""
    wrapper = chosen.wrapper
    if wrapper is None:
        yield from (lines_of(chunk) for chunk in reading)
    elif wrapper.peel is None:
        yield from (frame.lazy() for frame in unwrapping.export_lines(chunk.data for chunk in reading))
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


def parse(lines: pl.LazyFrame, chosen: Plan) -> tuple[Batch, Tally]:
    """Prefilter and parse a chunk of lines.

    Parameters
    ----------
    lines
        `line_no` (UInt64), `line` (String), and where a wrapper came off `outer` and `written`.
    chosen
        The plan of the file.

    Returns
    -------
    records, tally
        See `records`; what became of every kept line.
    """
    told = Tally()
    text = pl.col("line").str
    # two steps on purpose: as one plan both would look at every line
    some = lines.collect() if chosen.traffic else lines.filter(text.contains(_COARSE)).collect()
    minutes = minutes_of(some) if chosen.traffic else pl.DataFrame()
    kept = some.filter(text.contains(chosen.prefilter))
    if kept.is_empty():
        return Batch(minutes=minutes), told
    if kept["line"].str.contains(joining.PIECE).any():
        kept = joining.joined(kept)
    if kept["line"].str.contains(unwrapping.REPEAT_LITERAL, literal=True).any():
        written = pl.coalesce(pl.col(c) for c in ("written", "line") if c in kept.columns)
        kept, _ = unwrapping.repeats(kept.with_columns(written=written))
    batch = records(kept, chosen, told)
    batch.minutes = minutes
    return batch, told


def minutes_of(lines: pl.DataFrame) -> pl.DataFrame:
    """Count lines in runs of one minute, whatever they say: `stamp` (and `outer`) of the first, `n_lines`.

    The head of a line to its minutes tells the runs apart, so that few stamps are read; the clock that follows it, and
    the offset behind that, stay as the first line has them.
    """
    text = pl.col("line").str
    head = (
        pl.when(text.head(1).is_between(pl.lit("A"), pl.lit("Z"))).then(text.head(12))
        .when(text.starts_with("20")).then(text.head(16))
        .otherwise(text.head(25))  # rarer stamps to their seconds
    )  # fmt: skip
    outer = ["outer"] if "outer" in lines.columns else []
    if outer:
        head = pl.concat_str(head, pl.col("outer").str.head(16).fill_null(""))
    runs = lines.select("line", *outer, run=head.rle_id())
    firsts = runs.group_by("run", maintain_order=True).agg(pl.col("line", *outer).first(), n_lines=pl.len())
    return firsts.select(pl.col("line").str.extract(STAMP).alias("stamp"), *outer, "n_lines")


def records(lines: pl.DataFrame, chosen: Plan, tally: Tally) -> Batch:
    """Parse a batch of kept lines.

    Parameters
    ----------
    lines
        `line_no`, `line`, and where a wrapper or a repeat came off `outer`, `count`, `written`: in order of lines.
    chosen
        The plan of the file.
    tally
        Told what became of every line.

    Returns
    -------
    Batch
        One row per line that an event or context pattern took: record columns as far as the lines have them;
        `stamp` (and `outer`) still as written.
    """
    context: list[pl.DataFrame] = []
    parts: list[pl.DataFrame] = []
    rest = lines
    if chosen.envelope is not None:
        context, parts, rest = _take_hot(lines, chosen.envelope, chosen, tally)
    if rest.height:
        parts += _take_slowly(rest, chosen, tally)
    batch = Batch()
    if context:
        batch.frame = normalised(pl.concat(context, how="diagonal_relaxed", rechunk=True), bare=True)
    if parts:
        wide = replies.classify(normalised(pl.concat(parts, how="diagonal_relaxed", rechunk=True)))
        read = translating.with_plain_logins(wide)
        batch.events = redacting.without_typed_passwords(read, _unproven(), wide["user"])
    return batch


def _unproven() -> pl.Expr:
    """Rows whose login may be no account at all: failures, unless the line itself proves that the account exists."""
    proven = (pl.col("basis") == "line") & pl.col("cause").is_in(
        ["bad_credentials", "password_expired", "account_locked", "account_disabled"]
    )
    return pl.col("outcome").is_in(list(_FAILING)) & ~(proven.fill_null(False) & (pl.col("format") == "dovecot"))


def stamps_of(lines: pl.DataFrame) -> pl.DataFrame:
    """Return the stamps of lines as the general envelopes see them: `line_no`, `stamp`."""
    return unframed(lines, Tally()).select("line_no", "stamp").sort("line_no")


@functools.cache
def _hot(envelope: str, traffic: bool, only: str | None) -> tuple[tuple[Lines, Pattern, str], ...]:
    """The frequent patterns fused with an envelope: (format, pattern, regex of the whole line)."""
    head = HOT_ENVELOPES[envelope]
    shared = "(?P<key>" in head
    return tuple(
        (f, p, head + p.regex.removeprefix("^"))
        for f, p in _wanted(traffic, only)
        if p.hot and (f.envelope is None if shared else f.envelope == envelope)
    )


def _take_hot(
    lines: pl.DataFrame, envelope: str, chosen: Plan, tally: Tally
) -> tuple[list[pl.DataFrame], list[pl.DataFrame], pl.DataFrame]:
    """Try the fused patterns; return records of context and of events, and the lines that none took."""
    hot = _hot(envelope, chosen.traffic, chosen.only)
    which = pl.lit(None, pl.UInt8)
    for i, (_, p, _) in reversed(list(enumerate(hot))):
        which = pl.when(_announced("line", p)).then(pl.lit(i, pl.UInt8)).otherwise(which)
    groups = lines.with_columns(_which=which).partition_by("_which", as_dict=True, include_key=False)
    context, events, rest = [], [], []
    for (i,), group in groups.items():
        if i is None:
            rest.append(group)
            continue
        format_, p, regex = hot[i]
        tried = group.with_columns(pl.col("line").str.extract_groups(regex).alias("_groups")).unnest("_groups")
        if "key" not in tried.columns:
            tried = tried.with_columns(key=_own_key(format_, chosen.host)).drop("pid")
        keys = _keys(tried, format_, p)
        hit = tried["key"].is_in(keys["key"].implode()).fill_null(False)
        if not hit.all():
            rest.append(group.filter(~hit))
            tried = tried.filter(hit)
        if tried.is_empty():
            continue
        taken = _labelled(tried, format_, p)
        for program, n in keys.group_by("program").agg(pl.col("n").sum()).iter_rows():
            tally.add(program, format_.name, _ROLE_WORD[p.role], n)
        if p.role == "event":
            who = keys.select("key", "host", "program", "pid", "service")
            events.append(taken.drop("service", strict=False).join(who, on="key", how="left", maintain_order="left"))
        else:
            context.append(taken)
    return context, events, pl.concat(rest).sort("line_no") if rest else lines.clear()


def _own_key(format_: Lines, host: str | None) -> pl.Expr:
    """Return the key of lines in a log of one software alone: the host is known from outside, if at all."""
    who = pl.lit(f"{host or ''} {format_.name}")
    return pl.when(pl.col("stamp").is_not_null()).then(
        pl.concat_str(who, pl.format("[{}]", pl.col("pid")).fill_null(""))
    )


def _keys(tried: pl.DataFrame, format_: Lines, pattern: Pattern) -> pl.DataFrame:
    """Take the distinct keys apart and keep those whose program writes this pattern: one-pass regexes cannot tell."""
    keys = split_keys(tried.group_by("key").agg(n=pl.len()).filter(pl.col("key").is_not_null()))
    mine = [program for program in keys["program"].unique() if _writes(program, format_, pattern)]
    return keys.filter(pl.col("program").is_in(mine))


@functools.lru_cache(maxsize=4096)
def _writes(program: str, format_: Lines, pattern: Pattern) -> bool:
    match = re.fullmatch(format_.tag, program)
    return match is not None and re.fullmatch(pattern.program, match.groupdict().get("daemon") or program) is not None


def _announced(column: str, pattern: Pattern) -> pl.Expr:
    """True where one of the pattern's literals stands."""
    words = pattern.literals
    if len(words) == 1:
        return pl.col(column).str.contains(words[0], literal=True)
    return pl.col(column).str.contains("|".join(re.escape(w) for w in words))


def _labelled(taken: pl.DataFrame, format_: Lines, pattern: Pattern) -> pl.DataFrame:
    """Add the constants of a pattern; the line stays only where an event may come of it."""
    constants = {"format": format_.name, "pattern": pattern.name, "_role": pattern.role, **pattern.sets}
    keeps = pattern.role == "event" or pattern.keeps_raw
    raw = pl.coalesce("written", "line") if "written" in taken.columns else pl.col("line")
    taken = taken.with_columns(
        (raw if keeps else pl.lit(None, pl.String)).alias("raw"),
        *(pl.lit(value).alias(name) for name, value in constants.items()),
    ).drop("line", "written", strict=False)
    texts = [c for c in (("detail", "raw") if keeps else ("detail",)) if c in taken.columns]
    return taken if pattern.harmless or not texts else redacting.without_secrets(taken, *texts)


def _take_slowly(lines: pl.DataFrame, chosen: Plan, tally: Tally) -> list[pl.DataFrame]:
    """Take the envelope off, dispatch by tag, try the tag's patterns in order."""
    framed = with_keys(unframed(lines, tally), chosen.host)
    programs = framed["program"].unique().to_list()
    claims = {p: _claimed(p or "", chosen.traffic, chosen.only) for p in programs}
    sets = list(dict.fromkeys(claim[2] for claim in claims.values() if claim))
    known = pl.DataFrame(
        [(p, claim[1], sets.index(claim[2])) if claim else (p, None, None) for p, claim in claims.items()],
        schema={"program": pl.String, "service": pl.String, "_set": pl.UInt32},
        orient="row",
    )
    framed = framed.join(known, on="program", how="left", nulls_equal=True, maintain_order="left")
    parts: list[pl.DataFrame] = []
    for (i,), group in framed.partition_by("_set", as_dict=True, include_key=False).items():
        if i is None:
            tally.add_all(group, None, "dismissed")
        else:
            parts += _take_patterns(group, _format_of(sets[i]), sets[i], tally)
    return parts


def _format_of(patterns: Sequence[Pattern]) -> Lines:
    """Return the format that these patterns belong to."""
    return next(f for f in ALL if patterns[0] in f.patterns)


def unframed(lines: pl.DataFrame, tally: Tally) -> pl.DataFrame:
    """Split lines into stamp, host, program, pid and message; what no envelope fits is not understood."""
    rest, parts = lines, []
    for envelope in ENVELOPES:
        if rest.is_empty():
            break
        tried = rest.with_columns(pl.col("line").str.extract_groups(envelope.regex).alias("_groups")).unnest("_groups")
        hit = tried["stamp"].is_not_null()
        if hit.any():
            program = pl.col("program") if "program" in tried.columns else pl.lit(None, pl.String)
            parts.append(tried.filter(hit).with_columns(program=pl.coalesce(program, pl.lit(envelope.program))))
            rest = rest.filter(~hit)
    if rest.height:
        tally.miss(None, None, rest)
    if parts:
        return pl.concat(parts, how="diagonal_relaxed")
    return lines.clear().with_columns(program=pl.lit(None, pl.String), stamp=pl.lit(None, pl.String))


def claimed(program: str, *, traffic: bool = False) -> Lines | None:
    """Return the format that claims a syslog tag."""
    claim = _claimed(program, traffic, None)
    return claim[0] if claim else None


def patterns_for(program: str, *, traffic: bool = False) -> list[tuple[Lines, Pattern]]:
    """Return the patterns that are tried on lines of a syslog tag, in order."""
    claim = _claimed(program, traffic, None)
    return [(claim[0], p) for p in claim[2]] if claim else []


@functools.lru_cache(maxsize=4096)
def _claimed(program: str, traffic: bool, only: str | None) -> tuple[Lines, str | None, tuple[Pattern, ...]] | None:
    """Return (format, service, patterns) for a syslog tag, or None if no format claims it."""
    for format_ in ALL:
        if (only is None or format_.name == only) and (match := re.fullmatch(format_.tag, program)):
            parts = match.groupdict()
            daemon = parts.get("daemon")
            patterns = tuple(
                p
                for f, p in _wanted(traffic, only)
                if f is format_ and (daemon is None or re.fullmatch(p.program, daemon))
            )
            return format_, parts.get("service"), patterns
    return None


def _take_patterns(
    group: pl.DataFrame, format_: Lines, patterns: Sequence[Pattern], tally: Tally
) -> list[pl.DataFrame]:
    """Try the patterns of one tag in their order; count what is dismissed and what none takes."""
    parts: list[pl.DataFrame] = []
    tests = [_announced("message", p).any().alias(p.name) for p in patterns if p.literals]
    said = group.select(tests).row(0, named=True) if tests else {}
    for p in patterns:
        if group.is_empty():
            break
        if p.literals and not said[p.name]:
            continue
        announced = group.select(hit=_announced("message", p))["hit"] if p.literals else None
        tried = group if announced is None else group.filter(announced)
        # an empty group tells a hit whose other groups are all absent from no hit
        found = tried["message"].str.extract_groups(f"^(?P<_hit>){p.regex.removeprefix('^')}").struct.unnest()
        hit = found["_hit"].is_not_null()
        if not hit.any():
            continue
        taken = tried.filter(hit)
        group = group.join(taken.select("line_no"), on="line_no", how="anti", maintain_order="left")
        tally.add_all(taken, format_.name, _ROLE_WORD[p.role])
        if p.role == "dismiss":
            continue
        values = found.filter(hit).drop("_hit")
        taken = taken.drop("message", *values.columns, strict=False).hstack(values)
        parts.append(_labelled(taken, format_, p))
    for (program,), missed in group.partition_by("program", as_dict=True).items():
        tally.miss(program, format_.name, missed)
    return parts
