"""Written stamps -> UTC: offsets, zones, the missing year, doubtful hours.

A file is read in batches, in its own order; what one batch must tell the next is a `Carry`. Every step works on a
frame of marks, one row per stamp (`_marks`).

No syslog line tells its year. The first one takes the latest year that the anchor allows, each later one follows the
line before it, and `Carry.years_too_late` tells when the end of the file has proved that first guess wrong.
"""

from smtplogs.stamps._anchors import Anchor, Carry, anchor
from smtplogs.stamps._beginnings import Beginning, beginnings
from smtplogs.stamps._resolving import resolve, resolve_each
from smtplogs.stamps._years import STATED

__all__ = ["STATED", "Anchor", "Beginning", "Carry", "anchor", "beginnings", "resolve", "resolve_each"]
