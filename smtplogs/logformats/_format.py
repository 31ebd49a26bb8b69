"""What a log format is, in three kinds: lines, dialogues, tables; born with samples, checked when imported."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from smtplogs.schema import RECORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["event", "context", "dismiss"]

ENVELOPE_COLUMNS = frozenset(
    {"time", "time_quality", "host", "program", "service", "pid", "format", "source", "line_no", "raw", "pattern"}
)
"""Columns that the envelope or the reader fills: a sample says nothing of them."""

DEFAULTS: Mapping[str, Any] = {"count": 1, "protocol": "smtp"}
"""Columns that are filled for every record: a sample names them only where they differ."""

# the \x00-\x1f class is safe in both engines; look-around and back-references are refused by Polars itself
_GROUP = re.compile(r"\(\?P<([A-Za-z_][A-Za-z0-9_]*)>")
_SPECIAL = re.compile(r"[][(){}.*+?|^$\\]")


@dataclass(frozen=True, eq=False)
class Sample:
    """A message as the program wrote it, and exactly what becomes of it.

    Attributes
    ----------
    message
        The text after the syslog tag.
    expect
        Every non-null record column but those of the envelope; `count` 1 and `protocol` smtp go without saying.
    program
        The tag it stood under, where the pattern takes several.
    """

    message: str
    expect: Mapping[str, Any] = field(default_factory=dict)
    program: str = ""


@dataclass(frozen=True, eq=False)
class Part:
    """A piece of a frequent message, between two fixed texts.

    A message is cut at the first place where each fixed text stands, and every distinct piece is matched once: that
    costs a fraction of a regex for every whole line. So no piece may hold the text at which it ends.

    Attributes
    ----------
    after
        The fixed text before the piece; empty for a piece at the beginning.
    regex
        What the whole piece must look like; its groups are record columns.
    optional
        Text and piece may be missing together (last part only).
    own
        Nearly every line has a piece of its own (names, queue ids): one group or none, read line by line.
    """

    after: str
    regex: str
    _: KW_ONLY
    optional: bool = False
    own: bool = False

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the regex groups, in order."""
        return tuple(_GROUP.findall(self.regex))

    @property
    def whole(self) -> str:
        """The part as a piece of the pattern's regex."""
        text = _SPECIAL.sub(r"\\\g<0>", self.after) + self.regex
        return f"(?:{text})?" if self.optional else text


@dataclass(frozen=True, eq=False)
class Pattern:
    """One shape of line: how to find it, what its parts mean, who writes it, and proof.

    Attributes
    ----------
    name
        Unique in its format.
    program
        Regex for the last segment of the tag (`smtpd`, `smtp|relay|lmtp`); must fit the whole segment. Empty for patterns
        of a table, whose lines have no tag.
    literal
        Text that stands in every hit (one of them, if several); feeds the prefilter. A literal of a context or
        dismissed pattern that need not be kept for its own sake is written in `regex` only and left empty here.
    regex
        For the whole message, anchored at both ends; group names are record columns.
    sets
        Constant columns.
    role
        `event`: may become an event; `context`: understood, used by stitching at most; `dismiss`: proves that the
        line is none of ours.
    parts
        Given instead of `regex` for frequent lines, which make it up: they are cut, not matched as a whole.
    traffic
        Only needed for the traffic table; not kept otherwise.
    harmless
        No secret can stand in a line of this shape, so none is looked for.
    keeps_raw
        The text of a context line is kept as well: an event may come of it after all (silent refusals).
    written_by
        Source file and versions of the software that writes the line.
    """

    name: str
    _: KW_ONLY
    program: str = ""
    literal: str | tuple[str, ...] = ()
    regex: str = ""
    parts: tuple[Part, ...] = ()
    sets: Mapping[str, Any] = field(default_factory=dict)
    role: Role = "event"
    traffic: bool = False
    keeps_raw: bool = False
    harmless: bool = False
    written_by: str
    samples: tuple[Sample, ...]
    not_these: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a pattern without sample, with a foreign group or constant, or that is not anchored."""
        where = f"pattern {self.name!r}"
        if not self.samples:
            raise ValueError(f"{where} has no sample")
        if self.parts:
            if self.regex or any(p.optional for p in self.parts[:-1]) or not all(p.after for p in self.parts[1:]):
                raise ValueError(f"{where}: parts stand for the regex; only the last is optional, only the first bare")
            if not self.harmless:
                raise ValueError(
                    f"{where}: lines that are cut are searched for no secret, so their shape must hold none"
                )
            if any(p.own and len(p.groups) > 1 for p in self.parts):
                raise ValueError(f"{where}: a part with pieces of its own is one group at most")
            object.__setattr__(self, "regex", f"^{''.join(p.whole for p in self.parts)}$")
        if not (self.regex.startswith("^") and self.regex.endswith("$")):
            raise ValueError(f"{where} is not anchored at both ends")
        _known(where, (*self.groups, *self.sets), frozenset())
        _words(where, self.sets)
        if len(set(self.groups)) != len(self.groups):
            raise ValueError(f"{where} names a group twice")

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the regex groups, in order."""
        return tuple(_GROUP.findall(self.regex))

    @property
    def literals(self) -> tuple[str, ...]:
        """The literals as a tuple."""
        return (self.literal,) if isinstance(self.literal, str) else self.literal


