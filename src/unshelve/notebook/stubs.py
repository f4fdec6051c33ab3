"""Stands in for what a notebook has around it and a plain process has not: display, input, magics, Colab, figures."""

from __future__ import annotations

import builtins
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final  # Any: values of libraries that are not imported here

from unshelve.notebook.typed import Saved, escaped

_DISPLAY_NAMES: Final = (
    "HTML", "Image", "Markdown", "SVG", "Latex", "Math", "Javascript", "IFrame", "Audio", "Video", "YouTubeVideo",
    "Code", "JSON", "Pretty", "clear_output", "set_matplotlib_formats", "display_html", "display_markdown",
)  # fmt: skip


class PersonAsked(EOFError):  # noqa: N818 - errors are named as a person says them
    """The notebook asks a person to type something, and nobody is there."""


class Shell:
    """What `get_ipython()` gives: takes all orders and does nothing. It is false, as where there is no shell."""

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return Anything()


class Anything:
    """Takes calls and attributes, and does nothing."""

    def __init__(self, *args: object, **options: object) -> None: ...

    def __call__(self, *args: object, **options: object) -> None: ...

    def __getattr__(self, name: str) -> Anything:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()


class Uploaded(dict[str, bytes]):
    """What `files.upload()` of Colab gives: the files that lie beside the notebook, by name."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.name for path in self._folder.iterdir() if path.is_file()))

    def keys(self) -> Any:
        return list(self)


class Answers:
    """Stands for `input` where it is asked many times: what the output of the cell shows is typed again."""

    def __init__(self) -> None:
        self._saved = Saved(())

    def of_cell(self, outputs: Sequence[str]) -> None:
        self._saved = Saved(outputs)

    def __call__(self, prompt: object = "") -> str:
        asked = str(prompt)
        answer = self._saved.take(escaped(asked))
        if answer is None:
            raise PersonAsked(f"the notebook asks a person: {asked.strip()[:80]!r}")
        print(f"{asked}{answer}")  # noqa: T201 - as a notebook shows it
        return answer


def display(*values: object, **options: object) -> None:  # noqa: ARG001 - IPython's signature
    """Print values as a notebook would show them."""
    for value in values:
        print(value)  # noqa: T201 - it is what the notebook shows


def install(folder: Path, answers: Answers) -> Mapping[str, object]:
    """Put the stand-ins in place; the names that a notebook finds without importing them."""
    builtins.input = answers
    if importlib.util.find_spec("IPython") is None:
        _stand_for_ipython()
    _stand_for_colab(folder)
    return {"display": display, "get_ipython": Shell}


def still(pyplot: Any) -> None:
    """Let `plt.show()` close the figures, as it does in a notebook, and draw nothing."""

    def show(*args: object, **options: object) -> None:  # noqa: ARG001 - its signature
        pyplot.close("all")

    pyplot.show = show
    pyplot.rcParams["figure.max_open_warning"] = 0


def close_figures() -> None:
    """What happens to open figures at the end of a cell."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


def count_figures() -> int:
    """How many figures were drawn on since this was last asked."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or not hasattr(pyplot, "get_fignums"):
        return 0
    drawn = 0
    for manager in pyplot._pylab_helpers.Gcf.get_all_fig_managers():
        drawn += bool(manager.canvas.figure.stale)
        manager.canvas.figure.stale = False
    return drawn


def _stand_for_ipython() -> None:
    shell = Shell()
    names: dict[str, object] = dict.fromkeys(_DISPLAY_NAMES, Anything)
    _module("IPython", get_ipython=lambda: shell, version_info=(8, 0, 0, ""), __version__="8.0.0", display=display)
    _module("IPython.display", display=display, **names)
    _module("IPython.core")
    _module("IPython.core.display", display=display, **names)
    _module("IPython.core.interactiveshell", InteractiveShell=type("InteractiveShell", (), {}))
    sys.modules["IPython"].display = sys.modules["IPython.display"]  # type: ignore[attr-defined]


def _stand_for_colab(folder: Path) -> None:
    nothing: Callable[..., None] = Anything()
    files = _module("google.colab.files", upload=lambda *_: Uploaded(folder), download=nothing)
    drive = _module("google.colab.drive", mount=nothing, flush_and_unmount=nothing)
    colab = _module(
        "google.colab", files=files, drive=drive, userdata=Anything(), data_table=Anything(), output=Shell()
    )
    if importlib.util.find_spec("google") is None:
        _module("google", colab=colab)


def _module(name: str, **content: object) -> types.ModuleType:
    made = types.ModuleType(name)
    vars(made).update(content, __path__=[])
    sys.modules[name] = made
    return made
