"""The notebooks, run by Jupyter, where a loop is already running."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
ANYWHERE = [name for name in NOTEBOOKS if name != "docker"]  # needs nothing beside Python

# What Jupyter's own libraries warn about is theirs to mend.
pytestmark = pytest.mark.filterwarnings("default")


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def run(name: str, folder: Path) -> list[nbformat.NotebookNode]:
    """Runs a notebook from top to bottom in a folder; its code cells, with what they showed."""
    notebook = read(name)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    return cells


def text(cell: nbformat.NotebookNode) -> str:
    """What a cell shows: its last line, or else what it printed."""
    shown = [output["data"]["text/plain"] for output in cell.outputs if output.output_type == "execute_result"]
    printed = [output["text"] for output in cell.outputs if output.output_type == "stream"]
    return " ".join("".join(shown or printed).split())


@pytest.mark.parametrize("name", ANYWHERE)
def test_a_notebook_runs_from_top_to_bottom(name, tmp_path):
    run(name, tmp_path)


def test_the_quick_start_says_what_it_should(tmp_path):
    answers = [text(cell) for cell in run("quickstart", tmp_path) if cell.outputs]
    assert answers[:3] == ["'Paris.'", "'Rome.'", "'Madrid.'"]
    assert answers[3] == "[('user', 'Count to two.'), ('ada', 'Let us count: one.'), ('bob', 'Two. TERMINATE')]"
    assert answers[4] == "('It is 42.', {'asker': 2, 'expert': 1})"


@pytest.mark.needs_docker
@pytest.mark.slow
def test_the_notebook_about_docker_says_what_it_should(docker_image, tmp_path, monkeypatch):
    monkeypatch.setenv("CODE_IMAGE", docker_image)
    chat, tried, bomb, refused, functions, end = (text(cell) for cell in run("docker", tmp_path) if cell.outputs)
    assert "NameError: name 'is_prime' is not defined" in chat
    assert "'Code output: 328'" in chat
    assert tried.startswith("nobody lo touch: cannot touch '/usr/bin/x': Read-only")
    assert bomb.startswith("124 Timeout: stopped after 5 s")
    assert bomb.endswith("primes.py")
    assert "leads out of the work folder" in refused
    assert functions == r"'100.0\n'"
    assert "primes.py" in end


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_committed_without_output(name):
    assert not any(cell.get("outputs") for cell in read(name).cells)
