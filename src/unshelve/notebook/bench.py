"""What the steps of a solution are made with: what is known of the notebook, and what has been made so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from unshelve.notebook.bodies import Body, Collector, Param, Rewritten
from unshelve.notebook.choosing import Choice
from unshelve.notebook.draft import CannotShape, DraftStep, Kind
from unshelve.notebook.entry import Entry, find_entry
from unshelve.notebook.naming import Names, slug
from unshelve.notebook.parts import Parts, find_parts
from unshelve.notebook.seen import Seen, Version


@dataclass(slots=True)
class Bench(ABC):
    """One attempt to write the steps. `cuts` are versions of tables that must be steps of their own."""

    seen: Seen
    choice: Choice
    cuts: set[Version]
    from_source: bool = False
    """Whether the target is read from the source's own rows, and not from those that were kept."""
    parts: Parts = field(init=False)
    entry: Entry = field(init=False)
    names: Names = field(init=False)
    known: dict[Version, Param] = field(init=False, default_factory=dict)
    made: dict[str, DraftStep] = field(init=False, default_factory=dict)
    made_of: dict[str, str] = field(init=False, default_factory=dict)
    """Of which part the rows are of which the notebook made what a transform makes."""
    rewritten: dict[int, Rewritten] = field(init=False, default_factory=dict)
    hidden: frozenset[str] = field(init=False, default=frozenset())
    """Columns that no request has: those in which the target stands, and what is made of them alone."""
    stands_in: frozenset[str] = field(init=False, default=frozenset())
    """The columns in which the target stands."""
    edits: frozenset[int] = field(init=False, default=frozenset())
    """Statements that only edit the target's column."""
    removals: frozenset[int] = field(init=False, default=frozenset())
    """Statements that only take the target's column away, which no request has."""
    inlining: bool = field(init=False, default=False)
    """Whether what was made of the training rows alone is written into the body that needs it."""
    tops: set[int] = field(init=False, default_factory=set)
    later: tuple[tuple[Version, Version], ...] = field(init=False, default=())
    """Versions of training and test rows after the division that were made by the same words."""
    target: str = field(init=False, default="")
    features: str = field(init=False, default="")
    model: str = field(init=False, default="")
    own_rows: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.parts = find_parts(self.seen, self.choice)
        self.entry = find_entry(self.seen, self.parts)
        self.later = tuple(self.parts.twins(self.seen))
        author = {name for touch in self.seen.flow.touches for name in touch.binds}
        self.names = Names({*self.seen.modules, *(name for name in author if self._at_top(name))})

    @abstractmethod
    def resolve(self, version: Version) -> Param | None:
        """The step that gives a version of a name; None where its statements go into the function that reads it."""

    @abstractmethod
    def rewrite(self, number: int) -> Rewritten:
        """A statement as it is for the rows of a request, with all that it learns in steps of their own."""

    def add(
        self, name: str, kind: Kind, body: Body, lines: list[str], *, title: str, options: str = "", first: str = ""
    ) -> DraftStep:
        """Adds a step whose parameters are the steps that its body names; `first` is put before the others."""
        parts = kind in ("fit", "model", "metric", "chart")
        named = [str(param) if parts else param.step for param in [*body.params.values(), *body.extra.values()]]
        parameters = list(dict.fromkeys(sorted(named, key=lambda each: (each != first, not self.has_rows(each)))))
        step = DraftStep(
            name=name, kind=kind, parameters=parameters, lines=lines, title=title, options=options,
            statements=set(body.inline),
        )  # fmt: skip
        self.made[name] = step
        return step

    def has_rows(self, parameter: str) -> bool:
        step = self.made.get(parameter.removesuffix("_train").removesuffix("_test"))
        return step is not None and step.kind in ("source", "step", "keep", "transform")

    def collector(self, *, rewritten: bool = True, everything: bool = False) -> Collector:
        """How bodies are gathered: with texts fit for requests or as the author's, with or without other steps."""
        return Collector(
            seen=self.seen,
            resolve=(lambda _version: None) if everything else self.resolve,
            rewrite=self.rewrite if rewritten else self.as_written,
            skipped=self.edits | self.removals if rewritten else frozenset(),
            tops=self.tops,
        )

    def version(self, number: int, name: str) -> Version:
        return (self.collector().makers(number, name), name)

    def known_as(self, version: Version, step: str) -> Param:
        self.known[version] = Param(step)
        return self.known[version]

    def cut(self, version: Version) -> Param:
        """The step that a version of a table is; from now on it is one."""
        self.cuts.add(version)
        found = self.resolve(version)
        if found is None:
            raise CannotShape(f"{version[1]} is made in more than one way")
        return found

    def as_written(self, number: int) -> Rewritten:
        return Rewritten(self.seen.source(number))

    def is_frame(self, number: int, table: str) -> bool:
        info = self.seen.before(number, table)
        return info is not None and info.kind == "frame"

    def heading(self, number: int) -> str:
        """The nearest heading above a statement, as a name."""
        for cell in reversed(self.seen.notebook.cells[: self.seen.notebook.statements[number].cell - 1]):
            heads = (
                [line for line in cell.source.splitlines() if line.startswith("#")] if cell.kind == "markdown" else []
            )
            if heads:
                words = slug(heads[-1].lstrip("#0123456789.) "))
                return words if len(words) <= 24 and words not in self.made else ""
        return ""

    def title_of(self, number: int, otherwise: str) -> str:
        comments = self.seen.notebook.statements[number].comments
        said = comments[0].strip().rstrip(".") if comments else ""
        return said if 3 < len(said) <= 80 and '"' not in said else otherwise

    def _at_top(self, name: str) -> bool:
        return any(self.seen.roles[n] == "top" and name in t.binds for n, t in enumerate(self.seen.flow.touches))


@dataclass(frozen=True, slots=True)
class Nothing:
    """What is known of a value of which nothing is known."""

    columns: tuple[str, ...] | None = None


NO_INFO = Nothing()
