"""What nearly every page of a solution needs: its declaration, the newest versions, who is champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from unshelve.errors import NotFound
from unshelve.pipeline.step import Kind
from unshelve.registry.origins import KnownOrigin, origin_of
from unshelve.registry.releases import Release, releases
from unshelve.registry.runs import Run, runs_of
from unshelve.registry.solutions import KnownSolution, get_solution
from unshelve.registry.versions import Version, newest_versions
from unshelve.schema.near import near
from unshelve.solution.declaration import Declaration, StepInfo
from unshelve.solution.request_path import references


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionFacts:
    """A solution as the registry knows it at one moment."""

    known: KnownSolution
    declaration: Declaration
    newest: Mapping[str, Version]
    """The newest version by full name."""
    released: Mapping[str, Release]
    last_run: Run | None
    """The newest run of the whole: rows for a sink or a lookup brought anew say nothing of the rest."""
    runs: int
    """The number of the newest run of any kind; 0 before the first."""
    origin: KnownOrigin | None = None
    """Where the code as it is now comes from."""

    @property
    def name(self) -> str:
        return self.known.name

    @property
    def title(self) -> str:
        return self.known.title or self.known.name

    @property
    def answering(self) -> tuple[StepInfo, ...]:
        """What can be asked: endpoints first (they are what people ask), then models, in the order of the file."""
        return (*self.declaration.of_kind(Kind.ENDPOINT), *self.declaration.of_kind(Kind.MODEL))

    def full(self, name: str) -> str:
        """The full name of a model or endpoint."""
        return f"{self.name}.{name}"

    def champion(self, name: str) -> int | None:
        """The number of the version of a model that answers."""
        found = self.released.get(self.full(name))
        return found.champion if found else None

    def target_of(self, name: str) -> StepInfo | None:
        """The target that a model learns, or None for an endpoint or a model without one."""
        step = self.declaration.step(name)
        for named in references(self.declaration, step).values():
            found = self.declaration.step(named.step)
            if found.kind is Kind.TARGET:
                return found
        return None


def facts_of(connection: Connection, name: str) -> SolutionFacts:
    """The facts about one solution. Raises NotFound."""
    known = get_solution(connection, name)
    declaration = Declaration.from_json(known.declaration)
    return SolutionFacts(
        known=known,
        declaration=declaration,
        newest={version.model: version for version in newest_versions(connection, name)},
        released=releases(connection, name),
        last_run=next(iter(runs_of(connection, name, limit=1, whole=True)), None),
        runs=next((one.number for one in runs_of(connection, name, limit=1)), 0),
        origin=origin_of(connection, name, declaration.code),
    )


def facts_of_model(connection: Connection, full_name: str) -> tuple[SolutionFacts, StepInfo]:
    """The facts about a model's solution, and the model or endpoint itself. Raises NotFound with near names."""
    solution, _, name = full_name.partition(".")
    facts = facts_of(connection, solution)
    step = next((one for one in facts.answering if one.name == name), None)
    if step is None:
        names = [facts.full(one.name) for one in facts.answering]
        raise NotFound(
            f"{facts.title} has no model or endpoint {name!r}.",
            code="model-not-found",
            near=near(full_name, names),
            hint=f"It has {', '.join(names)}." if names else None,
        )
    return facts, step