@dataclass(frozen=True, eq=False)
class Lines:
    """A format of one line per message under an envelope (syslog and its relatives).

    Attributes
    ----------
    name, title
        Word used in the `format` column; what it is, for people.
    tag
        Regex for the whole syslog tag that this format claims; one group `service` and one `daemon` at most.
    patterns
        Tried in this order; the first that fits takes the line.
    cannot_show
        What such a log can never show, for the coverage table.
    """

    name: str
    title: str
    _: KW_ONLY
    tag: str
    patterns: tuple[Pattern, ...]
    cannot_show: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two patterns of one name."""
        names = [p.name for p in self.patterns]
        doubled = {n for n in names if names.count(n) > 1}
        if doubled:
            raise ValueError(f"format {self.name!r} holds two patterns named {', '.join(sorted(doubled))}")


SPEECH = frozenset({"stamp", "session", "seq", "arrow", "text", "answer", "local", "remote"})
"""Groups of a turn that are no record columns: its stamp, session token and number, who spoke (`arrow`), what was said,
the reply on the same line (`answer`), and the end points `address:port` of the host that logs and of the other one."""

Speaker = Literal["client", "server", "sent", "received", "shape", "note", "noise"]
Verdict = Literal["", "attempt", "session", "line"]


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Some lines of a log, and the events that must come of them.

    Attributes
    ----------
    text
        The lines as they stand in the file.
    expect
        For each event, in order, every non-null column but those of the envelope, `also` and `session`.
    """

    text: str
    expect: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, eq=False)
