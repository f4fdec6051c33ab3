"""The gate of a lifted model: the author's own number, less a little, since retraining on other rows moves it."""

from __future__ import annotations

import math
from typing import Final

from unshelve.notebook.choosing import Choice, Measured
from unshelve.notebook.draft import Draft

SLACK: Final = 0.03
"""How far below the author's number a retrained version may be, as a share of it."""
_AT_LEAST: Final = {
    "roc_auc_score": "roc_auc", "accuracy_score": "accuracy", "balanced_accuracy_score": "balanced_accuracy",
    "r2_score": "r2",
}  # fmt: skip
_AT_MOST: Final = {"mean_absolute_error": "mae", "root_mean_squared_error": "rmse"}


def with_gates(draft: Draft, choice: Choice) -> None:
    """Adds the first gate that an author's number gives, if one does."""
    direct = [each for each in choice.model.measured if each.direct or each.name == "roc_auc_score"]
    gate = next((text for each in direct if (text := _gate(each, choice.model.type))), None)
    if gate is None or not draft.model:
        return
    step = draft.step(draft.model)
    step.options = ", ".join(part for part in (step.options, f"gates=[{gate}]") if part)


def _gate(measured: Measured, kind: str) -> str | None:
    name = _AT_LEAST.get(measured.name)
    if measured.name == "score":
        name = "r2" if _is_regressor(kind) else "accuracy"
    if name is not None and measured.value > 0:
        return f'at_least("{name}", {math.floor(measured.value * (1 - SLACK) * 100) / 100:g})'
    name = _AT_MOST.get(measured.name)
    if name is not None and measured.value > 0:
        return f'at_most("{name}", {_rounded_up(measured.value * (1 + SLACK)):g})'
    return None


def _is_regressor(kind: str) -> bool:
    name = kind.rpartition(".")[2]
    return name.endswith(("Regressor", "SVR", "Ridge", "Lasso", "ElasticNet")) or name == "LinearRegression"


def _rounded_up(value: float) -> float:
    """Up at the third digit."""
    step = 10.0 ** (math.floor(math.log10(value)) - 2)
    return math.ceil(value / step) * step
