"""Lifting a notebook again from its page: who may, where it can be done, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed

from lifted_trains import CODE, LIFT, PROOF, register
from unshelve.errors import Conflict
from unshelve.ids import digest
from unshelve.registry.solutions import get_solution
from unshelve.security.actors import Actor, Role
from unshelve.solution.lifted import Origin
from unshelve.web.app import build
from unshelve.web.site import LiftingAgain
from web_house import House

PAGE = "/solutions/trains/notebook"
AGAIN = f"{PAGE}/again"
NAME = "late_trains.ipynb"


@dataclass
class Lifts:
    """Lifts that were asked for."""

    now: LiftingAgain | None = None
    asked: list[tuple[str, Path, str | None, str]] = field(default_factory=list)

    def start(self, solution: str, notebook: Path, *, keep: Any, actor: Actor) -> None:
        if self.now is not None and self.now.going_on:
            raise Conflict("The notebook of trains is being lifted.")
        self.asked.append((solution, notebook, keep, actor.role.value))
        self.now = LiftingAgain(going_on=True, said="Reading the notebook")

    def state(self, solution: str) -> LiftingAgain | None:
        return self.now


@pytest.fixture
def lifts() -> Lifts:
    return Lifts()


@pytest.fixture
def lifting(own_house: House, lifts: Lifts) -> House:
    """A house that can lift, with an edited notebook in the solution's folder."""
    site = replace(own_house.site, lifts=lifts)
    register(own_house, Origin(lift=changed(LIFT, digest=digest(b"lifted")), proof=PROOF, code=CODE))
    (folder(own_house) / NAME).write_bytes(b"edited")
    return replace(own_house, site=site, app=build(site))


def folder(house: House) -> Path:
    with house.site.database.read() as connection:
        return Path(get_solution(connection, "trains").folder)


def test_the_button_lifts_the_edited_notebook_and_leads_to_how_it_stands(lifting: House, lifts: Lifts) -> None:
    owner = lifting.browser()
    html = owner.get(PAGE).text
    assert ">Lift again</button>" in html and f"{NAME} was edited since the lift" in html
    assert f"unshelve lift {NAME}" not in html
    response = owner.post(AGAIN, {"keep": ""}, from_page=PAGE)
    assert (response.status_code, response.headers["location"]) == (303, AGAIN)
    assert lifts.asked == [("trains", folder(lifting) / NAME, None, "owner")]
    html = owner.get(AGAIN).text
    assert "Reading the notebook" in html and f'hx-get="{AGAIN}"' in html and "</button></form>\n<p" not in html
    assert "It is being lifted again" in owner.get(PAGE).text


def test_who_may_not_run_has_no_button_and_no_way(lifting: House, lifts: Lifts) -> None:
    user = lifting.browser(Role.USER)
    assert "Lift again" not in user.get(PAGE).text
    assert user.get(AGAIN).status_code == 403
    assert user.post(AGAIN, {"keep": "mine"}, from_page="/me").status_code == 403
    assert lifts.asked == []


def test_where_the_notebook_does_not_lie_here_words_say_how(lifting: House, lifts: Lifts) -> None:
    owner = lifting.browser()
    (folder(lifting) / NAME).unlink()
    assert ">Lift again</button>" not in owner.get(PAGE).text
    assert f"<code>unshelve lift {NAME}</code> does it where it lies" in owner.get(AGAIN).text
    response = owner.post(AGAIN, {"keep": ""}, from_page="/me")
    assert response.status_code == 422
    assert lifts.asked == []


def test_an_unchanged_notebook_has_no_button(lifting: House) -> None:
    (folder(lifting) / NAME).write_bytes(b"lifted")
    assert ">Lift again</button>" not in lifting.browser().get(PAGE).text


def test_a_conflict_shows_both_versions_and_asks_whose_to_take(lifting: House, lifts: Lifts) -> None:
    lifts.now = LiftingAgain(
        going_on=False, said="usual was changed by both.", problems=("usual:", "  <mine>"), conflict=True, failed=True
    )
    owner = lifting.browser()
    html = owner.get(AGAIN).text
    assert "usual was changed by both." in html and "  &lt;mine&gt;" in html and "hx-get" not in html
    assert 'value="mine">Keep what people wrote' in html and 'value="notebook">Take the notebook’s' in html
    assert owner.post(AGAIN, {"keep": "theirs"}, from_page=AGAIN).status_code == 400
    assert owner.post(AGAIN, {"keep": "notebook"}, from_page=AGAIN).status_code == 303
    assert [each[2] for each in lifts.asked] == ["notebook"]


def test_what_cannot_be_begun_is_said_on_the_same_page(lifting: House, lifts: Lifts) -> None:
    owner = lifting.browser()
    owner.post(AGAIN, {"keep": ""}, from_page=PAGE)
    response = owner.post(AGAIN, {"keep": ""}, from_page="/me")
    assert response.status_code == 409 and "The notebook of trains is being lifted." in response.text
    assert len(lifts.asked) == 1


def test_a_lift_that_is_in_its_place_leads_to_its_run(lifting: House, lifts: Lifts) -> None:
    lifts.now = LiftingAgain(going_on=False, said="It is proven, and in its place.", run="abc")
    twin = lifting.browser().json(AGAIN)
    assert (twin["outcome"], twin["run"]["href"], twin["may_start"]) == ("Lifted again", "/runs/abc", True)
