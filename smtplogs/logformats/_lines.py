"""A format of one line per message: its patterns, born with samples, checked when imported."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from smtplogs.logformats._terms import GROUP, known, known_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smtplogs.logformats._terms import Role

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
        return tuple(GROUP.findall(self.regex))

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
        known(where, (*self.groups, *self.sets), frozenset())
        known_words(where, self.sets)
        if len(set(self.groups)) != len(self.groups):
            raise ValueError(f"{where} names a group twice")

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the regex groups, in order."""
        return tuple(GROUP.findall(self.regex))

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
