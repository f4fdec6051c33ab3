"""Performing one task where the user's code is: read its inputs, call its operation, store what it returns."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from inspect import unwrap
from pathlib import Path
from typing import Any, Final

from unshelve.errors import NotFound, Refused, SolutionInvalid, UserCodeFailed
from unshelve.ids import digest_json
from unshelve.pipeline.artifacts import bytes_of, decode, encode_for, read_artifact, store_encoded
from unshelve.pipeline.boundary import report_of
from unshelve.pipeline.code import Project
from unshelve.pipeline.executor import Order
from unshelve.pipeline.kinds import Artifact, ArtifactKind
from unshelve.pipeline.outcome import StepError
from unshelve.pipeline.outputs import WHOLE, Context, Operation, Outputs
from unshelve.pipeline.task import Task
from unshelve.storage.blobs import BlobStore

Functions = Mapping[str, Callable[..., object]]
Operations = Mapping[str, Operation]
Progress = Callable[[int, int], None]
Work = tuple[Mapping[str, Artifact], StepError | None]
"""The outputs of a task, or its error."""

_TABLES_BYTES: Final = 256_000_000
"""How much of the tables that tasks read is kept for the next task of the same worker."""

_SMALL_BYTES: Final = 16_384
_MOST_SMALL: Final = 1_000


class Performer:
    """Carries out tasks with one solution's functions."""

    def __init__(self, folder: Path, functions: Functions, operations: Operations, blobs: BlobStore) -> None:
        self._folder = folder
        self._functions = functions
        self._operations = operations
        self._blobs = blobs
        self._tables = _Tables(blobs)
        self._small: dict[str, bytes] = {}
        self._project: Project | None = None

    def perform(self, order: Order, progress: Progress) -> Work:
        """Does the work of an order. Whatever goes wrong with it is its error; only a KeyboardInterrupt comes out."""
        try:
            return self._store(order.task, self._call(order, progress)), None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the edge around user code; it is reported, not hidden
            inputs = {name: artifact.words for name, artifact in order.inputs.items()}
            report = report_of(error, step=order.task.title, folder=self._folder, inputs=inputs)
            return {}, replace(report, place=report.place or self._written(order.task))

    def _call(self, order: Order, progress: Progress) -> object:
        task = order.task
        values = {
            name: self._read(artifact)
            if name in task.as_stored
            else self._stream(artifact)
            if name in task.streamed
            else self._whole(artifact)
            for name, artifact in order.inputs.items()
        }
        operation = self._operations.get(task.operation)
        if operation is None:
            raise SolutionInvalid(f"Step {task.title} asks for {task.operation}, which is no operation.")
        context = Context(
            task=task.name,
            folder=self._folder,
            functions=self._functions,
            blobs=self._blobs,
            identities={name: artifact.identity for name, artifact in order.inputs.items()},
            progress=progress,
            past=task.past,
        )
        return operation(self._function(task), values, _own_copy(task.parameters), context)

    def _written(self, task: Task) -> str | None:
        """Where a task's step is written: what the platform finds out about a step has no line of its own."""
        function = self._functions.get(task.function or task.group)
        code = getattr(unwrap(function), "__code__", None) if function is not None else None
        if code is None or not Path(code.co_filename).is_relative_to(self._folder.resolve()):
            return None
        return f"{Path(code.co_filename).relative_to(self._folder.resolve()).as_posix()}:{code.co_firstlineno}"

    def _function(self, task: Task) -> Callable[..., object]:
        if task.function is None:
            return _no_function
        function = self._functions.get(task.function)
        if function is None:
            raise NotFound(
                f"The solution has no step {task.function} any more.",
                code="step-not-found",
                hint="It was changed after the run began: run it again.",
            )
        return function

    def _whole(self, artifact: Artifact) -> object:
        """The value; of a dataset, its rows as one table."""
        value = self._read(artifact)
        return value.to_pandas() if artifact.kind is ArtifactKind.DATASET else value  # type: ignore[attr-defined]  # by its kind

    def _stream(self, artifact: Artifact) -> object:
        """The rows as a dataset, whether they are one or a table in memory; any other value as it is."""
        value = self._read(artifact)
        if artifact.kind not in _ROWS_KINDS:
            return value
        from unshelve.data.dataset import Dataset

        return Dataset.of(value)

    def _read(self, artifact: Artifact) -> object:
        if artifact.kind in _TABLE_KINDS:
            return self._tables.read(artifact)

        # Control names only what this server's own runs made, and that is what is trusted.
        def trusted(digest: str) -> bool:
            return digest == artifact.digest

        data = self._small.get(artifact.digest)
        if data is None or artifact.kind is ArtifactKind.DATASET:
            return read_artifact(artifact, self._blobs, trusted=trusted)
        return decode(artifact, data, trusted=trusted)

    def _store(self, task: Task, value: object) -> dict[str, Artifact]:
        values = value.values if isinstance(value, Outputs) else {WHOLE: value}
        stored = {}
        for name, one in values.items():
            if one is None and not task.may_be_none:
                whole = f"{task.title}.{name}" if name else task.title
                raise UserCodeFailed(
                    f"Step {whole} returned None.",
                    code="step-returned-none",
                    hint="Does it end without a return statement?",
                )
            try:
                encoded = encode_for(one, self._blobs, who=f"Step {task.title}")
                stored[name] = store_encoded(encoded, self._blobs, code_of=self._code_of)
            except Refused as error:
                whole = f"{name} of step {task.title}" if name else f"what step {task.title} returned"
                raise UserCodeFailed(
                    f"Cannot keep {whole}: {error.message}", code=error.subject_code, hint=error.hint
                ) from error
            if encoded.write is None:
                self._remember(stored[name].digest, encoded.data)
        return stored

    def _remember(self, digest: str, data: bytes) -> None:
        """Keeps the bytes of a small value, which the next task is likely to ask for."""
        if len(data) <= _SMALL_BYTES:
            if len(self._small) >= _MOST_SMALL:
                self._small.clear()
            self._small[digest] = data

    def _code_of(self, names: frozenset[tuple[str, str]]) -> str | None:
        """The digest of the solution's own code behind the classes of a pickle."""
        if self._project is None:
            self._project = Project(self._folder)
        code: dict[str, str] = {}
        for module, name in sorted(names):
            reach = self._project.reach_name(module, name)
            if reach is not None:
                code.update(reach.code)
        return digest_json(code)[:32] if code else None


