"""The notebooks: what may stand in them, and that they run from top to bottom on the samples."""

from __future__ import annotations

import ast
import json
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient

import smtplogs as sl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]
IMPORTS = {("matplotlib.pyplot", "plt"), ("polars", "pl"), ("smtplogs", "sl")}
LOGIC = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.For,
    ast.While,
    ast.If,
    ast.IfExp,
    ast.Try,
    ast.With,
    ast.ImportFrom,
    ast.comprehension,
)
SAMPLE = 'logs = sl.sample("postfix/lockout")'


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Make `python3` a kernel of this very interpreter and package, whatever is registered on the machine."""
    place = tmp_path_factory.mktemp("jupyter")
    spec = place / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec.write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(place))
        for folder in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
            patch.setenv(folder, str(place / folder.lower()))
        patch.setenv("PYTHONPATH", str(Path(sl.__file__).parents[1]))
        yield


@pytest.fixture(scope="module")
def kernel(jupyter: None) -> Iterator[AsyncKernelManager]:
    """Return a kernel for all notebooks: to start one and load the package costs more than to run most of them."""
    manager = AsyncKernelManager(kernel_name="python3")
    yield manager
    if manager.has_kernel:
        run_sync(manager.shutdown_kernel)(now=True)


def working_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    return folder


def parsed(path: Path) -> Any:
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def nodes(path: Path) -> Iterable[ast.AST]:
    for cell in code(parsed(path)):
        yield from ast.walk(ast.parse(cell.source))


def executed(path: Path, kernel: AsyncKernelManager) -> Any:
    """Run a notebook in its own folder and with no name of another, as JupyterLab does; the first error is raised."""
    notebook = parsed(path)
    afresh = nbformat.v4.new_code_cell(f"%reset -f\n%matplotlib inline\n%cd -q {path.parent}")
    notebook.cells.insert(0, afresh)
    NotebookClient(notebook, timeout=120, km=kernel).execute()
    notebook.cells.remove(afresh)
    return notebook


def complaints(notebook: Any) -> list[str]:
    said = [o.text for cell in code(notebook) for o in cell.outputs if o.output_type == "stream" and o.name == "stderr"]
    # a busy machine may take so long that a progress bar is drawn
    return [text for text in said if not text.startswith("\rreading")]


def without_picture(notebook: Any) -> list[str]:
    """Return the cells that draw and show nothing."""
    return [
        cell.id
        for cell in code(notebook)
        if "sl.plot_" in cell.source and not any("image/png" in o.get("data", {}) for o in cell.outputs)
    ]


def shown(notebook: Any, cell_id: str) -> str:
    """Return the table that a cell shows, as HTML."""
    outputs = next(cell.outputs for cell in notebook.cells if cell.id == cell_id)
    return "".join(o.data.get("text/html", "") for o in outputs if "data" in o)


def test_the_promised_notebooks_are_there() -> None:
    assert {
        "01_first_look",
        "02_lockout_postmortem",
        "03_misconfigured_clients",
        "04_throttling",
        "05_forgotten_application_or_outage",
        "06_attack_and_takeover",
        "07_archives",
        "triage",
    } <= set(NAMES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_is_a_valid_notebook_of_format_4_5_with_cell_ids(path: Path) -> None:
    notebook = parsed(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_names_the_kernel_in_full(path: Path) -> None:
    spec = parsed(path).metadata.kernelspec
    assert (spec.name, spec.language) == ("python3", "python")
    assert spec.display_name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_has_at_most_15_code_cells_none_of_them_empty(path: Path) -> None:
    cells = code(parsed(path))
    assert 0 < len(cells) <= 15
    assert all(cell.source.strip() for cell in cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_holds_no_outputs_and_no_counts(path: Path) -> None:
    assert [cell.id for cell in code(parsed(path)) if cell.outputs or cell.execution_count is not None] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_imports_nothing_but_three_modules(path: Path) -> None:
    names = {(a.name, a.asname) for node in nodes(path) if isinstance(node, ast.Import) for a in node.names}
    assert names | IMPORTS == IMPORTS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_has_no_function_class_loop_or_branch(path: Path) -> None:
    assert [ast.unparse(node) for node in nodes(path) if isinstance(node, LOGIC)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_sets_the_logs_in_its_first_cell_and_says_where_to_put_your_own(path: Path) -> None:
    first = code(parsed(path))[0].source
    assert "logs = sl.sample(" in first
    assert '# put your own here: logs = "/var/log/mail.log*"' in first


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_begins_with_a_title_and_asks_a_question_before_each_result(path: Path) -> None:
    cells = parsed(path).cells
    assert cells[0].source.startswith("# ")
    headed = [after.id for before, after in pairwise(cells) if before.cell_type == "markdown"]
    assert {c.id for c in code(parsed(path))} - set(headed) <= {code(parsed(path))[-1].id}


def assert_ran(notebook: Any) -> None:
    """It ends with an answer, draws what it says, and complains of nothing."""
    assert notebook.cells[-1].cell_type == "code"
    assert notebook.cells[-1].outputs
    assert complaints(notebook) == []
    assert without_picture(notebook) == []


POSTMORTEM = "02_lockout_postmortem"


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.stem != POSTMORTEM], ids=lambda path: path.stem)
def test_runs_top_to_bottom_and_ends_with_an_answer(path: Path, tmp_path: Path, kernel: AsyncKernelManager) -> None:
    assert_ran(executed(Path(shutil.copy(path, working_folder(tmp_path))), kernel))


def test_what_the_postmortem_concludes_in_words_stands_in_its_tables(
    tmp_path: Path, kernel: AsyncKernelManager
) -> None:
    """A device that had logged in before locked one account, a stranger another; the copies of `unpack` run."""
    notebook = executed(sl.unpack(tmp_path) / "notebooks" / f"{POSTMORTEM}.ipynb", kernel)
    assert_ran(notebook)
    answer = shown(notebook, "answer")
    for words in ("ann@example.com", "self_inflicted", "carol@example.com", "attacker_induced"):
        assert words in answer
    assert (tmp_path / "postmortem.html").stat().st_size > 10_000


def test_the_postmortem_runs_on_logs_without_a_lockout(tmp_path: Path, kernel: AsyncKernelManager) -> None:
    path = working_folder(tmp_path) / f"{POSTMORTEM}.ipynb"
    source = (NOTEBOOKS[0].parent / path.name).read_text("utf-8")
    wanted = json.dumps(SAMPLE)[1:-1]
    assert wanted in source
    path.write_text(source.replace(wanted, wanted.replace("lockout", "quiet")), "utf-8")
    notebook = executed(path, kernel)
    assert "@" not in shown(notebook, "locks")
    assert without_picture(notebook) == []


def test_unpack_copies_notebooks_and_samples_and_keeps_what_is_there(tmp_path: Path) -> None:
    mine = tmp_path / "notebooks" / NOTEBOOKS[0].name
    mine.parent.mkdir()
    mine.write_text("my own work", "utf-8")
    assert tmp_path == sl.unpack(tmp_path)
    assert mine.read_text("utf-8") == "my own work"
    assert {path.name for path in NOTEBOOKS} <= {path.name for path in mine.parent.iterdir()}
    assert (tmp_path / "sample_logs" / "postfix" / "lockout" / "mail.log").is_file()
