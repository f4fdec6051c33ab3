"""Every page: it renders, keeps to its budget, has a twin in JSON, and says things as they are."""

from __future__ import annotations

import dataclasses
import re
import time
from typing import Any

import pytest

from unshelve.registry.releases import champion_of
from unshelve.registry.sinks import BatchState, batches_of
from unshelve.registry.webhooks import DeliveryState, deliveries
from unshelve.security.actors import LOCAL, Role
from unshelve.security.audit import entries
from unshelve.security.links import create_link
from unshelve.security.urls import UrlRules
from unshelve.security.users import create_user
from unshelve.web.app import build
from unshelve.web.site import WebSettings
from web_house import ENDPOINT, MODEL, NOW, Browser, House

PAGES = (
    "/solutions",
    "/solutions/trains",
    "/solutions/trains/pipeline",
    "/solutions/trains/runs",
    "/solutions/trains/notebook",
    "/solutions/trains/lookups",
    "/solutions/trains/schema",
    "/solutions/trains/expectations",
    "/solutions/trains/predictions",
    "/runs/{run}",
    f"/models/{MODEL}",
    f"/models/{ENDPOINT}",
    f"/models/{MODEL}/versions/2",
    f"/models/{MODEL}/schema",
    f"/models/{MODEL}/predictions",
    f"/models/{MODEL}/api",
    f"/models/{MODEL}/ask",
    f"/models/{ENDPOINT}/ask",
    "/predictions/{prediction}",
    "/users",
    "/keys",
    "/webhooks",
    "/solutions/trains/sinks",
    "/audit",
    "/me",
)
WITHOUT_TWIN = (f"/models/{MODEL}/file", "/welcome", "/sign-in")
MOST_BYTES = 60_000


def _at(house: House, path: str) -> str:
    return path.format(run=house.run_id, prediction=house.predictions[0])


@pytest.mark.parametrize("path", [*PAGES, *WITHOUT_TWIN])
def test_a_page_renders_within_its_budget(house: House, path: str) -> None:
    response = house.browser(None if path == "/sign-in" else Role.OWNER).get(_at(house, path))
    assert response.status_code == 200
    assert len(response.content) < MOST_BYTES
    assert "<h1" in response.text
    assert "None" not in re.sub(r"<code>.*?</code>", "", re.sub(r"json=.*", "", response.text), flags=re.DOTALL)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_a_twin_in_json_by_address_and_by_accept(house: House, path: str) -> None:
    browser = house.browser()
    by_address = browser.get(_at(house, path) + ".json")
    assert by_address.headers["content-type"] == "application/json"
    assert by_address.json() == browser.json(_at(house, path))
    assert "<svg" not in by_address.text


def test_two_hundred_rows_are_rendered_in_fifty_milliseconds(house: House) -> None:
    browser = house.browser()
    path = "/solutions/trains/predictions"
    browser.get(path)
    templates = house.site.templates
    rows = browser.json(path)["rows"] * 4
    piece = templates.from_string(
        '{% import "parts/pieces.html" as piece with context %}{% for one in rows %}{{ piece.badge(look) }}'
        "<td>{{ one.said }}</td><td>{{ one.by }}</td><td>{{ one.took }}</td>{% endfor %}"
    )
    from unshelve.web import states

    piece.render(rows=rows[:200], look=states.OK)
    began = time.process_time()
    piece.render(rows=rows[:200], look=states.OK)
    assert time.process_time() - began < 0.05


def test_the_overview_says_what_answers_and_what_waits_for_a_word(house: House) -> None:
    text = house.browser().get("/solutions/trains").text
    assert "Answering" in text
    assert "late v3 passed its gates and waits for your word" in text
    assert "Run 1 failed" in text
    assert "Evenings are late" in text
    assert "<code>usual</code> is learned from the test rows too." in text


def test_a_viewer_sees_no_button_that_a_viewer_may_not_press(house: House) -> None:
    viewer = house.browser(Role.VIEWER)
    page = viewer.get("/solutions/trains").text
    assert "Run now" not in page
    assert "Ask for an answer" not in page
    assert 'href="/audit"' not in page
    assert "Promote" not in viewer.get(f"/models/{MODEL}").text
    assert viewer.get("/solutions/trains/predictions").status_code == 403
    # Real rows are not for viewers, not even as an example.
    assert "2026-03-14T17:05:00" not in viewer.get(f"/models/{MODEL}/api").text


