"""Fits that begin anew: `model.fit(X, y)` forgets what an earlier fit of the same model had learned."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Final

from unshelve.notebook.notebook import Notebook
from unshelve.notebook.watched import Watched

_FORGETTING: Final = ("sklearn.", "xgboost.", "lightgbm.", "imblearn.")
"""Packages whose estimators forget; what others keep is not known."""
_KEEPS: Final = "warm_start"


class Refits:
    """Which statements do nothing to a name but to fit it, and so do not count where it is fitted again."""

    def __init__(self, notebook: Notebook, watched: Watched | None) -> None:
        self._of: dict[int, str] = {}
        if watched is None or any(_KEEPS in each.source for each in notebook.statements):
            return
        for call in watched.calls:
            known = call.kind in ("fit", "search") and not call.inside and call.receiver is not None
            if known and call.receiver is not None and call.receiver.type.startswith(_FORGETTING):
                name = fitted_name(notebook.statements[call.statement].node)
                if name is not None:
                    self._of[call.statement] = name

    def passed_over(
        self, number: int, needs: dict[str, frozenset[int]], before: Sequence[Mapping[str, frozenset[int]]]
    ) -> dict[str, frozenset[int]]:
        """What a statement needs, with earlier fits of the model that it fits passed over."""
        name = self._of.get(number)
        makers = needs.get(name, frozenset()) if name is not None else frozenset()
        if name is None or not makers:
            return needs
        while any(self._of.get(each) == name for each in makers):
            makers = frozenset().union(
                *(before[each].get(name, frozenset()) if self._of.get(each) == name else {each} for each in makers)
            )
        return {**needs, name: makers}


def fitted_name(node: ast.stmt) -> str | None:
    """The model of a statement that is `model.fit(…)` and nothing else."""
    value = node.value if isinstance(node, ast.Expr) else None
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "fit"):
        return None
    return value.func.value.id if isinstance(value.func.value, ast.Name) else None
