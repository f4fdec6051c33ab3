"""The files of a solution folder that belong to its code."""

from __future__ import annotations

from pathlib import Path

from unshelve.errors import NotFound, Refused
from unshelve.ids import digest, digest_json

SOLUTION_FILE = "solution.py"
SKIPPED_FOLDERS = frozenset({".unshelve", ".git", ".venv", "venv", "__pycache__", "node_modules", ".ipynb_checkpoints"})


def code_files(folder: Path) -> tuple[dict[str, bytes], str]:
    """The Python files of a solution by path in its folder, tests left out, and the digest of them all."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).parts
        if SKIPPED_FOLDERS.isdisjoint(parts) and not _is_test(parts):
            found["/".join(parts)] = path.read_bytes()
    return found, digest_json({path: digest(data) for path, data in found.items()})


def owned_schemas(folder: Path) -> dict[str, str]:
    """The Schemas that the author owns: model -> the text of schema/MODEL.toml."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("schema/*.toml"))}


def solution_folder(path: Path) -> Path:
    """The folder of a solution that a person named: itself, or the folder of the solution.py that was named."""
    folder = path.parent if path.name == "solution.py" else path
    if folder.is_file():
        raise Refused(
            f"{folder} is a file, and neither a notebook (.ipynb) nor a solution's {SOLUTION_FILE}.",
            code="not-a-solution",
            hint="Name a notebook, or the folder of a solution.",
        )
    if not folder.is_dir():
        raise NotFound(
            f"There is no folder {folder}.", code="solution-folder-not-found", hint="`unshelve new NAME` makes one."
        )
    return folder.resolve()


def _is_test(parts: tuple[str, ...]) -> bool:
    return "tests" in parts[:-1] or parts[-1].startswith("test_") or parts[-1] == "conftest.py"
