"""Files made elsewhere are what they were when they came, and no page needs another host."""

from __future__ import annotations

import hashlib
import re
import tomllib

from unshelve.web.render import STATIC, TEMPLATES

LISTED = tomllib.loads((STATIC / "VENDORED.toml").read_text("utf-8"))["file"]


def test_each_vendored_file_has_the_digest_that_is_listed() -> None:
    for one in LISTED:
        assert hashlib.sha256((STATIC / one["path"]).read_bytes()).hexdigest() == one["sha256"]
        assert (STATIC / one["licence_path"]).is_file()


def test_every_script_that_is_served_is_listed() -> None:
    assert {path.name for path in STATIC.glob("*.js")} <= {one["path"] for one in LISTED}


def test_all_script_together_stays_below_its_budget() -> None:
    assert sum(path.stat().st_size for path in STATIC.glob("*.js")) < 120_000


def test_templates_hold_no_script_no_style_and_no_other_host() -> None:
    for path in TEMPLATES.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8")
            assert not re.search(r"<script(?! src=\"\{\{ static)", text), path
            assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", text), path
            assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text), path


def test_every_colour_is_said_for_light_and_for_dark() -> None:
    css = (STATIC / "tokens.css").read_text("utf-8")
    tokens = re.search(r":root \{(.*?)\n\}", css, re.DOTALL)
    assert tokens is not None
    for name, value in re.findall(r"--([\w-]+): ([^;]*#[^;]*);", tokens[1]):
        assert value.startswith("light-dark(") or name == "shade", name
    assert re.findall(r"#[0-9a-f]{3,8}\b", css.replace(tokens[0], "")) == ["#fff"]
