"""The doors: every route asks who it is, forms come from here, and nothing too large gets in."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.responses import Response

from unshelve.security.actors import Role
from unshelve.security.permissions import MINIMUM, Action, allowed
from unshelve.web.app import HEADERS, build, check
from unshelve.web.asked import Asked
from unshelve.web.route import Route
from unshelve.web.routes.table import PUBLIC, ROUTES
from unshelve.web.site import WebSettings
from web_house import MODEL, House, a_house

ROLES = (Role.VIEWER, Role.USER, Role.OWNER)


def _address(route: Route, house: House) -> str:
    values = {
        "solution": "trains", "model": MODEL, "number": "2", "run": house.run_id, "prediction": house.predictions[0],
        "task": "timetable", "name": "by_hour", "key": "none", "user": "none", "secret": "none", "kind": "csv",
        "source": "none",
        "sink": "nightly", "batch": "none", "webhook": "none", "delivery": "none",
    }  # fmt: skip
    return "/static/tokens.css" if route.name == "static" else route.path.format(**values)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_that_is_not_public_answers_nobody_unknown(house: House, route: Route) -> None:
    response = house.browser(None).send(route.method, _address(route, house), headers={"accept": "application/json"})
    tried = route.name.startswith("sign-in-by-")  # answers 401 itself: what was shown there lets nobody in
    assert (response.status_code == 401) == (route.name not in PUBLIC or tried)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", [one for one in ROUTES if one.name not in PUBLIC], ids=lambda route: route.name)
def test_a_route_refuses_a_role_that_the_table_does_not_allow(house: House, route: Route, role: Role) -> None:
    least = MINIMUM[route.action]
    assert least is not None
    key = house.key(role)
    response = house.browser(None).send(
        route.method,
        _address(route, house),
        headers={"authorization": f"Bearer {key}", "accept": "application/json"},
        follow_redirects=False,
    )
    with house.site.database.read():
        actor = house.site.doorkeeper.actor(bearer=key, session=None, now=house.site.clock.now())
    assert (response.status_code == 403) == (not allowed(actor, route.action))
    assert response.status_code < 500


def test_the_table_and_the_list_of_public_routes_agree() -> None:
    check(ROUTES)
    assert {route.name for route in ROUTES if route.action is Action.ENTER} == PUBLIC


def _answer(_asked: Asked) -> Response:
    return Response()


@pytest.mark.parametrize(
    "changed",
    [
        {"action": Action.ENTER},
        {"action": None},
        {"name": "solutions"},
        {"path": "/solutions"},
    ],
)
def test_a_table_that_would_open_a_door_does_not_start(house: House, changed: dict[str, object]) -> None:
    route = Route(method="GET", path="/new", action=Action.SEE, handler=_answer, name="new")
    with pytest.raises(RuntimeError):
        build(house.site, (*ROUTES, dataclasses.replace(route, **changed)))  # type: ignore[arg-type]


def test_a_form_without_the_token_of_its_session_changes_nothing(own_house: House) -> None:
    browser = own_house.browser()
    form = {"name": "zacharias", "role": "owner"}
    assert browser.post("/users", form).status_code == 403
    assert browser.post("/users", {**form, "csrf": "guessed"}).status_code == 403
    assert "zacharias" not in browser.get("/users").text
    assert browser.post("/users", form, from_page="/users").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
def test_another_site_cannot_send_our_forms(house: House, headers: dict[str, str]) -> None:
    browser = house.browser()
    response = browser.post("/theme", {"theme": "dark"}, headers=headers)
    assert response.status_code == 403
    assert browser.post("/theme", {"theme": "dark"}, from_page="/solutions").status_code == 303


def test_a_key_needs_no_token_and_opens_no_session(own_house: House) -> None:
    key = own_house.key(Role.OWNER)
    response = own_house.browser(None).send(
        "POST", "/api/solutions/trains/runs", json={}, headers={"authorization": f"Bearer {key}"}
    )
    assert response.status_code == 202
    assert "set-cookie" not in response.headers


def test_a_key_that_is_wrong_is_not_let_in_even_with_a_session(house: House) -> None:
    response = house.browser().get("/api/solutions", authorization="Bearer unsh_wrong")
    assert response.status_code == 401


def test_a_body_over_the_limit_is_refused_with_and_without_its_length(own_house: House) -> None:
    site = dataclasses.replace(own_house.site, settings=WebSettings(most_form_bytes=1_000))
    house = dataclasses.replace(own_house, app=build(site))
    key = {"authorization": f"Bearer {own_house.key(Role.OWNER)}", "accept": "application/json"}
    large = b'{"cause": "' + b"x" * 2_000 + b'"}'
    browser = house.browser(None)
    assert browser.send("POST", "/api/solutions/trains/runs", content=large, headers=key).status_code == 413

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100

    assert browser.send("POST", "/api/solutions/trains/runs", content=pieces(), headers=key).status_code == 413


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[1]", 415), (b'{"parameters": 3}', 422), (b"\xff", 400), (b"[" * 100_000, 400), (b"", 202)],
)
def test_a_body_that_cannot_be_read_is_a_clear_refusal(house: House, body: bytes, status: int) -> None:
    headers = {"authorization": f"Bearer {house.key(Role.OWNER)}", "accept": "application/json"}
    response = house.browser(None).send("POST", "/api/solutions/trains/runs", content=body, headers=headers)
    assert response.status_code == status


def test_every_response_carries_the_security_headers(house: House) -> None:
    for path in ("/sign-in", "/nothing-here", "/static/tokens.css", "/api/solutions", "/solutions"):
        headers = house.browser().get(path).headers
        assert {name for name in HEADERS if name not in headers} == set()
        assert "'unsafe-inline'" not in headers["content-security-policy"]


def test_static_files_may_be_kept_when_their_digest_is_named(house: House) -> None:
    browser = house.browser(None)
    assert "immutable" in browser.get("/static/tokens.css?0123").headers["cache-control"]
    assert browser.get("/static/tokens.css").headers["cache-control"] == "no-cache"
    for path in ("/static/VENDORED.toml", "/static/..%2fapp.py", "/static/nothing.css"):
        assert browser.get(path).status_code == 404


def test_a_page_that_needs_somebody_leads_to_the_door_and_back(own_house: House) -> None:
    browser = own_house.browser(None)
    response = browser.get("/models/trains.late?x=1")
    assert response.headers["location"] == "/sign-in?next=/models/trains.late%3Fx%3D1"
    fragment = browser.get("/models/trains.late", hx_request="true")
    assert fragment.headers["hx-redirect"].startswith("/sign-in?next=")


def test_a_one_time_link_is_used_by_its_button_and_not_by_looking_at_it(tmp_path: Path) -> None:
    house = a_house(tmp_path)
    browser = house.browser(Role.OWNER)
    page = browser.post("/users", {"name": "ada", "role": "user"}, from_page="/users").text
    link = page.split('class="key" tabindex="0">http://house')[1].split("<")[0]
    visitor = house.browser(None)
    assert visitor.get(link).status_code == 200
    assert visitor.get(link).status_code == 200
    assert visitor.post(link).headers["location"] == "/welcome"
    assert house.browser(None).post(link).status_code == 401
    assert visitor.get("/solutions/trains").status_code == 200
    assert visitor.get("/users").status_code == 403
