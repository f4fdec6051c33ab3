"""The docs say what is there: links lead somewhere, code runs, every package and dependency has its place."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from unshelve.notebook.numbered import RULES as NOTEBOOK_RULES

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "examples/*/*.md", "changes/*.md")
    for page in ROOT.glob(pattern)
    if ".venv" not in page.parts
)
WITHOUT_A_PAGE = {"testing"}
"""The package that no page of docs/ is about: doubles for tests."""

_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page: its language, what follows it on the line, its text and its first line."""

    page: Path
    language: str
    mark: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, found[1], found[2].strip(), found[3], line)


BLOCKS = [block for page in PAGES for block in _blocks(page)]
PYTHON_PAGES = sorted({block.page for block in BLOCKS if block.language == "python" and block.mark != "fragment"})


def _only_read(block: Block) -> bool:
    return block.mark == "fragment" or block.language in ("json", "toml")


def _name(page: object) -> str:
    return str(page.relative_to(ROOT)) if isinstance(page, Path) else str(page)


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        aim = (page.parent / path).resolve() if path else page
        if not aim.exists() or (anchor and anchor not in _anchors(aim)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=_name)
def test_code_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = ModuleType("page")
    monkeypatch.setitem(__import__("sys").modules, "page", module)  # dataclasses look their module up
    for block in _blocks(page):
        if block.language == "python" and block.mark != "fragment":
            # Line numbers of the page, so that a failure points into it.
            code = compile("\n" * block.line + block.text, str(page), "exec")
            exec(code, module.__dict__)


@pytest.mark.parametrize("block", [block for block in BLOCKS if _only_read(block)], ids=str)
def test_a_block_that_cannot_run_can_be_read(block: Block) -> None:
    if block.language == "json":
        json.loads(block.text)
    elif block.language == "toml":
        tomllib.loads(block.text)
    else:
        compile(block.text, str(block), "exec")


def test_a_whole_example_stands_before_line_40_of_the_readme() -> None:
    blocks = [block for block in BLOCKS if block.page == ROOT / "README.md" and block.language == "python"]
    assert blocks and blocks[0].line + blocks[0].text.count("\n") < 40
    assert "@model" in blocks[0].text and "@source" in blocks[0].text


def test_the_page_of_findings_tells_each_number_with_its_title_and_severity() -> None:
    page = (ROOT / "docs" / "notebook-findings.md").read_text(encoding="utf-8")
    told = re.findall(r"^## (N\d{3}) (.+)\n\n\*(\w+)\.\*", page, re.MULTILINE)
    assert {number: (severity.lower(), title) for number, title, severity in told} == NOTEBOOK_RULES


def test_every_number_that_the_code_gives_is_in_the_table() -> None:
    folder = ROOT / "src" / "unshelve" / "notebook"
    code = "".join(each.read_text(encoding="utf-8") for each in folder.glob("*.py") if each.name != "numbered.py")
    assert set(re.findall(r'"(N[12]\d\d)"', code)) == NOTEBOOK_RULES.keys()


def test_every_page_of_docs_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    links = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in _LINK.findall(index)}
    pages = {page for page in (ROOT / "docs").glob("*.md") if page.name != "index.md"}
    assert {page.name for page in pages - links} == set()


def test_every_decision_is_in_their_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(_LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {page.name for page in folder.glob("[0-9]*.md")}


def test_every_package_has_a_page() -> None:
    packages = {folder.parent.name for folder in (ROOT / "src" / "unshelve").glob("*/__init__.py")}
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")}
    assert packages - pages - WITHOUT_A_PAGE == set()


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    wanted = {re.split(r"[<>=!~;\[ ]", line)[0] for line in (*project["dependencies"], *extras)}
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in page.splitlines() if line.startswith("| ")]
    reasons = {row[1]: row[4] for row in rows if row[1] != "dependency" and not row[1].startswith("-")}
    assert set(reasons) == wanted
    assert all(reasons.values())
