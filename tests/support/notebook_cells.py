"""Runs cells of a notebook in a Jupyter kernel and prints what each showed; a program of its own, since it needs ``nbclient``.

    python notebook_cells.py notebook.py 0 1 1 2     # the numbers of the cells, in the order of running them

``# %%`` begins a cell; what stands above the first one is cell 0.  Standard output is a JSON list: for each run the texts on
``stdout`` and ``stderr``.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def outputs(cell: nbformat.NotebookNode) -> dict[str, str]:
    """What a cell showed."""
    streams = [output for output in cell.outputs if output.output_type == "stream"]
    return {name: "".join(stream.text for stream in streams if stream.name == name) for name in ("stdout", "stderr")}


def main(path: Path, numbers: list[int]) -> None:
    """Run the cells."""
    sources = re.split(r"^# %%.*$", path.read_text("utf-8"), flags=re.MULTILINE)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(sources[number]) for number in numbers])
    client = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}, timeout=60)
    client.execute()
    print(json.dumps([outputs(cell) for cell in notebook.cells]))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(number) for number in sys.argv[2:]])