def test_promoting_by_the_form_changes_the_champion_and_keeps_the_reason(own_house: House) -> None:
    browser = own_house.browser()
    page = f"/models/{MODEL}"
    form = {"version": "3", "reason": "better in <June>"}
    response = browser.post(f"{page}/promote", form, from_page=page)
    assert response.headers["location"] == f"{page}?done=promoted"
    with own_house.site.database.read() as connection:
        assert champion_of(connection, MODEL) == 3
    text = browser.get(response.headers["location"]).text
    assert "promoted late v3: “better in &lt;June&gt;”" in text
    assert "Promoted. It answers from now on." in text
    back = browser.post(f"{page}/rollback", {"reason": "feed is empty"}, from_page=page)
    assert back.headers["location"] == f"{page}?done=rolled-back"


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"version": "3", "reason": " "}, 422, "A decision needs a reason."),
        ({"version": "2", "reason": "again"}, 409, "answers already"),
        ({"version": "77", "reason": "new"}, 404, "has no version 77"),
        ({"version": "x", "reason": "new"}, 422, "is not the number of a version"),
    ],
)
def test_a_decision_that_cannot_be_taken_is_said_on_the_same_page(
    house: House, form: dict[str, str], status: int, said: str
) -> None:
    page = f"/models/{MODEL}"
    response = house.browser().post(f"{page}/promote", form, from_page=page)
    assert response.status_code == status
    assert said in response.text
    assert "Versions side by side" in response.text


def test_asking_by_the_form_gives_an_answer_with_its_meaning_and_receipt(house: House) -> None:
    page = f"/models/{MODEL}/ask"
    form = {"f.origin": "North", "f.leaves": "2026-03-14T17:05", "f.wind": "70", "f.cars": "8", "f.express": "true"}
    text = house.browser().post(page, form, from_page=page).text
    assert re.search(r'id="said"[^>]*>Late<', text)
    assert "Of 100 test rows that scored about like this, 40 were late." in text
    assert "/predictions/" in text
    assert "wind: " in text
    assert 'value="2026-03-14T17:05"' in text


def test_a_mistake_in_the_form_is_named_at_its_field_and_nothing_typed_is_lost(house: House) -> None:
    page = f"/models/{MODEL}/ask"
    form = {"f.origin": "Nort", "f.leaves": "2026-03-14T17:05", "f.wind": "140", "f.cars": "8", "f.express": "true"}
    response = house.browser().post(page, form, from_page=page)
    assert response.status_code == 422
    assert "2 fields need another look; nothing was asked" in response.text
    assert "140 was given; it must be a number from 0 to 78 km/h." in response.text
    assert 'name="f.wind" value="140"' in response.text


def test_a_real_example_fills_the_form(house: House) -> None:
    browser = house.browser()
    assert 'name="f.cars" value="3"' in browser.get(f"/models/{MODEL}/ask?example=0").text
    assert 'name="f.cars" value="4"' in browser.get(f"/models/{MODEL}/ask?example=1").text


def test_a_file_comes_back_with_the_answers_as_columns(house: House) -> None:
    browser = house.browser()
    page = f"/models/{MODEL}/file"
    files = {"file": ("trains of May.csv", b"origin,cars\nNorth,3\n", "text/csv")}
    response = browser.post(page, {}, from_page=page, files=files)
    assert response.content == b"origin,cars,late_label\nNorth,3,True\n"
    assert "trains%20of%20May-late.csv" in response.headers["content-disposition"]
    wrong = browser.post(page, {}, from_page=page, files={"file": ("a.xlsx", b"PK\x03", "application/zip")})
    assert "a.xlsx is not what its name says." in wrong.text
    nothing = browser.post(page, {}, from_page=page, files={"file": ("", b"", "text/csv")})
    assert "No file was sent." in nothing.text


