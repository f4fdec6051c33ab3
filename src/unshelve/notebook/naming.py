"""Names for steps: those of the author where they are good, else of the column, file or heading that they are about."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

DECORATORS: Final = frozenset(
    {
        "source", "keep", "transform", "target", "split", "fit", "model", "answer", "metric", "expect", "chart",
        "worth", "endpoint", "step", "at_random", "by_time", "by_group", "at_least", "at_most", "best",
        "beats_champion", "max_latency", "max_size", "custom_gate", "worth_at_least", "secret", "categories",
        "as_categories", "appearances", "codes", "clone",
    }
)  # fmt: skip
"""What a solution file imports from unshelve, or may."""
GENERIC: Final = frozenset(
    {
        "model", "clf", "classifier", "reg", "regressor", "regr", "lr", "rf", "m", "mdl", "estimator", "lm", "dt",
        "tree", "forest", "knn", "nb", "svm", "svc", "logmodel", "grid", "gs", "search", "gb", "gbc", "gbr", "xgb",
        "lgb", "pipe", "pipeline", "best_model", "final_model", "my_model", "dtree", "rfc", "lreg", "log_reg", "logreg",
    }
)  # fmt: skip
"""Names that say nothing of what is predicted."""


def slug(text: str) -> str:
    """A text as a name: "Total Charges" -> "total_charges"; "" when nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", plain)
    found = re.sub(r"[^0-9a-zA-Z]+", "_", plain).strip("_").lower()[:40].strip("_")
    return f"n{found}" if found[:1].isdigit() else found


@dataclass(slots=True)
class Names:
    """Names that are given already; each is given once."""

    taken: set[str] = field(default_factory=set)

    def give(self, *wishes: str) -> str:
        """The first wish that is free, else the last one with a number."""
        for wish in wishes:
            if wish and self.free(wish):
                self.taken.add(wish)
                return wish
        stem = next((wish for wish in reversed(wishes) if wish), "value")
        number = 2
        while not self.free(f"{stem}_{number}"):
            number += 1
        self.taken.add(f"{stem}_{number}")
        return f"{stem}_{number}"

    def free(self, name: str) -> bool:
        """Whether a step may be called so."""
        ends = name.endswith(("_train", "_test"))
        return (
            name.isidentifier()
            and not keyword.iskeyword(name)
            and not hasattr(builtins, name)
            and name not in DECORATORS
            and name not in self.taken
            and not ends
        )


def unused(wish: str, used: Collection[str]) -> str:
    """A name that nothing has yet: the wish, or the wish with a number."""
    number, found = 2, wish
    while found in used:
        number, found = number + 1, f"{wish}_{number}"
    return found
