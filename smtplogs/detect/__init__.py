"""Detectors: events in, findings with evidence out; one a file, registered in ``everything.DETECTORS``."""

from smtplogs.detect._evidence import evidence
from smtplogs.detect.everything import DETECTORS, findings
from smtplogs.detect.locking import lockouts

__all__ = ["DETECTORS", "evidence", "findings", "lockouts"]
