"""The notebook page: what it says of a lift, of one that is edited, damaged, hostile, or very long."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed

from lifted_trains import CODE, LIFT, PROOF, a_long_origin, register
from unshelve.registry.origins import origin_of, put_origin
from unshelve.security.actors import Role
from unshelve.solution.lifted import Origin
from unshelve.solution.origin import AnswersBefore, AuthorsRow, LiftChanges, LiftedStatement, MetricBefore, Verdict
from web_house import CODE as CODE_DIGEST
from web_house import MODEL, House

PAGE = "/solutions/trains/notebook"
MOST_BYTES = 60_000
WHOLE = Origin(lift=LIFT, proof=PROOF, code=CODE)


def _text(html: str) -> str:
    """What a person reads, without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html))


def test_the_page_says_first_what_became_of_the_notebook_and_whether_it_is_proven(house: House) -> None:
    text = _text(house.browser(Role.VIEWER).get(PAGE).text)
    assert "17 of 29 statements became 7 steps. The other 12 are dropped and grey" in text
    assert "2 of 2 stable metrics equal. Asked over HTTP, 300 of 300 raw test rows got the notebook’s answer." in text
    assert "8 proven1 equal within tolerance1 unstable1 not covered" in text


def test_statements_and_steps_lead_to_each_other(house: House) -> None:
    html = house.browser().get(PAGE).text
    ids = set(re.findall(r' id="([^"]+)"', html))
    links = set(re.findall(rf'href="(?:{PAGE})?#([^"]+)"', html))
    assert links - {"main"} <= ids
    statement = re.search(r'<a class="stmt" data-step="(\d+)" href="#(step-\d+)"><span>med = ', html)
    assert statement
    assert f'id="{statement[2]}" data-step="{statement[1]}" tabindex="-1"><header><h3>usual</h3>' in html


def test_dropped_statements_say_why_and_repaired_ones_what_was_changed(house: House) -> None:
    html = house.browser().get(PAGE).text
    assert '<div class="stmt dropped"><span>df.head()</span><small>looks only</small></div>' in html
    assert "repaired: <code>df = pd.read_csv(&#39;trains.csv&#39;, parse_dates=[&#39;leaves&#39;])</code>" in html
    assert re.search(rf'1 repaired</span></dt><dd><a href="{PAGE}#cell-3">cell 3</a>', html)
    assert '<div class="stmt between"><span># cancelled ones have no delay</span></div>' in html


def test_the_twin_holds_the_cells_steps_values_and_findings(house: House) -> None:
    twin = house.browser().json(PAGE)
    assert [len(twin[name]) for name in ("cells", "steps", "values", "findings")] == [12, 8, 11, 4]
    assert twin["seal"] == {
        "state": "Proven",
        "sentence": twin["seal"]["sentence"],
        "proven": 8,
        "within": 1,
        "unstable": 1,
        "not_covered": 1,
        "different": 0,
    }
    step = next(one for one in twin["steps"] if one["name"] == "usual")
    assert (step["kind"], step["state"], step["remarks"]) == ("fit", "equal within tolerance", 1)
    assert step["code"].startswith("@fit\ndef usual(run):")


@pytest.mark.parametrize("path", [f"/models/{MODEL}", f"/models/{MODEL}/versions/2", "/solutions/trains"])
def test_what_was_lifted_says_so_with_its_verdict(house: House, path: str) -> None:
    html = house.browser().get(path).text
    badge = re.search(r'<p class="small lifted">(.*?)</p>', html, re.DOTALL)
    assert badge and _text(badge[1]) == "Lifted from late_trains.ipynb proven"
    assert f'href="{PAGE}"' in badge[1]
    assert re.search(rf'href="{PAGE}">Notebook<small>proven</small>', html)


def test_a_version_of_earlier_code_leads_to_the_lift_that_it_was_made_of(own_house: House) -> None:
    with own_house.site.database.write() as connection:
        known = origin_of(connection, "trains", CODE_DIGEST)
        assert known
        put_origin(connection, replace(known, code="e" * 64, state="not-proven"))
    browser = own_house.browser()
    earlier = browser.get(f"{PAGE}?code={'e' * 64}").text
    assert "This is an earlier state of the solution" in earlier
    assert f'href="{PAGE}?code={"e" * 64}#cell-7"' in earlier
    assert browser.get(f"{PAGE}?code=unknown").status_code == 404


