"""Lifts a notebook with the packages that are here, else with those that it needs, in an environment of its own."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from unshelve.errors import Refused, Unavailable
from unshelve.notebook.environment import (
    REQUIREMENTS_FILE,
    REQUIREMENTS_HEAD,
    Unknown,
    Wanted,
    requirements_of,
    wanted_for,
)
from unshelve.notebook.finishing import Lifted
from unshelve.notebook.installing import Environment, environment_with, pinned
from unshelve.notebook.lift_process import Came, Failed, LiftLine, LiftOrder, Said, lift_as
from unshelve.notebook.lifting import folder_for
from unshelve.notebook.merging import Side
from unshelve.notebook.numbered import remark
from unshelve.notebook.reading import read_notebook
from unshelve.notebook.watching import RunLimits
from unshelve.solution.origin import NotebookFinding

_ENVIRONMENTS: Final = 3
"""How many environments are tried for one notebook."""

Told = Callable[[str], None]
Install = Callable[[Wanted, Told], Environment]


def install(wanted: Wanted, told: Told) -> Environment:
    """Make the environment that a notebook wants, in the cache folder. Raises Unavailable."""
    return environment_with(wanted.packages, older=wanted.older, told=told)


def lift_anywhere(
    path: Path,
    folder: Path | None = None,
    *,
    model: str | None = None,
    limits: RunLimits | None = None,
    keep: Side | None = None,
    partly: bool = False,
    only_proven: bool = False,
    told: Told = lambda _said: None,
    installing: Install | None = install,
) -> Lifted:
    """Lift a notebook, with packages that are installed for it where it does not run without them.

    The folder then holds `requirements.txt`. `installing` is None where nothing may be installed. `partly`: where it
    does not run with any packages, it is lifted without the statements that fail and all that needs them.
    `only_proven`: see `lift`.
    """
    wanted_folder = (folder or folder_for(path)).absolute()
    order = LiftOrder(
        path=str(path.absolute()),
        folder=str(wanted_folder),
        model=model,
        limits=limits,
        keep=keep,
        only_proven=only_proven,
    )
    lifted = lift_as(order, told)
    tried: Wanted | None = None
    environment: Environment | None = None
    why_not = ""
    for _ in range(_ENVIRONMENTS):
        found = _wanted(lifted, path)
        if found is None or isinstance(found, Unknown):
            break
        wanted = found if tried is None else _both(tried, found)
        if wanted == tried:
            break
        if installing is None:
            why_not = f"{wanted.why} Installing is switched off."
            break
        told(wanted.why)
        try:
            environment = installing(wanted, told)
            order = msgspec.structs.replace(order, known=(_finding(wanted, environment),))
            lifted = _lift_with(environment, order, told)
        except Unavailable as error:
            why_not = error.message
            break
        tried = wanted
    if partly and _ended(lifted) is not None and not _was_cut_off(lifted):
        told("Running what runs of it")
        order = msgspec.structs.replace(order, partly=True)
        part = lift_as(order, told) if environment is None else _lift_with(environment, order, told)
        lifted = lifted if part.folder is None else part
    _write_requirements(lifted, environment)
    return _with_reason(lifted, why_not) if why_not and lifted.folder is None else lifted


def _wanted(lifted: Lifted, path: Path) -> Wanted | Unknown | None:
    ended = _ended(lifted)
    return None if ended is None else wanted_for(ended, read_notebook(path))


def _ended(lifted: Lifted) -> str | None:
    """What ended the run of a notebook that was refused for that."""
    if lifted.folder is not None:
        return None
    return next(
        (each.message for each in lifted.proof.findings if each.severity == "error" and each.number >= "N210"), None
    )


def _was_cut_off(lifted: Lifted) -> bool:
    """Whether its run was ended for its time or memory: running it again leads to the same end, as late."""
    return any(each.number == "N216" for each in lifted.proof.findings)


def _both(first: Wanted, then: Wanted) -> Wanted:
    """What a second run wants added to what a first one wanted: of two versions of a package the second."""
    named = {each.split("==")[0]: each for each in first.packages if not then.older or "==" not in each}
    named.update({each.split("==")[0]: each for each in then.packages})
    return Wanted(packages=tuple(sorted(named.values())), why=then.why, older=first.older or then.older)


def _lift_with(environment: Environment, order: LiftOrder, told: Told) -> Lifted:
    with tempfile.TemporaryDirectory(prefix="unshelve-order-") as room:
        place = Path(room) / "order.json"
        place.write_bytes(msgspec.json.encode(order))
        child = subprocess.Popen(
            [str(environment.python), "-P", "-m", "unshelve.notebook.lift_process", str(place)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        try:
            assert child.stdout is not None
            for text in child.stdout:
                line = msgspec.json.decode(text, type=LiftLine)
                if isinstance(line, Said):
                    told(line.text)
                elif isinstance(line, Came):
                    put = None if line.folder is None else Path(line.folder)
                    return Lifted(folder=put, lift=line.lift, proof=line.proof)
                elif isinstance(line, Failed):
                    raise Refused(line.message, code=line.code, hint=line.hint)
            code = child.wait()
        finally:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()
    raise Unavailable(
        f"The process that lifts with {', '.join(pinned(environment.packages))} ended with {code}.",
        code="environment-unfit",
    )


def _finding(wanted: Wanted, environment: Environment) -> NotebookFinding:
    shown = ", ".join(each.replace("==", " ") for each in pinned(environment.packages))
    return remark("N218", None, wanted.why, f"It runs with {shown}, in an environment of its own.")


def _write_requirements(lifted: Lifted, environment: Environment | None) -> None:
    if lifted.folder is None:
        return
    path = lifted.folder / REQUIREMENTS_FILE
    if environment is not None:
        path.write_text(
            REQUIREMENTS_HEAD + "".join(f"{each}\n" for each in pinned(environment.packages)), encoding="utf-8"
        )
    elif requirements_of(lifted.folder):
        path.unlink()  # of an earlier lift, which needed them


def _with_reason(lifted: Lifted, added: str) -> Lifted:
    proof = msgspec.structs.replace(lifted.proof, reason=f"{(lifted.proof.reason or '').rstrip('.')}. {added}")
    return replace(lifted, proof=proof)
