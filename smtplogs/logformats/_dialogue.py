"""A format that writes down what client and server said to each other."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from smtplogs.logformats._terms import GROUP, known, known_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smtplogs.logformats._terms import Excerpt

SPEECH = frozenset({"stamp", "session", "seq", "arrow", "text", "answer", "local", "remote"})
"""Groups of a turn that are no record columns: its stamp, session token and number, who spoke (`arrow`), what was said,
the reply on the same line (`answer`), and the end points `address:port` of the host that logs and of the other one."""

Speaker = Literal["client", "server", "sent", "received", "shape", "note", "noise"]
Verdict = Literal["", "attempt", "session", "line"]


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
        known(where, (*self.groups, *self.sets), SPEECH)
        known_words(where, self.sets)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the regex groups, in order."""
        return tuple(GROUP.findall(self.regex))


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
        Share of the first lines, comments (``#``) aside, that must look so. 0: two such lines are enough (transcripts,
        full of other text).
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
    early
        What stands before the first line that begins a session may be notes of it: errors, in the file before the rest.
    line_break
        How the format writes a line break inside a reply.
    space
        How it writes a space in what was said.
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
    early: bool = False
    line_break: str = ""
    space: str = ""
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

    @property
    def quotes(self) -> bool:
        """Whether nobody speaks: an application's log, in which replies are only quoted."""
        return all(t.speaker in {"note", "noise"} and not t.arrows for t in self.turns)
