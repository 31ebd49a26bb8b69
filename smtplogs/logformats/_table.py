"""A format of one record per attempt with named fields: JSON, CSV, W3C, key=value, or a regex."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from smtplogs.logformats._lines import Pattern
from smtplogs.logformats._terms import known, known_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smtplogs.logformats._terms import Excerpt, Role

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
            known(where, (*kind.fields, *kind.words, *kind.sets), PARTS)
            known_words(where, kind.sets)
            for column, words in kind.words.items():
                for word in words.values():
                    known_words(where, {column: word})
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