def test_a_receipt_shows_what_was_asked_and_asks_the_same_again(house: House) -> None:
    browser = house.browser()
    page = f"/predictions/{house.predictions[0]}"
    text = browser.get(page).text
    assert "<code>wind</code>" in text
    assert "22 <span" in text
    again = browser.post(f"{page}/again", {}, from_page=page).text
    assert "Asked again just now: the same answer, bit for bit" in again
    other = f"/predictions/{house.predictions[1]}"
    assert "it says something else" in browser.post(f"{other}/again", {}, from_page=other).text


def test_a_run_is_started_with_what_was_changed_in_its_form(own_house: House) -> None:
    browser = own_house.browser()
    page = "/solutions/trains/runs"
    browser.post(page, {"set.late.rounds": "250"}, from_page=page)
    browser.post(page, {"set.late.rounds": "100"}, from_page=page)
    assert own_house.started.orders == [("trains", {"late.rounds": 250}), ("trains", {})]


def test_a_run_says_why_each_step_ran_and_what_failed(house: House) -> None:
    browser = house.browser()
    text = browser.get(f"/runs/{house.run_id}").text
    assert "its code and <code>run</code> are equal" in text
    assert "KeyError: &#39;faa&#39;" in text
    assert "reading &lt;b&gt;trains&lt;/b&gt;" in text
    log = browser.get(f"/runs/{house.run_id}/tasks/timetable/log")
    assert log.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_page_that_lives_is_not_sent_again_while_nothing_changes(own_house: House) -> None:
    from unshelve.registry import runs

    site = own_house.site
    with site.database.write() as connection:
        run = runs.queue(
            connection, solution="trains", cause="a test", actor="local", parameters={}, now=site.clock.now()
        )
        graph = [{"name": "timetable", "title": "timetable", "kind": "source", "group": "timetable", "needs": []}]
        runs.start(connection, run.id, environment={}, graph=graph, now=site.clock.now())
    browser = own_house.browser()
    page = browser.get(f"/runs/{run.id}").text
    again = re.search(r'hx-get="(/runs/[^"]*part=rest[^"]*)"', page)
    assert again is not None
    assert browser.get(again[1].replace("&amp;", "&"), hx_request="true").status_code == 204
    top = browser.get(f"/runs/{run.id}?part=top", hx_request="true").text
    assert top.startswith('<div id="live-top"')
    assert "<html" not in top
    pipeline = re.search(r'hx-get="([^"]*/pipeline[^"]*)"', browser.get("/solutions/trains").text)
    assert pipeline is not None
    assert browser.get(pipeline[1], hx_request="true").status_code == 204


def test_an_overview_shows_the_whole_and_not_the_rows_of_a_sink(own_house: House) -> None:
    from unshelve.registry import runs

    site = own_house.site
    with site.database.write() as connection:
        now = site.clock.now()
        part = runs.queue(
            connection, solution="trains", cause="rows for", actor="local", parameters={}, now=now, only="tomorrow"
        )
        runs.start(connection, part.id, environment={}, graph=[], now=now)
        runs.end(connection, part.id, runs.RunState.FAILED, now=now, error="x")
    text = own_house.browser().get("/solutions/trains").text
    assert f"/runs/{part.id}" not in text
    assert "nightly, sink, rows left out: 1,337 rows written, 39,861 unchanged" in text
    assert f"/runs/{part.id}" in own_house.browser().get("/solutions/trains/runs").text


def test_an_empty_home_says_what_to_do_first(empty_house: House) -> None:
    browser = empty_house.browser()
    assert browser.get("/").headers["location"] == "/solutions"
    assert "No solution yet" in browser.get("/solutions").text
    assert "No key yet" in browser.get("/keys").text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/solutions/train", "There is no solution &#39;train&#39;."),
        ("/models/trains.lat", "Near: <b>trains.late</b>"),
        (f"/models/{MODEL}/versions/99", "it has 1 to 3"),
        ("/runs/none", "There is no run none."),
        ("/predictions/none", "No answer has the id"),
        ("/nowhere", "There is nothing at /nowhere."),
    ],
)
def test_what_is_not_there_is_said_with_what_is_near(house: House, path: str, said: str) -> None:
    response = house.browser().get(path)
    assert response.status_code == 404
    assert said in response.text
    assert house.browser().get(path, accept="application/json").headers["content-type"] == "application/problem+json"


