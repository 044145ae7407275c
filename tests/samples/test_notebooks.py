"""The notebooks, run by Jupyter, where a loop is already running."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.filterwarnings("default")  # what Jupyter's own libraries warn about is theirs to mend
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(path):
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    assert all(cell.get("execution_count") for cell in notebook.cells if cell.cell_type == "code")


def text(cell):
    shown = next(output["data"]["text/plain"] for output in cell.outputs if output.output_type == "execute_result")
    return " ".join(shown.split())


@pytest.mark.filterwarnings("default")
def test_the_quick_start_says_what_it_should():
    notebook = nbformat.read(next(path for path in NOTEBOOKS if path.stem == "quickstart"), as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    answers = [text(cell) for cell in notebook.cells if cell.cell_type == "code" and cell.outputs]
    assert answers[:3] == ["'Paris.'", "'Rome.'", "'Madrid.'"]
    assert answers[3] == "[('user', 'Count to two.'), ('ada', 'Let us count: one.'), ('bob', 'Two. TERMINATE')]"
    assert answers[4] == "('It is 42.', {'asker': 2, 'expert': 1})"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_without_output(path):
    cells = nbformat.read(path, as_version=4).cells
    assert not any(cell.get("outputs") for cell in cells)
