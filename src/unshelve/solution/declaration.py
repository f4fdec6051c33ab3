"""A solution as it is declared: its steps and what each said of itself, as plain data without any user code.

A worker reads the solution file and hands this value over; everything that plans, checks, draws or serves
starts from it. It turns into JSON and back unchanged.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from unshelve.data.lookups import Lookup
from unshelve.errors import NotFound
from unshelve.pipeline.step import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a step: the name of another step, or a value with a default."""

    name: str
    has_default: bool = False
    default: object = None
    annotation: str | None = None
    request_type: str | None = None
    """For endpoints: the JSON type of a request field, as schema.FieldType has it."""
    choices: tuple[str, ...] = ()
    """For endpoints: the values of a Literal annotation."""
    streamed: bool = False
    """Whether it is annotated with Dataset: it takes rows in batches, however many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something stands in the solution's files."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkInfo:
    """What a sink said of itself; `to` is its target as JSON, with its type."""

    to: Mapping[str, object]
    schedule: str | None = None
    changed: bool = False
    has_body: bool = False
    """Whether its function does anything, which nobody would see: it is not called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInfo:
    """One step: its name, kind and parameters, what its decorator said, and the code that it reaches."""

    name: str
    kind: Kind
    parameters: tuple[Parameter, ...]
    title: str
    description: str
    place: Place
    code: Mapping[str, str]
    libraries: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    split: Mapping[str, object] | str | None = None
    gates: tuple[Mapping[str, object], ...] = ()
    retrain: str | None = None
    choose: str | None = None
    unit: str | None = None
    required: tuple[str, ...] = ()
    severity: str = "stop"
    table: str | None = None
    """For expectations: the table that must hold them."""
    checks: tuple[Mapping[str, object], ...] = ()
    """For expectations that are declared: their checks, as data.checks writes them."""
    at_most: float = 0.05
    """For a quarantine: the share of rows that it may set aside."""
    known_later: tuple[str, ...] = ()
    fresh_seconds: float | None = None
    lookup: Lookup | None = None
    retries: int = 0
    retry_delay_seconds: float = 1.0
    timeout_seconds: float | None = None
    files_read: tuple[str, ...] = ()
    leans_on: tuple[str, ...] = ()
    """What its code asks of the world beyond its parameters: the time, random numbers, …, each with its place."""
    answer_fields: tuple[tuple[str, str], ...] = ()
    """For endpoints: the fields of the dataclass it returns, with their annotations."""
    sink: SinkInfo | None = None

    def parameter(self, name: str) -> Parameter | None:
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A whole solution: name, title, steps in the order of the file, and the environment it was read in."""

    name: str
    title: str
    description: str
    steps: tuple[StepInfo, ...]
    environment: Mapping[str, str]
    """Python and every distribution that the solution imports, with versions."""
    code: str
    """Digest of all project files: equal digest, equal solution."""
    duplicates: tuple[tuple[str, int, int], ...] = ()
    """Names that are defined twice in the file: (name, first line, second line)."""
    schemas: Mapping[str, str] = field(default_factory=dict)
    """Schemas that the author owns: model -> the text of schema/MODEL.toml."""
    zone: str = "UTC"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.steps)

    def has(self, name: str) -> bool:
        return any(step.name == name for step in self.steps)

    def step(self, name: str) -> StepInfo:
        """The step of that name; NotFound with near names otherwise."""
        for step in self.steps:
            if step.name == name:
                return step
        near = difflib.get_close_matches(name, self.names, n=3)
        raise NotFound(f"{self.name} has no step {name!r}.", code="step-not-found", near=near)

    def of_kind(self, *kinds: Kind) -> tuple[StepInfo, ...]:
        return tuple(step for step in self.steps if step.kind in kinds)

    @property
    def lookups(self) -> tuple[StepInfo, ...]:
        """The sources that rows are joined with."""
        return tuple(step for step in self.steps if step.lookup is not None)

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, text: bytes | str) -> Declaration:
        return msgspec.json.decode(text, type=cls)


PARTS = ("train", "test")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a parameter names: a step, and the part of its rows that is meant (None for all)."""

    step: str
    part: str | None = None


def reference(parameter: str, names: Iterable[str]) -> Reference | None:
    """The step and part that a parameter name means, or None when it names no step.

    A step's own name wins over NAME_train and NAME_test, so a step may itself be called `rows_train`.
    """
    known = set(names)
    if parameter in known:
        return Reference(parameter)
    for part in PARTS:
        stem = parameter.removesuffix(f"_{part}")
        if stem != parameter and stem in known:
            return Reference(stem, part)
    return None
