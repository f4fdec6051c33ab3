"""What can be said of a notebook without running it, as numbered findings; `numbered.py` lists all numbers."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from unshelve.notebook.editing import calls, reads, tail
from unshelve.notebook.notebook import Notebook
from unshelve.notebook.numbered import remark
from unshelve.notebook.remarks_files import FileRemarks
from unshelve.notebook.remarks_rows import row_remarks
from unshelve.notebook.secrets_in_text import blotted, secrets_in
from unshelve.notebook.syntax import to_python
from unshelve.solution.origin import NotebookFinding

_DEEP: Final = ("keras", "tensorflow", "torch", "fastai", "transformers", "pytorch_lightning", "mxnet", "paddle", "jax")
_MODELS: Final = re.compile(
    r"^(xgboost|lightgbm|catboost|statsmodels|imblearn|mlxtend|pyod|sklearn\.(linear_model|ensemble|tree|svm|neighbors"
    r"|naive_bayes|neural_network|gaussian_process|discriminant_analysis|cluster|mixture|isotonic|kernel_ridge|dummy"
    r"|calibration|multioutput|multiclass|semi_supervised|cross_decomposition))"
)
"""Modules whose models can be lifted."""
_RANDOM: Final = re.compile(
    r"(RandomForest|ExtraTrees?|Bagging|MLP|KMeans|ShuffleSplit|SMOTE|ADASYN|RandomOverSampler|RandomUnderSampler)\w*"
    r"|DecisionTree\w+|train_test_split"
)
_DRAWS: Final = frozenset(
    {"rand", "randn", "randint", "random", "choice", "shuffle", "permutation", "normal", "uniform", "sample", "gauss",
     "binomial", "poisson"}
)  # fmt: skip
_FITS: Final = ("fit", "fit_transform", "fit_predict", "fit_resample", "train", "cross_val_score", "fit_regularized")
_OF_IPYTHON: Final = frozenset({"display", "get_ipython", "In", "Out", "_", "__", "___", "_i", "_ih", "_oh", "_dh"})


def remarks(notebook: Notebook, folder: Path | None = None) -> tuple[NotebookFinding, ...]:
    """All findings, in the order of the notebook."""
    beside = folder or notebook.path.resolve().parent
    found = [
        *_order(notebook),
        *_early_names(notebook),
        *_secrets(notebook),
        *_magics(notebook),
        *_randomness(notebook),
        *_questions(notebook),
        *FileRemarks(notebook, beside).all(),
        *row_remarks(notebook),
        *_models(notebook, beside),
    ]
    once = dict.fromkeys(found)
    return tuple(sorted(once, key=lambda each: (each.cell or 0, each.line or 0, each.number)))


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
    if _brings_unseen_names(notebook):
        return
    told: set[str] = set()
    for statement in notebook.statements:
        if isinstance(statement.node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            continue
        for name in sorted(reads(statement.node)):
            if hasattr(builtins, name) or name in _OF_IPYTHON or re.fullmatch(r"_i?\d+", name):
                continue
            first = bound.get(name)
            if name in told or (first is not None and first <= statement.number):
                continue
            told.add(name)
            if first is None:
                repair = "Define it above, or import it: it was left over from a cell that is gone."
                yield remark("N101", statement, f"{name} is used here and defined nowhere.", repair)
            else:
                place = notebook.statements[first].place
                repair = "Move what defines it above."
                yield remark("N101", statement, f"{name} is used here and defined only in {place}.", repair)


def _brings_unseen_names(notebook: Notebook) -> bool:
    """Whether something binds names that cannot be read here: a star import, `%run`, `%pylab`, `exec`."""
    if any(re.search(r"^\s*%(run|pylab|load|store|reload)\b", each.source, re.MULTILINE) for each in notebook.cells):
        return True
    for statement in notebook.statements:
        if isinstance(statement.node, ast.ImportFrom) and statement.node.names[0].name == "*":
            return True
        if any(tail(call.func) in ("exec", "globals", "locals", "vars") for call in calls(statement.node)):
            return True
    return False


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        yield node.name
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).split(".")[0]
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


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
                    message=f"`{blotted(magic.text)[:60]}` is a command of the shell, and is left out.",
                    repair="Install packages and bring files before the notebook is lifted.",
                )


def _randomness(notebook: Notebook) -> Iterator[NotebookFinding]:
    """Draws that nothing seeds: neither a parameter, nor the global generator above them."""
    generators = (
        {"np.random", "numpy.random", "random"} if _imports(notebook, "random") else {"np.random", "numpy.random"}
    )
    for statement in notebook.statements:
        for call in calls(statement.node):
            name, text = tail(call.func), ast.unparse(call.func)
            if name in ("seed", "set_seed", "seed_everything", "manual_seed", "set_random_seed"):
                return
            given = {word.arg: word.value for word in call.keywords}
            shuffles = given.get("shuffle")
            if isinstance(shuffles, ast.Constant) and shuffles.value is False:
                continue
            if _RANDOM.fullmatch(name) and not given.keys() & {"random_state", None}:
                repair = "Give it random_state=0."
                yield remark("N108", statement, f"{name}() draws random numbers without a seed.", repair)
            elif name in _DRAWS and text.rpartition(".")[0] in generators:
                repair = "Write np.random.seed(0) above it." if "np" in text else "Write random.seed(0) above it."
                yield remark("N108", statement, f"{text}() draws random numbers without a seed.", repair)


def _imports(notebook: Notebook, module: str) -> bool:
    return any(
        isinstance(each.node, ast.Import)
        and any(alias.name == module and not alias.asname for alias in each.node.names)
        for each in notebook.statements
    )


def _questions(notebook: Notebook) -> Iterator[NotebookFinding]:
    for statement in notebook.statements:
        for call in calls(statement.node):
            if isinstance(call.func, ast.Name) and call.func.id == "input":
                repair = "Write the value as a constant."
                yield remark("N107", statement, "The notebook asks a person for input.", repair)


def _models(notebook: Notebook, beside: Path) -> Iterator[NotebookFinding]:
    names = {tail(call.func) for each in notebook.statements for call in calls(each.node)}
    modules = set(_modules(notebook))
    tops = {module.split(".")[0] for module in modules}
    own = any((beside / f"{top}.py").is_file() or (beside / top / "__init__.py").is_file() for top in tops)
    deep = sorted(tops & set(_DEEP))
    if deep and not any(_MODELS.match(module) for module in modules):
        repair = (
            "Networks are not lifted: serve the network by hand, or fit a model of scikit-learn, xgboost or lightgbm."
        )
        yield remark("N112", None, f"Its models are networks of {', '.join(deep)}, and of nothing else.", repair)
    elif not names & set(_FITS) and not own:
        yield remark("N111", None, "No model is fitted in this notebook: nothing calls fit().", "Fit a model in it.")


def _modules(notebook: Notebook) -> Iterator[str]:
    """The modules that are imported, and what may be one: "sklearn.svm" of `from sklearn import svm`."""
    for each in notebook.statements:
        for node in ast.walk(each.node):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
