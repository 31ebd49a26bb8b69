"""What a log format is: patterns born with their samples, checked when they are imported."""

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
class Pattern:
    """One shape of line: how to find it, what its parts mean, who writes it, and proof.

    Attributes
    ----------
    name
        Unique in its format.
    program
        Regex for the last segment of the tag (`smtpd`, `smtp|relay|lmtp`); must fit the whole segment.
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
    hot
        Fused with the common envelopes into one full-line regex.
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
    program: str
    literal: str | tuple[str, ...] = ()
    regex: str
    sets: Mapping[str, Any] = field(default_factory=dict)
    role: Role = "event"
    hot: bool = False
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
        if not (self.regex.startswith("^") and self.regex.endswith("$")):
            raise ValueError(f"{where} is not anchored at both ends")
        for name in (*self.groups, *self.sets):
            if name not in RECORDS:
                raise ValueError(f"{where}: {name!r} is no column of the record schema")
        for name, value in self.sets.items():
            dtype = RECORDS[name].dtype
            if isinstance(dtype, pl.Enum) and value not in dtype.categories:
                raise ValueError(f"{where}: {value!r} is no word of {name}")
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
    envelope
        The hot envelope of log files that only this software writes; its hot patterns are fused with no other.
    """

    name: str
    title: str
    _: KW_ONLY
    tag: str
    patterns: tuple[Pattern, ...]
    cannot_show: tuple[str, ...] = ()
    envelope: str | None = None

    def __post_init__(self) -> None:
        """Refuse two patterns of one name."""
        names = [p.name for p in self.patterns]
        doubled = {n for n in names if names.count(n) > 1}
        if doubled:
            raise ValueError(f"format {self.name!r} holds two patterns named {', '.join(sorted(doubled))}")
