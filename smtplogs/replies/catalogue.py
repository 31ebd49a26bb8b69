"""A row of the catalogue: one reply or reason that is understood, checked when it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass

from smtplogs.replies.meanings import cause_table
from smtplogs.schema import BASES, OUTCOMES, SIDES, STAGES

SERVICES = ("submission", "wrapper")
"""Kinds of listener that a row may ask for: `submission` (587), `wrapper` (465, TLS from the first byte)."""

_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_FOREIGN_SYNTAX = re.compile(r"\(\?[=!<]|\\[1-9dDwWsSbB]|[*+?}]\?")

CODE_CLASSES = {2: "ok", 3: "ok", 4: "temporary", 5: "permanent"}
"""First digit of a reply code -> what it promises (RFC 5321, section 4.2.1)."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one reply or reason means.

    All conditions must hold. `code`, `enhanced`, `vendor_code`, `level` and the text must be in the evidence;
    `side`, `stage`, `program` and `service` exclude only what is known to be otherwise.

    Attributes
    ----------
    id
        Unique in the whole catalogue.
    cause, outcome, basis
        The verdict; `outcome` follows from the cause where the row does not say otherwise. Basis `assumed` marks the
        bare refusals that leave the cause open.
    text
        One of these must occur, in lower case.
    pattern
        Regex that the lower-case text must fit too: linear, ASCII classes, no look-around.
    code, enhanced, vendor_code, level
        Reply codes, enhanced status codes (whole tokens), the software's own codes (which need no text beside them),
        words of level.
    side, stage, program, service
        Where the row holds; empty: anywhere. `program` names the family of software (a word of `format`).
    priority
        Among rows of equal evidence, before the length of the text that was found.
    temporary
        Whether it passes by itself, whatever the first digit of the code says; the cause tells where the row does not.
    instead
        Other causes that may stand behind the same words, most likely first; where the basis is `assumed` and none is
        named, those that the cause is mistaken for.
    explain, check, fix
        What it means, in a sentence or two; what to look at and what to do (the cause's words where the row has none).
    beware
        What the usual advice gets wrong here.
    provider, source
        Whose reply it is, if one's own; where the fact comes from.
    examples, not_these
        Texts that must resolve to this row, and some that must not, in the place the row names first.
    layer
        Whose row it is, which the file does not say: 0 ours, 1 an installed package's, 2 the caller's. Higher wins.
    """

    id: str
    cause: str
    explain: str
    source: str
    examples: tuple[str, ...]
    outcome: str | None = None
    basis: str = "line"
    text: tuple[str, ...] = ()
    pattern: str | None = None
    code: tuple[int, ...] = ()
    enhanced: tuple[str, ...] = ()
    vendor_code: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    side: str = "any"
    stage: tuple[str, ...] = ()
    program: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    priority: int = 0
    temporary: bool | None = None
    instead: tuple[str, ...] = ()
    check: str = ""
    fix: str = ""
    beware: str = ""
    provider: str | None = None
    not_these: tuple[str, ...] = ()
    layer: int = 0

    def __post_init__(self) -> None:
        """Refuse a row with an unknown word, without evidence or examples, or with a regex of another engine."""
        entry = cause_table().get(self.cause)
        wrong = [
            (entry is None, f"unknown cause {self.cause!r}"),
            (not self.examples, "no example"),
            (not self.explain or not self.source, "no explanation or no source"),
            (self.evidence == 0, "nothing to recognise it by"),
            (bool(self.vendor_code and self.text), "a text beside a vendor code, which decides alone"),
            (self.basis not in BASES, f"unknown basis {self.basis!r}"),
            (not set(self.instead) <= cause_table().keys(), f"unknown cause in instead {list(self.instead)}"),
            (self.cause in self.instead, "its own cause among the others in instead"),
            (self.outcome is not None and self.outcome not in OUTCOMES, f"unknown outcome {self.outcome!r}"),
            (self.side not in (*SIDES, "any"), f"unknown side {self.side!r}"),
            (not set(self.stage) <= set(STAGES), f"unknown stage in {self.stage}"),
            (not set(self.service) <= set(SERVICES), f"unknown service in {self.service}"),
            (not all(_ENHANCED.fullmatch(e) for e in self.enhanced), f"bad enhanced code in {self.enhanced}"),
            (not all(200 <= c <= 599 for c in self.code), f"bad reply code in {self.code}"),
            (any(not t or t != t.lower() for t in self.text), "a text that is empty or not in lower case"),
            (bool(_FOREIGN_SYNTAX.search(self.pattern or "")), f"regex {self.pattern!r} is not of the allowed kind"),
            (self.pattern is not None and self.pattern != self.pattern.lower(), "a regex not in lower case"),
            (not -8 <= self.priority < 8, "priority out of range"),
        ]
        if faults := [fault for is_wrong, fault in wrong if is_wrong]:
            raise ValueError(f"catalogue row {self.id!r}: {'; '.join(faults)}")

    @property
    def evidence(self) -> int:
        """How much it takes to fit: more evidence wins. Vendor code, then text, enhanced code, code, level."""
        return (
            16 * bool(self.vendor_code)
            + 8 * bool(self.text or self.pattern)
            + 4 * bool(self.enhanced)
            + 2 * bool(self.code)
            + 1 * bool(self.level or self.service)
        )

    @property
    def spoken(self) -> bool:
        """Whether it is known by words of its own (a text, a pattern, the software's code), not by codes of SMTP."""
        return self.evidence >= 8

    @property
    def behind(self) -> tuple[str, ...]:
        """Causes that may hide behind its words."""
        return self.instead or (
            tuple(cause_table()[self.cause]["mistaken_for"] or ()) if self.basis == "assumed" else ()
        )

    @property
    def passes(self) -> bool | None:
        """Whether it passes by itself: the row's own word, else the cause's."""
        return cause_table()[self.cause]["waiting_helps"] if self.temporary is None else self.temporary

    @property
    def code_class(self) -> str | None:
        """What the first digit of its codes promises: ok, temporary or permanent; None if it has none or several."""
        promised = {code_class(code) for code in self.code}
        return promised.pop() if len(promised) == 1 else None


def code_class(code: int | None) -> str | None:
    """Return what the first digit of a reply code promises."""
    return None if code is None else CODE_CLASSES.get(code // 100)
