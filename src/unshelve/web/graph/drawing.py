"""Draws a pipeline: boxes that are links, wires that light up where one points, and a line that says what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from unshelve.web.charts import svg
from unshelve.web.charts.figure import WIDE
from unshelve.web.graph.layout import Layout, place
from unshelve.web.states import State

MOST_STEPS: Final = 160
"""A larger pipeline is shown as its table only: nobody reads such a picture, and the page stays light."""

_ROW: Final = 66.0
_BOX: Final = 44.0
_NARROW: Final = 140.0
_BROAD: Final = 208.0
_GAP: Final = 22.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One step: its name, kind and state, what it takes, where its box leads, and what it did in a few words."""

    name: str
    kind: str
    state: State
    inputs: tuple[str, ...] = ()
    href: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The drawn pipeline with its steps (for the table below) and how many are in each state."""

    svg: Markup = field(repr=False, metadata={"twin": False})
    nodes: tuple[Node, ...]
    tally: tuple[tuple[State, int], ...]
    label: str


def draw(nodes: Sequence[Node], *, name: str) -> Pipeline:
    """The picture of a pipeline, its steps and their tally."""
    tally: dict[State, int] = {}
    for node in nodes:
        tally[node.state] = tally.get(node.state, 0) + 1
    label = _label(nodes, name)
    picture = _picture(nodes, label) if 0 < len(nodes) <= MOST_STEPS else Markup("")
    return Pipeline(svg=picture, nodes=tuple(nodes), tally=tuple(tally.items()), label=label)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The sizes of one picture in pixels."""

    box: float
    stride: float
    left: float
    width: float
    height: float


def _picture(nodes: Sequence[Node], label: str) -> Markup:
    layout = place({node.name: node.inputs for node in nodes})
    frame = _frame(nodes, layout)
    wires = _wires(layout, frame)
    parts = [svg.element("g", svg.join(wires.values()), class_="wires")]
    for node in nodes:
        own = [svg.element("use", href=f"#w{place}") for place, pair in enumerate(wires) if node.name in pair]
        parts.append(_box(node, layout, frame, own))
    hint = "Point at a step, or go there with Tab, to see what it did and what it feeds."
    parts.append(svg.text(4, frame.height - 8, hint, "idle"))
    own_size = frame.width > WIDE
    return svg.element(
        "svg", svg.join(parts), class_="plot own drawn" if own_size else "plot wide drawn",
        viewBox=f"0 0 {svg.number(frame.width)} {svg.number(frame.height)}",
        width=frame.width if own_size else None, height=frame.height if own_size else None,
        role="group", aria_label=label,
    )  # fmt: skip


def _frame(nodes: Sequence[Node], layout: Layout) -> _Frame:
    longest = max(max(len(node.name) * 7.3, svg.width(f"{node.kind} · {node.state.word}")) for node in nodes)
    fitting = (WIDE - 8 - (layout.layers - 1) * _GAP) / max(layout.layers, 1)
    box = max(_NARROW, min(50 + longest, _BROAD, fitting))
    spare = WIDE - 8 - layout.layers * box
    gap = min(max(spare / max(layout.layers - 1, 1), _GAP), 84.0)
    used = layout.layers * box + (layout.layers - 1) * gap
    return _Frame(
        box=box,
        stride=box + gap,
        left=max((WIDE - used) / 2, 4.0),
        width=max(WIDE, used + 8),
        height=layout.rows * _ROW + _BOX + 8 + 44,
    )


def _wires(layout: Layout, frame: _Frame) -> dict[tuple[str, str], Markup]:
    wires: dict[tuple[str, str], Markup] = {}
    for (parent, name), lanes in layout.lanes.items():
        x = frame.left + layout.layer[parent] * frame.stride + frame.box
        y = _middle(layout.row[parent])
        d = f"M{svg.number(x)},{svg.number(y)}"
        stops = [*lanes, layout.row[name]]
        for index, row in enumerate(stops):
            end = x + frame.stride - frame.box
            to = _middle(row)
            bend = (end - x) / 2
            if abs(to - y) < 0.5:
                d += f" H{svg.number(end)}"
            else:
                d += f" C{svg.number(x + bend)},{svg.number(y)} {svg.number(end - bend)},{svg.number(to)} "
                d += f"{svg.number(end)},{svg.number(to)}"
            x, y = end, to
            if index < len(lanes):
                x += frame.box
                d += f" H{svg.number(x)}"
        wires[parent, name] = svg.element("path", id=f"w{len(wires)}", d=d)
    return wires


def _box(node: Node, layout: Layout, frame: _Frame, wires: Sequence[Markup]) -> Markup:
    x = frame.left + layout.layer[node.name] * frame.stride
    y = _middle(layout.row[node.name]) - _BOX / 2
    foot = frame.height - 8
    told = svg.text(4, foot, node.name, "say")
    detail = svg.fitting(node.detail, frame.width - 30 - svg.width(node.name))
    told += svg.text(16 + svg.width(node.name), foot, detail) if detail else Markup("")
    inside = svg.element("rect", class_="box", x=x, y=y, width=frame.box, height=_BOX, rx=8)
    inside += svg.element("use", class_="icon", href=f"#i-{node.state.icon}", x=x + 11, y=y + 14, width=16, height=16)
    inside += svg.text(x + 35, y + 19, _shortened(node.name, frame.box - 43), "name")
    inside += svg.text(x + 35, y + 34, svg.fitting(f"{node.kind} · {node.state.word}", frame.box - 37))
    inside += svg.element("g", svg.join(wires) + told, class_="more")
    said = f"{node.name}, {node.kind}, {node.state.word}{': ' + node.detail if node.detail else ''}"
    return svg.element("a", inside, class_=f"node is-{node.state.tone}", href=node.href or "#", aria_label=said)


def _middle(row: float) -> float:
    return 4 + _BOX / 2 + row * _ROW


def _shortened(name: str, room: float) -> str:
    letters = int(room / 7.25)
    return name if len(name) <= letters else f"{name[: letters - 1]}…"


def _label(nodes: Sequence[Node], name: str) -> str:
    kinds: Mapping[str, int] = {kind: sum(1 for node in nodes if node.kind == kind) for kind in ("source", "model")}
    steps = f"{len(nodes)} step{'' if len(nodes) == 1 else 's'}"
    told = ", ".join(f"{number} {kind}{'' if number == 1 else 's'}" for kind, number in kinds.items() if number)
    return f"Pipeline of {name}: {steps}{', ' + told if told else ''}"
