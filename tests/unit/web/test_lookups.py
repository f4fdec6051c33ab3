"""The page of lookups: how fresh each is, how its refreshes went, and what a key gives."""

from __future__ import annotations

from unshelve.security.actors import Role
from web_house import MODEL, House

PAGE = "/solutions/trains/lookups"


def test_it_says_how_entries_are_found_and_how_fresh_they_are(house: House) -> None:
    found = house.browser(Role.VIEWER).get(f"{PAGE}.json").json()["lookups"][0]
    told = dict(found["facts"])
    assert (found["name"], found["state"], found["used_by"][0]["text"]) == ("weather", "fresh", "late")
    assert told["Found by"] == "origin"
    assert told["As of"] == "since at or before leaves, local times in Europe/Zurich"
    assert told["Refreshed"] == "every 1 h" and told["Rows"].startswith("26,115 of 3 keys")


def test_refreshes_are_shown_with_what_came_of_each(house: House) -> None:
    found = house.browser(Role.VIEWER).get(f"{PAGE}.json").json()["lookups"][0]
    assert [one["state"] for one in found["refreshes"]] == [
        "new", "new", "the same", "new", "new", "failed", "new", "new",
    ]  # fmt: skip
    assert found["strip_said"] == "13 refreshes, 1 failed"
    assert found["refreshes"][5]["said"] == "weather brought no rows."


def test_a_key_is_looked_up_and_one_without_an_entry_is_said(house: House) -> None:
    browser = house.browser(Role.USER)
    page = browser.get(f"{PAGE}?lookup=weather&origin=North&leaves=2026-03-14T14:20:00").text
    assert "As of 20 min before the event" in page and "61.5" in page
    page = browser.get(f"{PAGE}?lookup=weather&origin=South&leaves=2026-03-14T14:20:00").text
    assert "No entry, or only one that is too old" in page


def test_who_may_not_see_rows_may_not_look_into_lookups(house: House) -> None:
    page = house.browser(Role.VIEWER).get(f"{PAGE}?lookup=weather&origin=North&leaves=2026-03-14T14:20:00").text
    assert "61.5" not in page and "Your role does not look into lookups." in page


def test_an_owner_can_refresh_one_now(house: House) -> None:
    browser = house.browser(Role.OWNER)
    response = browser.post(f"{PAGE}/weather/refresh", from_page=PAGE)
    assert response.status_code == 303 and house.started.orders[-1] == ("trains", {"only": "weather"})
    assert browser.post(f"{PAGE}/wether/refresh", from_page=PAGE).status_code == 404
    assert house.browser(Role.USER).post(f"{PAGE}/weather/refresh", from_page=PAGE).status_code == 403


def test_the_answer_card_shows_what_was_looked_up(house: House) -> None:
    browser = house.browser(Role.USER)
    page = f"/models/{MODEL}/ask"
    form = {"f.origin": "North", "f.leaves": "2026-03-14T14:20", "f.wind": "10", "f.cars": "4", "f.express": "true"}
    said = browser.post(page, form, from_page=page).text
    assert "Looked up: weather" in said and "61.5" in said


def test_what_answered_rows_found_is_counted_by_day(house: House) -> None:
    browser = house.browser(Role.VIEWER)
    found = browser.get(f"{PAGE}.json").json()["lookups"][0]["answered"]
    assert found["said"] == "60 rows answered in 14 days, 93.3 % found, 3 too old, 1 without an entry"
    assert [(one["day"], one["rows"], one["stale"], one["missing"]) for one in found["days"]] == [
        ("14 Mar", 16, 1, 0), ("13 Mar", 24, 1, 1), ("12 Mar", 20, 1, 0),
    ]  # fmt: skip
    assert found["days"][0]["age"] == "13 min 45 s, at most 17 min 30 s"
    page = browser.get(PAGE).text
    assert "60 rows answered in 14 days" in page and "No entry" in page


def test_the_schema_says_which_fields_come_by_a_lookup_and_what_happens_without_them(house: House) -> None:
    browser = house.browser(Role.VIEWER)
    (given,) = browser.get(f"/models/{MODEL}/schema.json").json()["schemas"][0]["lookups"]
    assert (given["name"], given["href"]) == ("weather", f"{PAGE}#l-weather")
    assert given["how"] == (
        "The newest entry of origin whose since is not after leaves. "
        "One that is more than 6 h older than that does not count."
    )
    assert given["otherwise"] == (
        "Where there is no entry, or only one older than 6 h, its fields are missing, "
        "and a request is refused by the name of the field where gusts is missing."
    )
    assert [(row["name"], row["type"], row["unit"], row["missing"]) for row in given["rows"]] == [
        ("gusts", "float", "km/h", "no")
    ]
    page = browser.get(f"/models/{MODEL}/schema").text
    assert "Not sent: given by the lookup" in page and "2 to 96.5" in page
