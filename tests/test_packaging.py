"""What is built holds what it should and nothing else; a bare import loads Polars and next to nothing beside it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import smtplogs as sl

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LEFTOVERS = {"__pycache__", ".ipynb_checkpoints", ".hypothesis", ".ruff_cache", ".pytest_cache"}
NEVER = ("postmortem.html", "case.ipynb", ".env", ".pem", ".key", ".pyc")


def files(folder: str) -> set[str]:
    """Return the files below a folder of the checkout, but for what tools leave behind."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not LEFTOVERS & set(path.parts) and path.suffix != ".pyc"
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    wheels = pytest.importorskip("hatchling.builders.wheel", reason="hatchling, which builds the package, is missing")
    return zipfile.ZipFile(
        next(wheels.WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("w")), versions=["standard"]))
    )


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> tarfile.TarFile:
    sdists = pytest.importorskip("hatchling.builders.sdist", reason="hatchling, which builds the package, is missing")
    return tarfile.open(
        next(sdists.SdistBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("s")), versions=["standard"]))
    )


def test_the_wheel_holds_the_package_the_notebooks_and_the_samples_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    data = {f"smtplogs/_data/{name}" for folder in ("notebooks", "sample_logs") for name in files(folder)}
    about = {n for n in wheel.namelist() if n.startswith(f"smtplogs-{sl.__version__}.dist-info/")}

    assert set(wheel.namelist()) - about == files("smtplogs") | data
    assert {n.rpartition("/")[2] for n in about} == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE"}
    assert "smtplogs/py.typed" in wheel.namelist()


def test_the_sdist_holds_what_it_takes_to_build_and_test_and_nothing_else(sdist: tarfile.TarFile) -> None:
    top = f"smtplogs-{sl.__version__}/"
    held = {m.name.removeprefix(top) for m in sdist.getmembers() if m.isfile()}
    folders = ("smtplogs", "notebooks", "sample_logs", "tests", "benchmarks", "docs")
    single = {"README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "pyproject.toml", "PKG-INFO", ".gitignore"}

    assert (
        held
        == {name for folder in folders for name in files(folder)}
        - {name for name in files("benchmarks") if name.startswith("benchmarks/data/")}
        | single
    )


def test_nothing_private_or_made_by_a_run_is_in_what_is_built(wheel: zipfile.ZipFile, sdist: tarfile.TarFile) -> None:
    for name in (*wheel.namelist(), *sdist.getnames()):
        assert not name.endswith(NEVER), name


def test_the_wheel_is_small(wheel: zipfile.ZipFile) -> None:
    """The budget of docs/budget.md."""
    assert sum(i.compress_size for i in wheel.infolist()) < 3_000_000
    assert sum(i.file_size for i in wheel.infolist() if "_data" not in i.filename) < 3_500_000


def test_all_is_every_extra_and_every_extra_is_named_in_the_documentation() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    everything = re.fullmatch(r"smtplogs\[(.*)\]", extras["all"][0])
    budget = (ROOT / "docs" / "budget.md").read_text("utf-8")

    assert everything
    assert set(everything[1].split(",")) == set(extras) - {"all"}
    assert all(f"`{extra}`" in budget for extra in extras)


def loaded(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter loads for some code, but for those of Python itself."""
    watch = f"import sys, json; before = set(sys.modules); {code}; print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])} - set(sys.stdlib_module_names)


def test_a_bare_import_costs_nothing() -> None:
    assert loaded("import smtplogs") == {"smtplogs"}


def test_reading_loads_polars_and_small_things_only() -> None:
    ours = loaded("import smtplogs; smtplogs.read") - loaded("import polars") - {"smtplogs"}

    assert {name for name in ours if not name.startswith("_")} <= SMALL


SMALL = {"backports", "dateutil", "isal", "maxminddb", "six"}
"""Compression, dates, and the reader of GeoIP files if it is installed: some milliseconds together."""


def test_the_help_of_the_command_loads_neither_pandas_nor_matplotlib() -> None:
    ours = loaded("from smtplogs.cli import app; app(['--help'], exit_on_error=False, result_action='return_value')")

    assert not ours & {"pandas", "matplotlib", "pyarrow", "numpy", "distributed", "jinja2"}
