"""The drawn pipeline: layers go from left to right, steps keep apart, wires reach from each input to its step."""

from __future__ import annotations

import itertools
import time
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from unshelve.web import states
from unshelve.web.graph.drawing import MOST_STEPS, Node, draw
from unshelve.web.graph.layout import STEP_GAP, place

FLIGHTS = {
    "flights": (),
    "planes": (),
    "weather": (),
    "sane": ("flights",),
    "flown": ("flights",),
    "late": ("flown",),
    "usual": ("flown",),
    "age": ("planes",),
    "features": ("flown", "usual", "age", "weather"),
    "lateness": ("features", "late"),
    "delay": ("features",),
    "by_airport": ("features",),
    "advice": ("lateness", "delay"),
}


@st.composite
def graphs(draw_: st.DrawFn) -> dict[str, tuple[str, ...]]:
    size = draw_(st.integers(1, 24))
    return {
        f"s{n}": tuple(f"s{m}" for m in draw_(st.sets(st.integers(0, n - 1), max_size=4)) if m < n) if n else ()
        for n in range(size)
    }


@given(graphs())
def test_each_step_stands_right_of_its_inputs(graph: dict[str, tuple[str, ...]]) -> None:
    layout = place(graph)
    assert all(layout.layer[one] < layout.layer[name] for name, given_ in graph.items() for one in given_)


@given(graphs())
def test_steps_of_a_layer_keep_apart(graph: dict[str, tuple[str, ...]]) -> None:
    layout = place(graph)
    for layer in range(layout.layers):
        rows = sorted(layout.row[name] for name in graph if layout.layer[name] == layer)
        assert all(below - above >= STEP_GAP - 1e-6 for above, below in itertools.pairwise(rows))


@given(graphs())
def test_a_wire_has_a_lane_in_every_layer_that_it_passes(graph: dict[str, tuple[str, ...]]) -> None:
    layout = place(graph)
    for (parent, name), lanes in layout.lanes.items():
        assert len(lanes) == layout.layer[name] - layout.layer[parent] - 1


def test_the_wires_of_a_real_pipeline_hardly_cross() -> None:
    layout = place(FLIGHTS)
    assert layout.layers == 6
    assert layout.rows <= 4.5


def test_fifty_steps_are_placed_in_a_blink() -> None:
    graph = {f"s{n}": tuple({f"s{n // 2}", f"s{n // 3}"}) if n else () for n in range(50)}
    began = time.process_time()
    place(graph)
    assert time.process_time() - began < 0.5


def test_every_step_is_a_link_that_says_what_it_did() -> None:
    nodes = [
        Node(
            name=name, kind="step", state=states.step("ran"), inputs=given_, href=f"#{name}", detail="<b>1,000 rows</b>"
        )
        for name, given_ in FLIGHTS.items()
    ]
    drawn = draw(nodes, name="flights")
    links = ElementTree.fromstring(drawn.svg).findall("a")
    assert [link.attrib["href"] for link in links] == [f"#{name}" for name in FLIGHTS]
    assert links[0].attrib["aria-label"] == "flights, step, ran: <b>1,000 rows</b>"
    assert drawn.tally == ((states.step("ran"), len(FLIGHTS)),)


def test_a_pipeline_that_nobody_could_read_is_not_drawn() -> None:
    nodes = [Node(name=f"s{n}", kind="step", state=states.OK) for n in range(MOST_STEPS + 1)]
    drawn = draw(nodes, name="huge")
    assert drawn.svg == ""
    assert len(drawn.nodes) == MOST_STEPS + 1
