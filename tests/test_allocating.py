"""How the engine keeps memory: said while it is loaded, to nobody else, and only if nobody else said it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from smtplogs._allocating import SETTING

SEEN = f"""
import json, os, sys
before = dict(os.environ)
seen = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "polars":
            seen.append(os.environ.get({SETTING!r}))
sys.meta_path.insert(0, Watch())
import smtplogs
loaded = "polars" in sys.modules
smtplogs.columns
print(json.dumps([loaded, seen, dict(os.environ) == before]))
"""


def looked_at(first: str = "", **environment: str) -> list[object]:
    """Load the package in a process of its own; tell what stood in the environment while Polars was loaded."""
    env = {k: v for k, v in os.environ.items() if k != SETTING} | environment
    done = subprocess.run([sys.executable, "-c", first + SEEN], env=env, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_engine_is_told_while_it_is_loaded_and_the_environment_stays():
    loaded, (told,), same = looked_at()
    assert not loaded
    assert same
    assert isinstance(told, str)
    assert "dirty_decay_ms:5000" in told


@pytest.mark.parametrize("own", ["dirty_decay_ms:0", ""])
def test_what_the_user_says_stands(own: str):
    assert looked_at(**{SETTING: own})[:2] == [False, [own]]


def test_an_engine_that_is_loaded_is_left_alone():
    assert looked_at("import polars\n") == [True, [], True]