def test_the_theme_is_kept_and_leads_back(own_house: House) -> None:
    browser = own_house.browser()
    response = browser.post("/theme", {"theme": "dark", "back": "/solutions/trains"}, from_page="/solutions/trains")
    assert response.headers["location"] == "/solutions/trains"
    assert '<html lang="en" data-theme="dark">' in browser.get("/solutions/trains").text
    away = browser.post("/theme", {"theme": "dark", "back": "//evil.example"}, from_page="/solutions/trains")
    assert away.headers["location"] == "/"


def test_a_key_is_shown_once_and_works_until_it_is_revoked(own_house: House) -> None:
    browser = own_house.browser()
    made = browser.post("/keys", {"name": "till", "role": "user", "days": "30"}, from_page="/keys").text
    shown = re.search(r"unsh_\w+", made)
    assert shown is not None
    assert shown[0] not in browser.get("/keys").text
    program = own_house.browser(None)
    assert program.get("/api/models", authorization=f"Bearer {shown[0]}").status_code == 200
    assert program.get("/api/users", authorization=f"Bearer {shown[0]}").status_code == 403
    key_id = shown[0].split("_")[1]
    browser.post(f"/keys/{key_id}/revoke", {}, from_page="/keys")
    assert program.get("/api/models", authorization=f"Bearer {shown[0]}").status_code == 401


def test_nobody_takes_away_the_last_owner(own_house: House) -> None:
    browser = own_house.browser()
    mine = browser.json("/users")["users"][0]["id"]
    response = browser.post(f"/users/{mine}/role", {"role": "viewer"}, from_page="/users")
    assert response.status_code == 409
    assert "is the last owner" in response.text


def test_a_password_is_chosen_once_and_then_lets_in(own_house: House) -> None:
    browser = own_house.browser(Role.USER)
    name = browser.json("/me")["name"]
    words = {"password": "four unrelated words here", "repeat": "four unrelated words"}
    assert "not the same" in browser.post("/welcome", words, from_page="/welcome").text
    words["repeat"] = words["password"]
    assert browser.post("/welcome", words, from_page="/welcome").status_code == 303
    visitor = own_house.browser(None)
    refused = visitor.post("/sign-in", {"name": name, "password": "wrong"})
    assert refused.status_code == 401
    assert "The name or the password is wrong." in refused.text
    form = {"name": name, "password": words["password"], "next": "/me"}
    assert visitor.post("/sign-in", form).headers["location"] == "/me"
    assert visitor.post("/sign-out", {}, from_page="/me").headers["location"] == "/sign-in"
    assert visitor.get("/me").status_code == 303


def test_a_tampered_audit_chain_is_said_on_its_page(own_house: House) -> None:
    from sqlalchemy import text

    browser = own_house.browser()
    assert "The chain is whole" in browser.get("/audit").text
    with own_house.site.database.write() as connection:
        connection.execute(text("UPDATE audit SET subject = 'nobody' WHERE number = 2"))
    assert "was changed after it was written" in browser.get("/audit").text


def _paths(document: dict[str, Any]) -> set[str]:
    return {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}


def test_the_api_is_described_as_it_is(house: House) -> None:
    document = house.browser().json("/api/openapi.json")
    from unshelve.web.routes.table import ROUTES

    described = {f"{route.method} {route.path}" for route in ROUTES if route.summary}
    assert _paths(document) == described | {f"POST /api/models/{MODEL}/predict", f"POST /api/models/{ENDPOINT}/predict"}
    references = set(re.findall(r"#/components/schemas/([^\"]+)", str(document).replace("'", '"')))
    assert references <= set(document["components"]["schemas"])