class Turn:
    """One shape of line in a dialogue: who spoke, and what else the line tells.

    Attributes
    ----------
    name
        Unique in its format.
    regex
        For the whole line, anchored at both ends. Groups: those of SPEECH, and record columns, which are facts of the
        session (addresses), from here on (`tls`, `cipher`), or of the AUTH command in whose course they stand (`user`,
        `vendor_code`, `duration_s`).
    speaker
        `client`, `server`; `sent` and `received` by the host that logs (who is which, the session's replies tell);
        `shape`: a reply code makes a server; `note`: neither; `noise`: says nothing.
    arrows
        Text of the group `arrow` -> speaker, where one regex takes the lines of both.
    sets
        Constant columns.
    verdict
        A note may be an event: `line` always; `attempt` if no reply decides the AUTH command it stands in; `session`
        if nothing else in its session is one.
    begins, ends
        The line begins or ends a session.
    """

    name: str
    regex: str
    _: KW_ONLY
    speaker: Speaker = "note"
    arrows: Mapping[str, Speaker] = field(default_factory=dict)
    sets: Mapping[str, Any] = field(default_factory=dict)
    verdict: Verdict = ""
    begins: bool = False
    ends: bool = False

    def __post_init__(self) -> None:
        """Refuse a turn with a foreign group or constant, or that is not anchored."""
        where = f"turn {self.name!r}"
        if not (self.regex.startswith("^") and self.regex.endswith("$")):
            raise ValueError(f"{where} is not anchored at both ends")
        _known(where, (*self.groups, *self.sets), SPEECH)
        _words(where, self.sets)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the regex groups, in order."""
        return tuple(_GROUP.findall(self.regex))


@dataclass(frozen=True, eq=False)
class Dialogue:
    """A format that writes down what client and server said: `dialogue` makes events of it.

    Attributes
    ----------
    name, title
        Word used in the `format` column; what it is, for people.
    looks
        Regex of lines that only this format has, for detection.
    least
        Share of the first lines that must look so. 0: two such lines are enough (transcripts, full of other text).
    last_resort
        Only where no other format is recognised.
    side
        Who logs: the server, the client; None: told by the arrows, session by session.
    turns
        Tried in this order; the first that fits takes the line.
    key
        Columns that tell sessions apart beside the token.
    blocks
        Lines carry no token: a session goes from a line that `begins` one to the next.
    line_break
        How the format writes a line break inside a reply.
    written_by
        Software and versions, or where the shape is known from.
    samples, not_these
        Excerpts with their events; lines that look alike and give no event.
    cannot_show
        What such a log can never show, for the coverage table.
    """

    name: str
    title: str
    _: KW_ONLY
    looks: str
    least: float = 0.5
    last_resort: bool = False
    side: Literal["server", "client"] | None = None
    turns: tuple[Turn, ...]
    key: tuple[str, ...] = ()
    blocks: bool = False
    line_break: str = ""
    written_by: str
    samples: tuple[Excerpt, ...]
    cannot_show: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a format without sample, or with two turns of one name."""
        if not self.samples:
            raise ValueError(f"format {self.name!r} has no sample")
        names = [t.name for t in self.turns]
        if len(set(names)) != len(names):
            raise ValueError(f"format {self.name!r} holds two turns of one name")


PARTS = frozenset({"stamp", "reply", "client", "server", "sasl"})
"""What a field of a table may be besides a record column: the stamp; an SMTP reply (`reply_code`, `enhanced_code`,
`detail`); end points `address:port`; an AUTH command or SASL response (`user`, `mechanism`), which is never kept."""

Layout = Literal["json", "csv", "logfmt", "regex"]


@dataclass(frozen=True, eq=False)
class Field:
    """Where a column of a table comes from.

    Attributes
    ----------
    paths
        JSON paths (`$.client.addr`), headers, keys or groups: the first that is filled counts.
    regex
        What of the value counts: the first group.
    join
        Where given, the paths are parts of one value (date and time, class and subject of a code), joined by this text;
        null unless all are filled.
    """

    paths: tuple[str, ...]
    regex: str = ""
    join: str = ""


@dataclass(frozen=True, eq=False)
class Shape:
    """One kind of record among several that a log of named fields holds.

    Attributes
    ----------
    name
        Unique in its format.
    keep
        Path -> words that tell this kind; `~` before a word makes a regex of it. All must hold.
    fields, words, sets
        As for the table, whose own they come before.
    role
        `event`; `context`: only carried on to later rows of the session; `dismiss`: none of ours.
    """

    name: str
    _: KW_ONLY
    keep: Mapping[str, tuple[str, ...]]
    fields: Mapping[str, Field] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sets: Mapping[str, Any] = field(default_factory=dict)
    role: Role = "event"


