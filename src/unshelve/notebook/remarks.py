"""What can be said of a notebook without running it, as numbered findings: N101 to N199. Numbers are never reused."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final, Literal

from unshelve.notebook.editing import calls, reads, tail
from unshelve.notebook.notebook import Notebook, Statement
from unshelve.notebook.secrets_in_text import secrets_in
from unshelve.notebook.syntax import to_python
from unshelve.solution.origin import NotebookFinding

Severity = Literal["error", "warning", "note"]
RULES: Final[dict[str, tuple[Severity, str]]] = {
    "N101": ("warning", "A name is used before it is defined"),
    "N102": ("note", "Cells were run in another order"),
    "N103": ("warning", "A path is that of one machine"),
    "N104": ("warning", "A data file is not there"),
    "N105": ("warning", "A secret stands in a cell"),
    "N106": ("warning", "Something comes over the network"),
    "N107": ("warning", "A person is asked for input"),
    "N108": ("warning", "Randomness has no seed"),
    "N109": ("warning", "Something is fitted before rows are divided"),
    "N110": ("warning", "Something is fitted on test rows"),
    "N111": ("error", "No model is fitted"),
    "N112": ("error", "Only deep learning"),
    "N113": ("note", "A line is not Python"),
}
_NETWORK: Final = ("urlopen", "urlretrieve", "load_dataset", "get_file", "drive.mount", "dataset_download_files")
_DEEP: Final = ("keras", "tensorflow", "torch", "fastai", "transformers", "pytorch_lightning")
_RANDOM: Final = re.compile(
    r"(RandomForest|ExtraTrees|Bagging|MLP|KMeans|ShuffleSplit)\w*|DecisionTree\w+|train_test_split"
)
_TRANSFORMERS: Final = re.compile(
    r"(Scaler|Encoder|Imputer|Vectorizer|PCA|Normalizer|Binarizer|SelectKBest|Transformer)$"
)
_FILES: Final = re.compile(r"\.(csv|tsv|txt|xlsx?|json|parquet|data|dat|pkl|zip|gz)$", re.IGNORECASE)


def remarks(notebook: Notebook, folder: Path | None = None) -> tuple[NotebookFinding, ...]:
    """All findings, in the order of the notebook."""
    beside = folder or notebook.path.resolve().parent
    found = [
        *_order(notebook),
        *_early_names(notebook),
        *_secrets(notebook),
        *_magics(notebook),
        *(each for statement in notebook.statements for each in _of_statement(statement, beside)),
        *_before_division(notebook),
        *_models(notebook),
    ]
    return tuple(sorted(found, key=lambda each: (each.cell or 0, each.line or 0, each.number)))


def _finding(number: str, statement: Statement | None, message: str, repair: str) -> NotebookFinding:
    return NotebookFinding(
        number=number,
        severity=RULES[number][0],
        cell=None if statement is None else statement.cell,
        line=None if statement is None else statement.line,
        message=message,
        repair=repair,
    )


def _order(notebook: Notebook) -> Iterator[NotebookFinding]:
    counts = [(cell.number, cell.execution_count) for cell in notebook.cells if cell.execution_count is not None]
    for (_, before), (number, count) in pairwise(counts):
        if before is not None and count is not None and count < before:
            yield NotebookFinding(
                number="N102",
                severity="note",
                cell=number,
                line=1,
                message=f"Cell {number} was run before the cell above it ([{count}] after [{before}]).",
                repair="The lift takes the cells from top to bottom. Restart and run all, to see the same.",
            )
            return


def _early_names(notebook: Notebook) -> Iterator[NotebookFinding]:
    bound: dict[str, int] = {}
    for statement in notebook.statements:
        for each in ast.walk(statement.node):
            for name in _bound(each):
                bound.setdefault(name, statement.number)
    starred = any(
        isinstance(each.node, ast.ImportFrom) and each.node.names[0].name == "*" for each in notebook.statements
    )
    for statement in notebook.statements:
        if starred or isinstance(statement.node, ast.FunctionDef | ast.ClassDef):
            continue
        for name in sorted(reads(statement.node)):
            if hasattr(builtins, name) or name in ("display", "get_ipython"):
                continue
            first = bound.get(name)
            if first is None or first > statement.number:
                where = "nowhere" if first is None else f"only in {notebook.statements[first].place}"
                yield _finding(
                    "N101", statement, f"{name} is used here and defined {where}.", "Move what defines it above."
                )


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        yield node.name
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).split(".")[0]
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name


def _secrets(notebook: Notebook) -> Iterator[NotebookFinding]:
    for cell in notebook.cells:
        for line, _ in secrets_in(cell.source):
            yield NotebookFinding(
                number="N105",
                severity="warning",
                cell=cell.number,
                line=line,
                message="This line holds something that looks like a password or a key.",
                repair="Keep it outside (`unshelve secret set NAME`), and change it: whoever saw the file has it.",
            )


def _magics(notebook: Notebook) -> Iterator[NotebookFinding]:
    for cell in notebook.cells:
        magics = to_python(cell.source)[1] if cell.kind == "code" else ()
        for magic in magics:
            if magic.kind == "shell":
                yield NotebookFinding(
                    number="N113",
                    severity="note",
                    cell=cell.number,
                    line=magic.line,
                    message=f"`{magic.text[:60]}` is a command of the shell, and is left out.",
                    repair="Install packages and bring files before the notebook is lifted.",
                )


def _of_statement(statement: Statement, beside: Path) -> Iterator[NotebookFinding]:
    for node in ast.walk(statement.node):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _path(statement, node.value, beside)
    for call in calls(statement.node):
        name = tail(call.func)
        if name == "input" and isinstance(call.func, ast.Name):
            yield _finding("N107", statement, "The notebook asks a person for input.", "Write the value as a constant.")
        if name in _NETWORK or (
            isinstance(call.func, ast.Attribute) and ast.unparse(call.func).startswith("requests.")
        ):
            yield _finding(
                "N106", statement, f"{name}() reaches over the network.", "Save what it brings beside the notebook."
            )
        if _RANDOM.fullmatch(name) and not any(word.arg in ("random_state", None) for word in call.keywords):
            yield _finding(
                "N108", statement, f"{name}() draws random numbers without a seed.", "Give it random_state=0."
            )
        if (
            name in ("fit", "fit_transform", "fit_predict")
            and call.args
            and "test" in ast.unparse(call.args[0]).lower()
        ):
            yield _finding(
                "N110",
                statement,
                f"{ast.unparse(call.func)}() is fitted on {ast.unparse(call.args[0])[:40]}.",
                "Fit on the training rows, and only transform or predict the test rows.",
            )


def _path(statement: Statement, text: str, beside: Path) -> Iterator[NotebookFinding]:
    if "\n" in text or not _FILES.search(text):
        return
    if "://" in text:
        yield _finding("N106", statement, f"{text[:60]} is read over the network.", "Save it beside the notebook.")
        return
    windows = "\\" in text or re.match(r"^[A-Za-z]:", text)
    name = (PureWindowsPath(text) if windows else PurePosixPath(text)).name
    near = next((each for each in sorted(beside.rglob(name)) if each.is_file()), None) if name else None
    if windows or text.startswith(("/", "~")):
        said = f"{near.relative_to(beside)} is taken in its place." if near else "No file of that name is beside it."
        yield _finding("N103", statement, f"{text[:80]} is a path of one machine. {said}", f"Write {name!r}.")
    elif not (beside / text).exists() and any(
        tail(call.func).startswith(("read_", "load", "open")) for call in calls(statement.node)
    ):
        said = f"{near.relative_to(beside)} is taken in its place." if near else "No file of that name is beside it."
        yield _finding("N104", statement, f"{text[:80]} is not there. {said}", "Put the file beside the notebook.")


def _before_division(notebook: Notebook) -> Iterator[NotebookFinding]:
    """Transformers that are fitted above the first division of the rows."""
    divided = next(
        (
            each.number
            for each in notebook.statements
            if any(tail(call.func) == "train_test_split" for call in calls(each.node))
        ),
        None,
    )
    made: dict[str, str] = {}
    for statement in notebook.statements[: divided or 0]:
        for call in calls(statement.node):
            if isinstance(statement.node, ast.Assign) and _TRANSFORMERS.search(tail(call.func)):
                made.update({each.id: tail(call.func) for each in statement.node.targets if isinstance(each, ast.Name)})
            if tail(call.func) not in ("fit_transform", "fit") or not isinstance(call.func, ast.Attribute):
                continue
            owner = call.func.value
            kind = tail(owner.func) if isinstance(owner, ast.Call) else made.get(tail(owner), "")
            if _TRANSFORMERS.search(kind):
                yield _finding(
                    "N109",
                    statement,
                    f"{kind} is fitted before the rows are divided: it has seen the test rows.",
                    "Divide first, then fit on the training rows.",
                )


def _models(notebook: Notebook) -> Iterator[NotebookFinding]:
    names = [tail(call.func) for each in notebook.statements for call in calls(each.node)]
    modules = {
        part.split(".")[0]
        for each in notebook.statements
        for node in ast.walk(each.node)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for part in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    if not any(name in ("fit", "fit_transform", "fit_predict", "train", "cross_val_score") for name in names):
        yield _finding("N111", None, "Nothing is fitted in this notebook.", "There is no model to serve.")
    elif modules & set(_DEEP) and not modules & {"sklearn", "lightgbm", "xgboost", "catboost", "statsmodels"}:
        yield _finding(
            "N112", None, f"The models are of {', '.join(sorted(modules & set(_DEEP)))}.", "These are not lifted yet."
        )
