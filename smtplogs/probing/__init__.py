"""Ask a live server what it offers: the one part of smtplogs that opens a connection, and only where it is told to."""

from smtplogs.probing.arguments import PORTS_IN_TURN
from smtplogs.probing.comparing import compare_probe
from smtplogs.probing.probes import probe
from smtplogs.probing.results import PORTS, Probe

__all__ = ["PORTS", "PORTS_IN_TURN", "Probe", "compare_probe", "probe"]
