"""`python -m toolkit.notebook`: runs the notebook of a notebook job, as AWS's own images do.

docs/evidence/notebook-jobs.md
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit import failure
from toolkit.contract import Layout, layout
from toolkit.failure import UserError

INITIALISED = "TOOLKIT_INITIALISED"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_INITIALISE = 'cd "$0" && . "./$1" && exec python -m toolkit.notebook'


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Run the notebook among copies of what came with it, and keep it with its outputs, also if it fails."""
    where = layout(environment)
    try:
        folder = _folder(where, environment)
        script = environment.get("SM_INIT_SCRIPT")
        if script and INITIALISED not in environment:
            shell = ["bash", "-c", _INITIALISE, str(folder), script]
            os.execvpe(shell[0], shell, {**environment, INITIALISED: "1"})  # noqa: S606
        _run(where, folder, environment)
    except UserError as wrong:
        failure.fail(where, str(wrong))
        failure.report(f"ERROR: {wrong}")
        return 1
    failure.succeed(where)
    return 0


def with_parameters(notebook: Any, parameters: Mapping[str, str]) -> None:
    """Put a cell with the job's parameters behind the one that is tagged so, or before all others."""
    if not parameters:
        return
    if wrong := [name for name in parameters if not name.isidentifier()]:
        raise UserError(f"The parameter {wrong[0]!r} is no name of a variable: use letters, digits and _.")
    lines = ["# Parameters", *(f"{name} = {value!r}" for name, value in parameters.items())]
    import nbformat

    cell = nbformat.v4.new_code_cell("\n".join(lines), metadata={"tags": ["injected-parameters"]})
    tagged = (n for n, each in enumerate(notebook.cells) if "parameters" in each.metadata.get("tags", ()))
    notebook.cells.insert(next(tagged, -1) + 1, cell)


def _folder(where: Layout, environment: Mapping[str, str]) -> Path:
    """Copy what came with the notebook to where its outputs are collected, and return that folder."""
    said = Path(_need(environment, "SM_EXECUTION_INPUT_PATH"))
    source = where.base / said.relative_to("/opt/ml") if said.is_relative_to("/opt/ml") else said
    if not source.is_dir():
        raise UserError(f"There is no input at {said}: the job has no channel {said.name!r}.")
    if INITIALISED not in environment:
        shutil.copytree(source, where.output_data, dirs_exist_ok=True)
    return where.output_data


def _run(where: Layout, folder: Path, environment: Mapping[str, str]) -> None:
    try:
        import nbformat
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
    except ImportError as error:
        raise UserError(f"{error}. Notebook jobs need nbclient and ipykernel in their image.") from error
    path = folder / _need(environment, "SM_INPUT_NOTEBOOK_NAME")
    if not path.is_file():
        raise UserError(
            f"There is no notebook {path.name!r} among {sorted(p.name for p in folder.iterdir())}."
        )
    try:
        notebook = nbformat.read(path, as_version=4)
    except ValueError as error:
        raise UserError(f"{path.name} is no notebook: {error}") from error
    with_parameters(notebook, _parameters(where))
    kernel = environment.get("SM_KERNEL_NAME", "python3")
    own = tempfile.mkdtemp(prefix="notebook-")
    os.environ |= {name: own for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR") if name not in environment}
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name=kernel,
        resources={"metadata": {"path": str(folder)}},
        on_cell_executed=lambda **told: _print(told["cell"]),
    )
    manager = client.create_kernel_manager()
    manager.transport, manager.ip = "ipc", f"{own}/kernel"  # nobody else is on it
    try:
        client.execute()
    except NoSuchKernel as error:
        known = ", ".join(sorted(KernelSpecManager().find_kernel_specs())) or "none"
        raise UserError(f"The image has no kernel {kernel!r}; it has {known}.") from error
    except CellExecutionError as error:
        said = f"ExecuteNotebookError: {error.ename}: {error.evalue}"
        raise UserError(f"{said}\n\n{_COLOUR.sub('', error.traceback)}") from error
    finally:
        nbformat.write(notebook, folder / _need(environment, "SM_OUTPUT_NOTEBOOK_NAME"))


def _parameters(where: Layout) -> dict[str, str]:
    path = where.config / "hyperparameters.json"
    return {name: str(value) for name, value in json.loads(path.read_text()).items()} if path.exists() else {}


def _print(cell: Any) -> None:
    """Show what a cell printed, for the job's log."""
    for output in cell.get("outputs", ()):
        if output.get("output_type") == "stream":
            print(output["text"], end="", flush=True)


def _need(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise UserError(f"The job's Environment has no {name}, which a notebook job's has.")
    return value


if __name__ == "__main__":
    sys.exit(main())
