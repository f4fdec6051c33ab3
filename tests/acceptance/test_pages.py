"""The pages in a real browser: every one at two widths in two themes, by keyboard, and while things change.

Needs Chromium at /usr/bin/chromium (Debian: `apt install chromium`).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Response, ViewportSize, expect, sync_playwright

from unshelve.clock import SystemClock
from unshelve.registry import runs
from unshelve.registry.runs import RunState, RunStep, StepState
from unshelve.security.actors import LOCAL, Role
from unshelve.security.links import create_link
from unshelve.security.users import create_user
from unshelve.storage.database import Database
from web_house import ENDPOINT, MODEL, NOW, House, a_house

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PAGES = (
    "/solutions",
    "/solutions/trains",
    "/solutions/trains/runs",
    "/solutions/trains/notebook",
    "/solutions/trains/lookups",
    "/solutions/trains/schema",
    "/solutions/trains/expectations",
    "/solutions/trains/predictions",
    "/runs/{run}",
    "/runs/{run}/charts/by_hour",
    f"/models/{MODEL}",
    f"/models/{ENDPOINT}",
    f"/models/{MODEL}/versions/2",
    f"/models/{MODEL}/schema",
    f"/models/{MODEL}/predictions",
    f"/models/{MODEL}/api",
    f"/models/{MODEL}/ask?example=1",
    f"/models/{ENDPOINT}/ask",
    f"/models/{MODEL}/file",
    "/predictions/{prediction}",
    "/users",
    "/keys",
    "/webhooks",
    "/storage",
    "/solutions/trains/sinks",
    "/solutions/trains/sources",
    "/audit",
    "/me",
    "/welcome",
    "/gallery",
    "/nothing-here",
)
MOST_BYTES = 60_000

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium at /usr/bin/chromium")


@dataclass(frozen=True, slots=True)
class Served:
    """A house at an address."""

    house: House
    address: str

    def at(self, path: str) -> str:
        return self.address + path.format(run=self.house.run_id, prediction=self.house.predictions[0])

    def link(self, name: str, role: Role = Role.OWNER) -> str:
        """A one-time link for a new person."""
        database: Database = self.house.site.database
        with database.write() as connection:
            user = create_user(connection, name, role, actor=LOCAL, now=NOW)
            return f"{self.address}/sign-in/link/{create_link(connection, user, actor=LOCAL, now=NOW)}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    house = a_house(tmp_path_factory.mktemp("house"))
    server = uvicorn.Server(uvicorn.Config(house.app, port=0, log_level="warning", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(house, f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def owner(chromium: Browser, served: Served) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport=WIDE)
    page = context.new_page()
    page.goto(served.link("olga"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/welcome")
    yield context
    context.close()


@pytest.fixture
def page(owner: BrowserContext) -> Iterator[Page]:
    opened = owner.new_page()
    opened.set_default_timeout(10_000)
    yield opened
    opened.close()


def _sound(page: Page, response: Response | None) -> None:
    """No sideways scrolling, no finding of axe, no message of the browser, light enough."""
    assert response is not None
    assert len(response.body()) < MOST_BYTES
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["target"]) for one in found] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_sound_at_both_widths_in_both_themes(
    page: Page, served: Served, path: str, size: ViewportSize, scheme: str
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_viewport_size(size)
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    response = page.goto(served.at(path))
    _sound(page, response)
    assert [one for one in said if "404" not in one] == []


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_door_is_sound_for_who_is_not_signed_in(chromium: Browser, served: Served, size: ViewportSize) -> None:
    context = chromium.new_context(viewport=size)
    page = context.new_page()
    for path in ("/sign-in", "/sign-in/link/anything"):
        _sound(page, page.goto(served.at(path)))
    context.close()


def _focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim().slice(0, 40)"))


@pytest.mark.parametrize(
    "path", ["/solutions/trains", "/solutions/trains/notebook", f"/models/{MODEL}", f"/models/{MODEL}/ask"]
)
def test_everything_can_be_reached_by_keyboard_and_shows_that_it_is(page: Page, served: Served, path: str) -> None:
    page.goto(served.at(path))
    page.keyboard.press("Tab")
    assert _focused(page) == "Skip to the content"
    wanted = page.evaluate(
        """() => [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
        .filter(one => one.checkVisibility({visibilityProperty: true}) && !one.closest('[aria-hidden=true]'))
        .filter(one => one.tabIndex >= 0 && (one.type !== 'radio' || one.checked)).length"""
    )
    page.evaluate("() => { window.seen = new Set(); }")
    for _ in range(wanted + 60):
        outline = page.evaluate(
            """() => { const one = document.activeElement; window.seen.add(one);
            const style = getComputedStyle(one); const label = one.closest('label');
            const around = label ? getComputedStyle(label).outlineStyle : 'none';
            const box = one.querySelector('.box');
            return one === document.body || style.outlineStyle !== 'none' || around !== 'none'
                || (box && getComputedStyle(box).strokeWidth === '2.5px'); }"""
        )
        assert outline, f"focus cannot be seen on {_focused(page)}"
        page.keyboard.press("Tab")
    reached = page.evaluate("() => [...window.seen].filter(one => one !== document.body && one.tabIndex >= 0).length")
    assert reached >= wanted


def test_pointing_at_a_step_shows_its_wires_and_what_it_did(page: Page, served: Served) -> None:
    page.goto(served.at("/solutions/trains"))
    step = page.locator("a.node[aria-label^='features,']")
    expect(step.locator(".more")).to_be_hidden()
    step.focus()
    expect(step.locator(".more")).to_be_visible()
    assert step.locator(".more use").count() == 4
    expect(page.locator(".idle")).to_be_hidden()


def test_pointing_at_a_statement_shows_its_step_and_the_other_way_round(page: Page, served: Served) -> None:
    page.goto(served.at("/solutions/trains/notebook"))
    statement = page.locator("a.stmt", has_text="med = ")
    step = page.locator(".stepcard", has=page.get_by_role("heading", name="usual", exact=True))
    plain = step.evaluate("one => getComputedStyle(one).backgroundColor")
    statement.hover()
    expect(step).not_to_have_css("background-color", plain)
    page.mouse.move(0, 0)
    expect(step).to_have_css("background-color", plain)
    step.hover()
    expect(statement).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    statement.focus()
    page.keyboard.press("Enter")
    assert page.url.endswith(f"#{step.get_attribute('id')}")
    expect(step).to_be_in_viewport()
    step.get_by_role("link", name="7", exact=True).click()
    expect(page.locator("#cell-7")).to_be_in_viewport()


def test_asking_by_keyboard_alone_gives_an_answer_that_has_the_focus(page: Page, served: Served) -> None:
    page.goto(served.at(f"/models/{MODEL}/ask?example=1"))
    page.get_by_label("Wind").fill("31")
    page.get_by_label("Wind").press("Enter")
    said = page.locator("#said")
    expect(said).to_have_text("Late")
    expect(said).to_be_focused()
    expect(page.get_by_label("Wind")).to_have_value("31")
    _sound(page, page.reload())


def test_a_mistake_leads_from_the_summary_to_its_field(page: Page, served: Served) -> None:
    page.goto(served.at(f"/models/{MODEL}/ask?example=1"))
    page.get_by_label("Wind").fill("a lot")
    page.get_by_role("button", name="Ask").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("1 field needs another look; nothing was asked")
    alert.get_by_role("link", name="Wind").click()
    assert page.url.endswith("#f2")
    expect(page.get_by_label("Wind")).to_have_attribute("aria-invalid", "true")
    assert Axe().run(page).response["violations"] == []


def test_the_numbers_of_a_chart_come_when_they_are_asked_for(page: Page, served: Served) -> None:
    page.goto(served.at("/solutions/trains"))
    chart = page.locator("figure", has=page.get_by_role("heading", name="Evenings are late"))
    assert chart.locator("table").count() == 0
    chart.get_by_text("The numbers").click()
    expect(chart.locator("table tbody tr")).to_have_count(19)


def test_the_theme_is_chosen_with_one_button_and_kept(page: Page, served: Served) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(served.at("/solutions/trains"))
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_role("button", name="Dark theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != light
    page.goto(served.at("/keys"))
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Light theme").click()
    expect(page.get_by_role("button", name="Dark theme")).to_be_visible()


def test_a_run_is_followed_live_until_it_ends(page: Page, served: Served) -> None:
    site = served.house.site
    graph = [
        {"name": name, "title": name, "kind": kind, "group": name, "needs": []}
        for name, kind in (("timetable", "source"), ("run", "keep"))
    ]
    now = SystemClock().now()
    with site.database.write() as connection:
        run = runs.queue(connection, solution="trains", cause="a test", actor="local", parameters={}, now=now)
        runs.start(connection, run.id, environment={}, graph=graph, now=NOW - timedelta(seconds=3))
    page.goto(served.at(f"/runs/{run.id}"))
    expect(page.locator("#live-rest tbody tr", has_text="timetable")).to_contain_text("waits")
    step = RunStep(task="timetable", state=StepState.RAN, reason="asked again", started_at=NOW, seconds=1.0, attempts=1)
    with site.database.write() as connection:
        runs.record(connection, [runs.step_row(run.id, step, 0)])
    expect(page.locator("#live-rest tbody tr", has_text="timetable")).to_contain_text("asked again")
    with site.database.write() as connection:
        runs.end(connection, run.id, RunState.DONE, now=NOW)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.locator("[hx-trigger='every 2s']")).to_have_count(0)


def test_a_person_is_invited_comes_in_and_sees_no_more_than_allowed(
    page: Page, chromium: Browser, served: Served
) -> None:
    page.goto(served.at("/users"))
    page.get_by_label("Name", exact=True).fill("vera@example.org")
    page.get_by_label("Role", exact=True).select_option("viewer")
    page.get_by_role("button", name="Make the link").click()
    link = page.locator(".key").inner_text()
    context = chromium.new_context(viewport=PHONE)
    visitor = context.new_page()
    visitor.goto(re.sub(r"^https?://[^/]+", served.address, link))
    visitor.get_by_role("button", name="Sign in").click()
    visitor.get_by_label("New password").fill("five unrelated words of mine")
    visitor.get_by_label("The same again").fill("five unrelated words of mine")
    visitor.get_by_role("button", name="Keep it").click()
    visitor.wait_for_url("**/solutions/trains**")
    expect(visitor.get_by_role("button", name="Run now")).to_have_count(0)
    _sound(visitor, visitor.goto(served.at("/users")))
    expect(visitor.get_by_role("heading", level=1)).to_have_text("That is not for you to do")
    context.close()


def test_a_version_is_promoted_by_its_button_with_a_reason(page: Page, served: Served) -> None:
    page.goto(served.at(f"/models/{MODEL}"))
    page.get_by_role("link", name="Decide on v3").click()
    form = page.locator("form", has=page.get_by_role("heading", name=re.compile("Promote")))
    form.get_by_label("Version").select_option("3")
    form.get_by_label("Why").fill("better on the trains of June")
    form.get_by_role("button", name="Promote").click()
    expect(page.get_by_role("status")).to_contain_text("It answers from now on.")
    expect(page.locator("th.now")).to_contain_text("v3")
    page.get_by_text("The decisions as a list").click()
    expect(page.locator(".story")).to_contain_text("better on the trains of June")
