"""ProjectFiles: the Python files below a solution's folder, found by module name and parsed once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from unshelve.pipeline.source_file import SourceFile, read_source

_LARGEST_FOLDER: Final = 2000
"""How many files count at most where a step imports modules by names that only it knows."""


class ProjectFiles:
    """The files that belong to a solution. Make a new one when files may have changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._files: dict[Path, SourceFile] = {}
        self._places: dict[str, Path | None] = {}

    def source(self, path: Path) -> SourceFile:
        """A file of the project, parsed. Raises SolutionInvalid when it is not Python."""
        known = self._files.get(path)
        if known is None:
            known = self._files[path] = read_source(path, self.folder)
        return known

    def file_of(self, module: str) -> Path | None:
        """The file of a module if it belongs to the project."""
        if module not in self._places:
            self._places[module] = self._find(module)
        return self._places[module]

    def owns(self, path: Path) -> bool:
        """Whether a resolved path is a Python file of the project; hidden folders and installed packages are not."""
        if path.suffix != ".py" or not path.is_relative_to(self.folder) or not path.is_file():
            return False
        parts = path.relative_to(self.folder).parts
        return not any(part.startswith(".") or part == "site-packages" for part in parts)

    def every_file(self) -> list[Path]:
        """All files of the project, by path; the first 2,000 where there are more."""
        return [path for path in sorted(self.folder.rglob("*.py")) if self.owns(path)][:_LARGEST_FOLDER]

    def _find(self, module: str) -> Path | None:
        if not module:
            return None
        loaded = getattr(sys.modules.get(module), "__file__", None)
        if isinstance(loaded, str):
            place = Path(loaded).resolve()
            if self.owns(place):
                return place
        plain = self.folder.joinpath(*module.split("."))
        for path in (plain.with_name(plain.name + ".py"), plain / "__init__.py"):
            if self.owns(path.resolve()):
                return path.resolve()
        return None
