"""The page of SDK scripts says what is there, and every script on it is run by a test."""

from __future__ import annotations

import pytest
from tests.stories.documented import PAGE, Script, page, scripts, version

SCRIPTS = scripts()


def test_the_page_is_as_make_docs_writes_it() -> None:
    assert PAGE.read_text() == page(), "run make docs"


def test_both_generations_have_scripts_and_a_pinned_version() -> None:
    for generation in ("2.x", "3.x"):
        assert any(script.generation == generation for script in SCRIPTS)
        assert version(generation).startswith(generation[0])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.path.name)
def test_a_script_is_run_by_a_test_uses_the_sdk_and_says_where_it_is_documented(script: Script) -> None:
    assert script.tests
    assert script.uses
    assert script.links
