"""The page of expectations, and the rows that were set aside."""

from __future__ import annotations

from unshelve.security.actors import Role
from web_house import House

PATH = "/solutions/trains/expectations"


def test_an_expectation_is_shown_with_its_history_its_rows_and_what_it_set_aside(house: House) -> None:
    (card,) = house.browser().json(PATH)["expectations"]
    assert (card["state"], card["sentence"]) == ("set aside", "3 rows of 1,200 set aside (0.25 %).")
    assert [mark["state"] for mark in card["history"]] == ["holds", "stopped", "set aside"]
    assert card["severity"] == "sets rows aside, at most 5 %"
    assert card["examples"]["rows"][1] == ["8", "cars is between 1 and 20", "<b>IC 8</b>", "hidden", None]
    assert card["examples"]["note"] == "what is likely to be about a person is hidden"


def test_values_of_rows_are_text_and_never_markup(house: House) -> None:
    text = house.browser().get(PATH).text
    assert "&lt;b&gt;IC 8&lt;/b&gt;" in text
    assert "<b>IC" not in text


def test_what_cleaning_changed_stands_side_by_side(house: House) -> None:
    (one,) = house.browser().json(PATH)["cleaning"]
    assert one["sentence"] == "It changed 12 rows and dropped 50 rows (4.2 %)."
    assert one["columns"] == [
        {
            "name": "platform",
            "changed": "12",
            "filled": "5",
            "emptied": "0",
            "pairs": [["3", None, "1"], ["7", " 2b", "2B"]],
        }
    ]


def test_a_viewer_sees_what_holds_and_no_rows(house: House) -> None:
    viewer = house.browser(Role.VIEWER)
    (card,) = viewer.json(PATH)["expectations"]
    assert (card["examples"], card["downloads"]) == (None, [])
    assert [one["dropped"] for one in viewer.json(PATH)["cleaning"]] == [None]
    assert viewer.get(f"/runs/{house.run_id}/expectations/trains_hold/aside.csv").status_code == 403


def test_rows_that_were_set_aside_are_a_file(house: House) -> None:
    response = house.browser(Role.USER).get(f"/runs/{house.run_id}/expectations/trains_hold/aside.csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="trains-trains_hold-run1.csv"'
    assert response.text.startswith("row,fails,train\n")


def test_rows_that_were_not_set_aside_are_not_found(house: House) -> None:
    browser = house.browser()
    for name, kind in (("trains_hold", "parquet"), ("trains_hold", "exe"), ("nothing", "csv")):
        assert browser.get(f"/runs/{house.run_id}/expectations/{name}/aside.{kind}").status_code == 404


def test_the_page_of_a_run_says_what_became_of_its_expectations(house: House) -> None:
    (line,) = house.browser().json(f"/runs/{house.run_id}")["expectations"]
    assert (line["name"], line["state"], line["failing"], line["rows"]) == ("trains_hold", "set aside", "3", "1,200")
