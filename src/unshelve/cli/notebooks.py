"""Notebooks where a verb takes solutions: lifted first, unless that was done and the notebook has not changed."""

from __future__ import annotations

from pathlib import Path

import msgspec

from unshelve.cli.output import say
from unshelve.cli.packages import installer
from unshelve.errors import Refused
from unshelve.ids import digest
from unshelve.solution.files import code_files, solution_folder
from unshelve.solution.origin import LIFT_FILE, PROOF_FILE, Lift, LiftProof


def solution_of(path: Path, *, no_install: bool = False) -> Path:
    """The solution folder that a path means. Raises Refused for a notebook that is not proven to be lifted right."""
    if path.suffix.lower() != ".ipynb":
        return solution_folder(path)
    # Only for notebooks: they bring much with them.
    from unshelve.notebook.lifting import folder_for
    from unshelve.notebook.lifting_elsewhere import lift_anywhere

    folder = folder_for(path)
    if _is_lifted(folder, path):
        say(f"{path.name} has not changed since it was lifted into {folder}")
        return folder
    say(f"Lifting {path.name}")
    lifted = lift_anywhere(
        path, folder, told=lambda what: say(f"  {what}"), installing=installer(no_install=no_install)
    )
    if lifted.folder is None or lifted.proof.outcome != "proven":
        raise Refused(
            f"{path.name} is not served: {lifted.proof.reason}",
            code=f"notebook-{lifted.proof.outcome}",
            hint=f"`unshelve lift {path.name}` tells all that was found, and where."
            if lifted.folder is None
            else f"Look at {lifted.folder / 'solution.py'}; `unshelve up {lifted.folder}` serves it as it is.",
        )
    say(f"  {lifted.proof.statements.kept} of {lifted.proof.statements.of} statements became {folder / 'solution.py'}")
    return lifted.folder


def _is_lifted(folder: Path, notebook: Path) -> bool:
    """Whether a folder holds the proven lift of just this notebook, and nobody edited its code since."""
    if not (notebook.is_file() and (folder / LIFT_FILE).is_file() and (folder / PROOF_FILE).is_file()):
        return False
    written = (folder / LIFT_FILE).read_bytes()
    record = msgspec.json.decode(written, type=Lift)
    proof = msgspec.json.decode((folder / PROOF_FILE).read_bytes(), type=LiftProof)
    same = record.digest == digest(notebook.read_bytes()) and record.code == code_files(folder)[1]
    return same and proof.lift == digest(written) and proof.outcome == "proven"
