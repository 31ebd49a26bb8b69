"""Logs of a made-up mail site, with the truth about it beside them: to try out, to teach, and to test detectors."""

from smtplogs.simulating.scenarios import SCENARIOS
from smtplogs.simulating.sites import FILES, simulate

__all__ = ["FILES", "SCENARIOS", "simulate"]