def test_a_solution_that_was_written_by_hand_has_no_such_page(own_house: House) -> None:
    register(own_house, None)
    browser = own_house.browser()
    response = browser.get(PAGE)
    assert (response.status_code, "was not lifted from a notebook" in response.text) == (404, True)
    assert "Lifted from" not in browser.get(f"/models/{MODEL}").text
    assert ">Notebook<" not in browser.get("/solutions/trains").text


def test_of_edited_code_no_line_is_shown_and_nothing_is_called_proven(own_house: House) -> None:
    register(own_house, changed(WHOLE, code="", edited=True))
    html = own_house.browser().get(PAGE).text
    assert "The code was edited since the lift" in html
    assert "<b>Edited since</b>" in html and "Of the code as the lift wrote it: proven. It has changed since." in html
    assert "def usual" not in html
    assert "Notebook<small>edited since</small>" in html


@pytest.mark.parametrize(
    ("origin", "title", "said"),
    [
        (changed(WHOLE, proof=None), "No proof yet", "was not held against the notebook yet"),
        (changed(WHOLE, proof=None, problem="`proof.json` is not."), "No proof yet", "The Proof of the lift cannot"),
        (changed(WHOLE, notebook_edited=True), "Proven", "late_trains.ipynb was edited since the lift"),
        (changed(WHOLE, proof=changed(PROOF, outcome="not-proven", reason="Row 7.")), "Not proven", "Row 7."),
        (changed(WHOLE, proof=changed(PROOF, outcome="refused", reason="Lags.")), "Refused", "Lags."),
        (changed(WHOLE, proof=changed(PROOF, request=None)), "Proven", "Single requests were not compared."),
        (changed(WHOLE, lift=changed(LIFT, entry="table", entry_reason="A lag.")), "Proven", "not a raw one: A lag."),
        (changed(WHOLE, lift=changed(LIFT, entry="script", entry_reason="Loops.")), "Proven", "not sliced: Loops"),
    ],
)  # fmt: skip
def test_what_is_not_whole_is_said(own_house: House, origin: Origin, title: str, said: str) -> None:
    register(own_house, origin)
    response = own_house.browser().get(PAGE)
    assert response.status_code == 200
    assert f"<b>{title}</b>" in response.text
    assert said in _text(response.text)
    assert own_house.browser().get(PAGE + ".json").status_code == 200


def test_what_differs_from_the_lift_before_and_what_was_edited_is_said(own_house: House) -> None:
    changes = LiftChanges(
        added=("delay_by_day",),
        changed=("usual", "late"),
        metrics=(MetricBefore(name="notebook_accuracy accuracy_score", before="0.81", now="0.84"),),
        answers=AnswersBefore(rows=1200, changed=31),
    )
    register(own_house, changed(WHOLE, proof=changed(PROOF, edited=("late",), changes=changes)))
    html = own_house.browser().get(PAGE).text
    assert '<dt class="muted">Edited by hand</dt><dd>late</dd>' in html
    assert '<th scope="row">Steps changed</th><td>usual, late</td><td>with other code</td>' in html
    assert own_house.browser().json(PAGE)["changes"][-1] == {
        "what": "Answers", "before": "1,200 test rows", "now": "31 answered otherwise",
    }  # fmt: skip


def test_a_lift_that_cannot_be_read_is_said_and_nothing_is_claimed(own_house: House) -> None:
    register(own_house, Origin(lift=None, proof=None, code="", problem="`lift.json` is torn."))
    response = own_house.browser().get(PAGE)
    text = _text(response.text)
    assert response.status_code == 200
    assert "What the lift wrote cannot be readlift.json is torn. Lift the notebook again" in text
    assert "Findings in short" not in response.text and "Proven" not in text
    assert "Notebook<small>cannot be read</small>" in response.text
    assert own_house.browser().json(PAGE)["seal"]["state"] == "Cannot be read"


def test_one_different_value_is_never_beside_the_word_proven(own_house: House) -> None:
    values = (changed(PROOF.values[0], verdict=Verdict.DIFFERENT, solution="0.74"), *PROOF.values[1:])
    register(own_house, changed(WHOLE, proof=changed(PROOF, values=values)))
    html = own_house.browser().get(PAGE).text
    assert "<b>Not proven</b>" in html and "<b>1</b> different" in html
    assert "Notebook<small>not proven</small>" in html
    card = re.search(r"<h3>late</h3>.*?</header>", html, re.DOTALL)
    assert card and "different" in card[0]