def test_the_api_says_the_same_as_the_pages(house: House) -> None:
    browser = house.browser()
    assert [one["name"] for one in browser.json("/api/models")["models"]] == [ENDPOINT, MODEL]
    model = browser.json(f"/api/models/{MODEL}")
    assert (model["champion"], [one["number"] for one in model["versions"]]) == (2, [3, 2, 1])
    version = browser.json(f"/api/models/{MODEL}/versions/2")
    assert (version["champion"], version["proof"], version["evaluation"]["headline"]) == (True, "proven", "roc_auc")
    run = browser.json(f"/api/runs/{house.run_id}")
    assert [task["state"] for task in run["tasks"]] == ["ran", "ran", "ran", "cached", "ran", "ran", "failed"]
    answers = browser.json("/api/predictions?limit=3")["predictions"]
    assert [one["id"] for one in answers] == house.predictions[:3]
    assert browser.json(f"/api/predictions/{house.predictions[0]}")["row"]["wind"] == 22


def test_the_api_changes_what_the_pages_change(own_house: House) -> None:
    program = own_house.browser(None)
    headers = {"authorization": f"Bearer {own_house.key(Role.OWNER)}"}
    body = {"version": 3, "reason": "better"}
    assert program.send("POST", f"/api/models/{MODEL}/promote", json=body, headers=headers).json()["to_version"] == 3
    body = {"reason": "worse after all"}
    assert program.send("POST", f"/api/models/{MODEL}/rollback", json=body, headers=headers).json()["to_version"] == 2
    started = program.send(
        "POST", "/api/solutions/trains/runs", json={"parameters": {"late.rounds": 5}}, headers=headers
    )
    assert (started.status_code, own_house.started.orders) == (202, [("trains", {"late.rounds": 5})])
    files = {"file": ("t.csv", b"a\n1\n", "text/csv")}
    assert program.send("POST", f"/api/models/{MODEL}/files", files=files, headers=headers).content.endswith(b"True\n")


def test_the_page_of_sinks_shows_what_was_written_and_what_was_left_out(house: House) -> None:
    text = house.browser().get("/solutions/trains/sinks").text
    assert "train_scores" in text
    assert "1,337" in text
    assert "must be at most 78" in text
    assert "must be at most 78" not in house.browser(Role.VIEWER).get("/solutions/trains/sinks").text


def test_a_batch_is_ordered_by_a_button_and_written_in_the_audit(own_house: House) -> None:
    browser = own_house.browser()
    at = "/solutions/trains/sinks/nightly/run"
    assert browser.post(at, from_page="/solutions/trains/sinks").status_code == 303
    with own_house.site.database.read() as connection:
        assert batches_of(connection, "trains", "nightly")[0].state is BatchState.WAITING
        assert entries(connection)[0].action == "run sink"


def test_a_webhook_is_added_with_a_secret_that_is_shown_once(own_house: House) -> None:
    own_house.site = dataclasses.replace(
        own_house.site, settings=WebSettings(webhooks=UrlRules(own=frozenset({"localhost"})))
    )
    browser = Browser(build(own_house.site))
    with own_house.site.database.write() as connection:
        ada = create_user(connection, "ada", Role.OWNER, actor=LOCAL, now=NOW)
        link = create_link(connection, ada, actor=LOCAL, now=NOW)
    browser.post(f"/sign-in/link/{link}")
    form = {"url": "http://localhost:9/x", "on.release": "yes"}
    assert "whsec_" in browser.post("/webhooks", form, from_page="/webhooks").text
    assert "whsec_" not in browser.get("/webhooks").text


def test_a_webhook_to_this_machine_is_refused(own_house: House) -> None:
    form = {"url": "http://127.0.0.1:9/x", "on.release": "yes"}
    response = own_house.browser().post("/webhooks", form, from_page="/webhooks")
    assert response.status_code == 422
    assert "this machine or its own network" in response.text


def test_what_was_set_aside_is_sent_again_once_its_webhook_is_on(own_house: House) -> None:
    browser = own_house.browser()
    with own_house.site.database.read() as connection:
        dead = deliveries(connection, state=DeliveryState.DEAD)[0]
    assert browser.post(f"/webhooks/deliveries/{dead.id}/again", from_page="/webhooks").status_code == 409
    browser.post(f"/webhooks/{dead.webhook}/on", from_page="/webhooks")
    assert browser.post(f"/webhooks/deliveries/{dead.id}/again", from_page="/webhooks").status_code == 303
    with own_house.site.database.read() as connection:
        assert deliveries(connection, state=DeliveryState.DEAD) == []
