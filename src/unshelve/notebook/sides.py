"""The two sides of a proof, in the child that compares: what the notebook kept, and what a run of the solution made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from unshelve.ids import digest
from unshelve.notebook.compare_order import CompareOrder
from unshelve.notebook.comparing_objects import as_array
from unshelve.pipeline.artifacts import read_artifact
from unshelve.pipeline.kinds import artifact_from_json
from unshelve.security.loader import load
from unshelve.solution.binding import resolve
from unshelve.storage.blobs import BlobStore
from unshelve.storage.opening import open_blobs


class Sides:
    """The notebook's values and the solution's, each read when it is first asked for."""

    def __init__(self, order: CompareOrder, functions: Mapping[str, Callable[..., object]]) -> None:
        self.order = order
        self.functions = functions
        self.inputs = _Inputs(order.inputs, open_blobs(order.blobs))

    def call(self, number: int | None) -> KeptCall | None:
        """A kept call of the notebook; None where it was not kept."""
        path = Path(self.order.kept) / f"call-{number}.pkl"
        if number is None or not path.is_file():
            return None
        data = path.read_bytes()
        found = load(data, digest=digest(data), trusted=lambda _digest: True)
        return KeptCall(found) if isinstance(found, dict) else None

    def why_not_kept(self, number: int | None) -> str:
        """Why a call was not kept, as the run of the notebook said it."""
        failed = Path(self.order.kept) / f"call-{number}.failed"
        return f"it could not be kept ({failed.read_text()[:200]})" if failed.is_file() else "it was not kept"

    @cached_property
    def fitted(self) -> KeptCall | None:
        return self.call(self.order.fit_call)

    @cached_property
    def predicted(self) -> KeptCall | None:
        return self.call(self.order.predict_call)

    @property
    def model(self) -> Any:
        """The notebook's fitted estimator; None where it was not kept.

        Of a search it may be the best one that was found, and of functions that fit, what they returned.
        """
        found = [each.receiver for each in (self.fitted, self.predicted) if each is not None]
        found += [each.result for each in (self.fitted,) if each is not None]
        usable = [each for each in found if hasattr(each, "predict")]
        kind = type(self.estimator).__name__
        return next((each for each in usable if type(each).__name__ == kind), usable[0] if usable else None)

    @property
    def parameters(self) -> dict[str, Any]:
        return self.order.parameters

    def has(self, *labels: object) -> bool:
        return all(str(label) in self.order.inputs for label in labels)

    @cached_property
    def estimator(self) -> Any:
        return self.inputs[self.parameters["estimator"]]

    def given(self, part: str) -> Any:
        """What the solution's model was given for the rows of a part: "tested" or "fitted"."""
        return resolve(self.parameters[part]["X"], self.inputs)

    @cached_property
    def answers(self) -> Any:
        """The notebook's predictions of the test rows, or what its fitted estimator gives for them; None without."""
        if self.own_answers:
            assert self.predicted is not None
            return self.predicted.result
        return None if self.model is None else self.model.predict(self.given("tested"))

    @cached_property
    def own_answers(self) -> bool:
        """Whether the notebook predicted test rows itself."""
        return self.predicted is not None and has_rows(self.predicted.result)

    @cached_property
    def kept_answers(self) -> list[Any] | None:
        """What the notebook made of its predictions; None where it was not kept."""
        found = self.kept_value(self.order.answered or "none")
        return None if found is None else plain_list(as_array(found[0]))

    def kept_value(self, name: str) -> tuple[Any] | None:
        """A value of the notebook by its file; None where it was not kept."""
        path = Path(self.order.kept) / name
        if not path.is_file():
            return None
        data = path.read_bytes()
        return (load(data, digest=digest(data), trusted=lambda _digest: True),)

    @cached_property
    def method(self) -> str:
        """The method of the estimator that gave the notebook's predictions, told from their shape and values."""
        values = as_array(self.answers)
        classes = getattr(self.estimator, "classes_", None)
        if classes is None or isinstance(classes, list):
            return "predict"
        wide = values.ndim == 2 and values.shape[1] == len(classes)
        if wide and hasattr(self.estimator, "predict_proba"):
            return "predict_proba"
        scores = values.dtype.kind == "f" and not np.isin(values, np.asarray(classes)).all()
        return "decision_function" if scores and hasattr(self.estimator, "decision_function") else "predict"


class KeptCall:
    """A call of the notebook with its values."""

    def __init__(self, kept: Mapping[str, Any]) -> None:
        self.receiver: Any = kept["receiver"]
        self.result: Any = kept["result"]
        arguments, keywords = kept["arguments"], kept["keywords"]
        named = [keywords[name] for name in ("X", "data") if isinstance(keywords, Mapping) and name in keywords]
        self.rows: Any = arguments[0] if arguments else named[0] if named else None
        """What was predicted or fitted on: the first argument."""


class _Inputs(Mapping[str, Any]):
    """The artifacts of a run by label, each read once."""

    def __init__(self, described: Mapping[str, Mapping[str, Any]], blobs: BlobStore) -> None:
        self._described = described
        self._blobs = blobs
        self._read: dict[str, Any] = {}

    def __getitem__(self, label: str) -> Any:
        if label not in self._read:
            artifact = artifact_from_json(dict(self._described[label]))
            self._read[label] = read_artifact(artifact, self._blobs, trusted=lambda _digest: True)
        return self._read[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self._described)

    def __len__(self) -> int:
        return len(self._described)


def has_rows(value: Any) -> bool:
    return isinstance(value, list | tuple) or bool(getattr(value, "shape", ()))


def reachable(sides: Sides, part: str) -> bool:
    """Whether the run made all that the model's rows of a part are made of."""
    described = sides.parameters[part]
    bind = described["X"]
    return sides.has(
        *described["rows"], *[bind[name] for name in ("value", "view") if name in bind], *bind.get("hide", ())
    )


def plain_list(values: Any) -> list[Any]:
    return [
        each if each is None or isinstance(each, bool | int | float | str) else str(each) for each in values.tolist()
    ]