def test_what_a_notebook_holds_is_shown_and_never_done(own_house: House) -> None:
    evil = "<script>alert(1)</script>"
    cells = tuple(changed(one, source=one.source + f"\n# {evil}") for one in LIFT.cells)
    statements = tuple(
        changed(one, source=evil, dropped=evil if one.dropped else None, repaired=evil) for one in LIFT.statements
    )
    findings = tuple(changed(one, message=evil, repair=evil) for one in LIFT.findings)
    lift = changed(LIFT, notebook=evil, cells=cells, statements=statements, findings=findings)
    values = tuple(changed(one, what=evil, notebook=evil, detail=evil) for one in PROOF.values)
    register(own_house, Origin(lift=lift, proof=changed(PROOF, values=values), code=CODE.replace("train", evil)))
    for path in (PAGE, f"/models/{MODEL}", "/solutions/trains"):
        html = own_house.browser().get(path).text
        assert evil not in html and "&lt;script&gt;" in html


@pytest.mark.parametrize(("cells", "statements"), [(300, 4), (1, 2_000)])
def test_a_long_notebook_comes_in_pages_within_the_budget(own_house: House, cells: int, statements: int) -> None:
    origin = a_long_origin(cells, statements=statements)
    assert origin.lift
    register(own_house, origin)
    browser = own_house.browser()
    path, seen = PAGE, list[str]()
    while path:
        html = browser.get(path).text
        assert len(html.encode()) < MOST_BYTES
        seen += re.findall(r"column_\d+_\d+", html)
        later = re.search(rf'href="({PAGE}\?page=\d+)#both">Later', html)
        path = later[1] if later else ""
    assert len(seen) == len(set(seen)) == len(origin.lift.statements)


def test_five_thousand_cells_break_nothing(own_house: House) -> None:
    register(own_house, a_long_origin(5_000))
    browser = own_house.browser()
    response = browser.get(PAGE)
    assert len(response.content) < MOST_BYTES
    assert "of 5,000" in response.text and "All 1,666 values" in response.text
    assert len(browser.get(PAGE + "?show=values").text.split('<th scope="row">')) == 1_001
    assert len(browser.json(PAGE)["cells"]) == 5_000


@pytest.mark.parametrize(("query", "status"), [("page=0", 404), ("page=99", 404), ("page=x", 400), ("show=x", 404)])
def test_a_page_that_is_not_there_is_said(house: House, query: str, status: int) -> None:
    assert house.browser().get(f"{PAGE}?{query}").status_code == status


def test_a_long_statement_is_cut_and_says_so(own_house: House) -> None:
    def long(one: LiftedStatement) -> Any:
        return changed(one, source="\n".join(["x = ["] + [f"    {n}," for n in range(4_000)] + ["]"]))

    lift = changed(LIFT, statements=tuple(long(one) for one in LIFT.statements))
    register(own_house, changed(WHOLE, lift=lift))
    response = own_house.browser().get(PAGE)
    assert len(response.content) < MOST_BYTES
    assert re.search(r"… and 3,\d\d\d more lines", response.text)


def test_the_author_s_own_row_fills_the_form_before_any_other_example(own_house: House) -> None:
    row = {"origin": "South", "leaves": "2026-03-14T17:05:00", "wind": 31.5, "cars": 11, "express": True}
    cell = LIFT.statements[-1].cell
    register(own_house, Origin(lift=changed(LIFT, examples=(AuthorsRow(cell=cell, row=row),)), proof=PROOF, code=CODE))
    browser = own_house.browser(Role.USER)
    html = browser.get(f"/models/{MODEL}/ask").text
    assert 'name="f.cars" value="11"' in html and 'name="f.wind" value="31.5"' in html
    assert f"The author’s own row, from cell {cell} of late_trains.ipynb." in _text(html)
    assert f'href="{PAGE}#cell-{cell}"' in html
    assert "author" not in browser.get(f"/models/{MODEL}/ask?empty=yes").text
    assert f"/models/{MODEL}/ask?example=1" in html
    assert 'name="f.cars" value="3"' in browser.get(f"/models/{MODEL}/ask?example=1").text
    assert "author" not in browser.get("/models/trains.advice/ask").text


def test_without_a_row_of_the_author_s_the_form_holds_what_is_usual(house: House) -> None:
    html = house.browser(Role.USER).get(f"/models/{MODEL}/ask").text
    assert "author" not in html and "A real example" in html
