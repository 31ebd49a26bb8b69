"""Hot envelopes: the plain forms of envelopes that nearly all files have, which are cut and not matched."""

from __future__ import annotations

from dataclasses import dataclass

HOT_KEY = r"[^ \[\]:]+ [^ \[\]:]+(?:\[[0-9]+\])?"
"""`host tag[pid]`."""


@dataclass(frozen=True, eq=False)
class HotEnvelope:
    """The plain form of an envelope that nearly all files have: `STAMP KEY: MESSAGE`, cut rather than matched.

    `KEY` is `HOST TAG[PID]`; there are few distinct ones, so they are taken apart once each. A log that one program
    writes itself has none: `STAMP MESSAGE`.

    Attributes
    ----------
    stamp
        What a stamp must look like, with the blank behind it.
    width
        Its length with that blank; None: it ends at the first blank.
    begins
        How the lines by which a file is recognised go on.
    program
        Whose own log it is; None: the key says.
    """

    stamp: str
    width: int | None
    begins: str = HOT_KEY + ": "
    program: str | None = None

    @property
    def regex(self) -> str:
        """The beginning of a line under this envelope."""
        return f"^{self.stamp}{self.begins}"


STAMPS_ITSELF = "^exim"
"""Programs whose messages begin with a stamp of their own: only the general envelopes know it."""

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OF_EXIM = r"(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{6}-[0-9A-Za-z]{2} |[0-9A-Za-z]{6}-[0-9A-Za-z]{11}-[0-9A-Za-z]{4} |[0-9A-Za-z_]+ authenticator failed )"

HOT_ENVELOPES = {
    "iso": HotEnvelope(rf"{_DAY}T[0-9:.+Z-]+ ", None),
    "rfc3164": HotEnvelope(r"[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} ", 16),
    "exim": HotEnvelope(rf"{_DAY} [0-9:]{{8}} ", 20, _OF_EXIM, "exim"),
    "exim_ms": HotEnvelope(rf"{_DAY} [0-9:]{{8}}\.[0-9]{{3}} ", 24, _OF_EXIM, "exim"),
    "exim_zone": HotEnvelope(rf"{_DAY} [0-9:]{{8}} [+-][0-9]{{4}} ", 26, _OF_EXIM, "exim"),
    "exim_ms_zone": HotEnvelope(rf"{_DAY} [0-9:]{{8}}\.[0-9]{{3}} [+-][0-9]{{4}} ", 30, _OF_EXIM, "exim"),
}
"""Hot envelopes by name."""
