"""Which packages a notebook needs that does not run with those that are here, told from what ended its run.

A missing package is installed beside those that are here. Where a name or a parameter is gone, the newest set of
versions that still has it is taken; where an error tells no more than that a library drifted, the newest set of the
notebook's day.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from unshelve.notebook.drift_table import drift_table
from unshelve.notebook.environment_table import VersionSet, environment_table, is_older
from unshelve.notebook.notebook import Notebook

REQUIREMENTS_FILE: Final = "requirements.txt"
REQUIREMENTS_HEAD: Final = "# What this solution was lifted and proven with, besides what unshelve brings.\n"
_PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_MISSING: Final = re.compile(r"No module named '(?P<name>[\w.]+)'|optional dependency '(?P<other>\w+)'")
_DRIFTED: Final = re.compile(
    r"cannot import name '\w+' from '(sklearn|scipy|numpy|imblearn|xgboost|lightgbm|mlxtend)"
    r"|module '(sklearn|scipy|numpy)[\w.]*' has no attribute"
)
_LAST_DAYS: Final = {"2": "2020-01", "3.4": "2019-03", "3.5": "2020-09", "3.6": "2021-12", "3.7": "2023-06"}
"""Until when notebooks were run with a Python, at the latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Packages that are to be installed, and why."""

    packages: tuple[str, ...]
    """Names as pip takes them, sorted: "xgboost", "scikit-learn==1.1.3"."""
    why: str
    """A sentence."""
    older: bool
    """Whether packages that are here are replaced by older ones; otherwise more are added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A module that is in no table, so that nothing is installed for it."""

    module: str
    package: str


def wanted_for(ended: str, notebook: Notebook, *, here: Callable[[str], bool] | None = None) -> Wanted | Unknown | None:
    """What to install for a notebook whose run ended with these words; None where no package is the cause.

    `here` says whether a module can be imported, for tests.
    """
    there = here or is_here
    imported = tuple(dict.fromkeys(imports(notebook)))
    missing = _MISSING.search(ended)
    if missing is not None:
        module = (missing["name"] or missing["other"]).split(".")[0]
        if there(module) and missing["name"]:  # a module of a package that is here, and that has moved
            return _older(ended, notebook, imported)
        if not is_known(module):
            return Unknown(module=module, package=drift_table().package(module))
        lacking = {module, *(each for each in imported if is_known(each) and not there(each))}
        packages = tuple(sorted(drift_table().package(each) for each in lacking))
        return Wanted(packages=packages, why=f"The module {module} is not installed here.", older=False)
    return _older(ended, notebook, imported)


def imports(notebook: Notebook) -> Iterator[str]:
    """The top-level modules that the notebook imports, without those of Python and those that lie beside it."""
    beside = notebook.path.resolve().parent
    for statement in notebook.statements:
        for node in ast.walk(statement.node):
            if isinstance(node, ast.Import):
                tops = [each.name.split(".")[0] for each in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                tops = [node.module.split(".")[0]]
            else:
                continue
            yield from (each for each in tops if each not in sys.stdlib_module_names and not _lies_beside(beside, each))


def is_known(module: str) -> bool:
    """Whether a table names the package of a module, so that it may be installed."""
    return module in environment_table().known.modules or module in drift_table().packages


def is_here(module: str) -> bool:
    """Whether a top-level module can be imported in this process."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def requirements_of(folder: Path) -> dict[str, str]:
    """The packages with versions that a lifted solution asks for; none where it runs with those of unshelve."""
    path = folder / REQUIREMENTS_FILE
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    if not text.startswith(REQUIREMENTS_HEAD):
        return {}
    return dict(line.split("==", 1) for line in text.splitlines() if "==" in line and not line.startswith("#"))


def day_of(python_version: str | None) -> str | None:
    """The last month in which a notebook was run, as far as its Python tells; None for one that is still in use."""
    for known, last in _LAST_DAYS.items():
        if python_version is not None and re.match(rf"{re.escape(known)}(\.|$)", python_version):
            return last
    return None


def _older(ended: str, notebook: Notebook, imported: Sequence[str]) -> Wanted | None:
    table = environment_table()
    gone = next((each for each in table.gone if re.search(each.error, ended)), None)
    sets = [each for each in table.sets if _PYTHON in each.pythons]
    day = day_of(notebook.python_version)
    if gone is not None:
        fitting = [each for each in sets if is_older(each.pins.get(gone.package, gone.below), gone.below)]
        why = gone.why
    elif _DRIFTED.search(ended) and day is not None:
        fitting = [each for each in sets if each.until <= day] or sets[-1:]
        why = f"The notebook was run in {day} at the latest."
    else:
        return None
    return None if not fitting else _of_set(fitting[0], imported, why)


def _of_set(chosen: VersionSet, imported: Sequence[str], why: str) -> Wanted:
    pins = dict(chosen.pins)
    packages = {drift_table().package(each) for each in imported if is_known(each)}
    pins.update({name: version for name, version in chosen.beside.items() if name in packages})
    named = [f"{name}=={version}" for name, version in pins.items()]
    return Wanted(packages=tuple(sorted({*named, *(packages - set(pins))})), why=why, older=True)


def _lies_beside(folder: Path, module: str) -> bool:
    return (folder / f"{module}.py").is_file() or (folder / module).is_dir()