class _Tables:
    """Tables that were read from the store lately, as Arrow tables, which nobody can change.

    Each task gets its own pandas table made from them: sharing the pandas table itself would let a step that
    writes into `column.array` spoil what a sibling sees, copy-on-write or not.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._kept: OrderedDict[str, Any] = OrderedDict()  # Any: pyarrow has no types
        self._bytes = 0

    def read(self, artifact: Artifact) -> object:
        from unshelve.pipeline.parquet import arrow_from_parquet, frame_from_arrow, series_from_arrow

        table = self._kept.get(artifact.digest)
        kept = table is not None
        if table is None:
            table = arrow_from_parquet(bytes_of(artifact, self._blobs))
            kept = self._keep(artifact.digest, table)
        else:
            self._kept.move_to_end(artifact.digest)
        made = frame_from_arrow if artifact.kind is ArtifactKind.TABLE else series_from_arrow
        return made(table, used_up=not kept)

    def _keep(self, digest: str, table: Any) -> bool:
        if table.nbytes > _TABLES_BYTES // 2:
            return False
        self._kept[digest] = table
        self._bytes += table.nbytes
        while self._bytes > _TABLES_BYTES:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= oldest.nbytes
        return True


def _own_copy(parameters: Mapping[str, object]) -> dict[str, object]:
    """The parameters for one call: a step may change what it is given, and the task's must stay what they are."""
    copied = dict(parameters)
    for name, value in copied.items():
        if isinstance(value, list | dict):
            copied[name] = deepcopy(value)
    return copied


def _no_function(*_: object, **__: object) -> object:
    raise SolutionInvalid("This task has no function of the solution to call.")


_TABLE_KINDS: Final = frozenset({ArtifactKind.TABLE, ArtifactKind.SERIES})
_ROWS_KINDS: Final = frozenset({ArtifactKind.TABLE, ArtifactKind.POLARS, ArtifactKind.ARROW})
