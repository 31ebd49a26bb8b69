"""Detectors: events in, findings with evidence out; one a file, registered in ``everything.DETECTORS``."""

from smtplogs.detect._evidence import evidence
from smtplogs.detect.attacking import attacks
from smtplogs.detect.everything import DETECTORS, findings
from smtplogs.detect.locking import lockouts
from smtplogs.detect.outages import incidents
from smtplogs.detect.takeovers import compromises
from smtplogs.detect.throttles import throttling

__all__ = [
    "DETECTORS",
    "attacks",
    "compromises",
    "evidence",
    "findings",
    "incidents",
    "lockouts",
    "throttling",
]