@dataclass(frozen=True, eq=False)
class Table:
    """A format of one record per attempt with named fields: JSON lines or array, CSV, W3C, key=value, or a regex.

    Attributes
    ----------
    name, title
        Word used in the `format` column; what it is, for people.
    layout
        `json` (an object a line, an array, or `{"value": [...]}`), `csv`, `logfmt` (key=value), `regex`.
    needs
        Paths, headers or keys that prove the format.
    fields
        Column (or one of PARTS) -> where it comes from.
    keep
        Path -> words: only rows with one of them are ours. `~` before a word makes a regex of it.
    shapes
        Kinds of records, tried in order, where there are several; a record of none of them is not understood.
    words
        Column -> {word in the log: our word}; `*` stands for any other.
    sets
        Constant columns.
    header
        Names of the columns of a CSV file without header.
    separator, comment
        Of CSV.
    before
        Regex of what stands before each record (syslog); its group `stamp` is the path `@stamp`.
    patterns
        Regexes of the layout `regex`, tried in order: named groups are the paths. A `Pattern` brings columns of its own,
        a role and samples (the text behind what `before` takes off).
    forms
        How stamps are written: strptime forms, `epoch_s`, `epoch_ms`, `epoch_us`; empty: told by themselves.
    zone
        Zone of stamps without one, where the format defines it.
    drop, strip
        Secrets: paths whose values are cut from the line; regexes whose matches are.
    carry
        Columns that a row takes from earlier rows of its `session`, as far as it has none.
    written_by, samples, cannot_show
        As for a dialogue.
    """

    name: str
    title: str
    _: KW_ONLY
    layout: Layout
    needs: tuple[str, ...] = ()
    fields: Mapping[str, Field]
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sets: Mapping[str, Any] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    separator: str = ","
    comment: str = ""
    shapes: tuple[Shape, ...] = ()
    before: str = ""
    patterns: tuple[str | Pattern, ...] = ()
    forms: tuple[str, ...] = ()
    zone: str | None = None
    drop: tuple[str, ...] = ()
    strip: tuple[str, ...] = ()
    carry: tuple[str, ...] = ()
    written_by: str
    samples: tuple[Excerpt, ...]
    cannot_show: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a table without sample, or with columns and words that are none of ours."""
        where = f"format {self.name!r}"
        if not self.samples:
            raise ValueError(f"{where} has no sample")
        for kind in (self, *self.shapes):
            _known(where, (*kind.fields, *kind.words, *kind.sets), PARTS)
            _words(where, kind.sets)
            for column, words in kind.words.items():
                for word in words.values():
                    _words(where, {column: word})
        if len({type(p) for p in self.patterns}) > 1:
            raise ValueError(f"{where}: its patterns are all bare regexes, or none is")
        names = [s.name for s in (*self.shapes, *(p for p in self.patterns if isinstance(p, Pattern)))]
        if len(set(names)) != len(names):
            raise ValueError(f"{where} holds two shapes or patterns of one name")

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is read, once."""
        kinds = (self, *self.shapes)
        fields = (path for kind in kinds for f in kind.fields.values() for path in f.paths)
        groups = (group for p in self.patterns if isinstance(p, Pattern) for group in p.groups)
        return tuple(dict.fromkeys((*fields, *groups, *(path for kind in kinds for path in kind.keep), *self.drop)))


def _known(where: str, names: tuple[str, ...], others: frozenset[str]) -> None:
    """Refuse names that are neither record columns nor one of the others."""
    for name in names:
        if name not in RECORDS and name not in others:
            raise ValueError(f"{where}: {name!r} is no column of the record schema")


_VOCABULARIES = {n: tuple(c.dtype.categories) for n, c in RECORDS.items() if isinstance(c.dtype, pl.Enum)}


def _words(where: str, sets: Mapping[str, Any]) -> None:
    """Refuse words outside the vocabulary of their column."""
    for name, value in sets.items():
        words = _VOCABULARIES.get(name)
        if words is not None and value not in words:
            raise ValueError(f"{where}: {value!r} is no word of {name}; there are {', '.join(words)}")
