"""Paths, globs, folders, archives, rotation order, compression -> numbered chunks of whole lines."""

from smtplogs.sources._feeding import CHUNK, MAX_LINE, START, Reading, open_source
from smtplogs.sources._finding import find, series, stored_bytes, turn
from smtplogs.sources._lines import Chunk, lines_of
from smtplogs.sources._rotation import rotation_of
from smtplogs.sources._source import Problem, Source
from smtplogs.sources._wholes import FILE, Whole, before, lines_of_all, whole

__all__ = [
    "CHUNK",
    "FILE",
    "MAX_LINE",
    "START",
    "Chunk",
    "Problem",
    "Reading",
    "Source",
    "Whole",
    "before",
    "find",
    "lines_of",
    "lines_of_all",
    "open_source",
    "rotation_of",
    "series",
    "stored_bytes",
    "turn",
    "whole",
]
