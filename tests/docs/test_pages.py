"""The pages say what is true: settings and commands are documented, links lead somewhere, blocks compile."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_every_setting_that_is_read_is_documented() -> None:
    read = set()
    for path in (ROOT / "src" / "clary").rglob("*.py"):
        read |= set(re.findall(r"environ(?:\.get\(|\[)\"(CLARY_[A-Z_]+)\"", path.read_text()))
    documented = set(re.findall(r"CLARY_[A-Z_]+", (ROOT / "docs/reference/commands.md").read_text()))
    assert read, "no setting was found: has the way they are read changed?"
    assert read <= documented


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_blocks_compile(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        compile(block, str(page), "exec")


def test_make_targets_that_pages_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"`make ([a-z-]+)`", page.read_text()):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{page.name}: make {target}"


def test_the_readme_s_two_commands_are_targets() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607
    for target in ("demo", "test"):
        assert re.search(rf"^{target}\s", listed, re.MULTILINE)


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/adr/README.md").read_text()
    for page in (ROOT / "docs/adr").glob("0*.md"):
        assert f"({page.name})" in index


def test_every_page_of_evidence_is_named_where_it_is_used_and_every_named_one_is_there() -> None:
    named = set()
    for room in ("src", "images", "tests", "benchmarks"):
        for path in (ROOT / room).rglob("*.py"):
            named |= set(re.findall(r"evidence/([a-z0-9-]+\.md)", path.read_text()))
    assert named == {page.name for page in (ROOT / "docs/evidence").glob("*.md")}
