"""docs/errors.md has a line for every error and every word that somebody may meet."""

import re
from pathlib import Path

import pytest
from challenge.problems import STATUS
from gateway.texts import TEXTS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "errors.md").read_text()
GATEWAY = Path(__file__).resolve().parents[3] / "services" / "gateway" / "src" / "gateway"
# Moves the login on to another page instead of ending it.
NO_ERRORS = {"needs_return", "not_ready"}


def raised(kind):
    """The words with which the gateway's code raises a kind of error."""
    found = set()
    for file in GATEWAY.rglob("*.py"):
        found |= set(re.findall(rf'{kind}\(\s*"([a-z_]+)"', file.read_text()))
    return found


@pytest.mark.parametrize("code", sorted(STATUS))
def test_every_problem_of_the_app_api_has_its_line(code):
    assert f"`{code}`" in PAGE


@pytest.mark.parametrize("word", sorted(raised("LoginRefused") - NO_ERRORS | raised("UnsafeRequest")))
def test_every_word_on_a_page_has_its_line_and_its_text(word):
    assert f"`{word}`" in PAGE
    assert word in TEXTS


@pytest.mark.parametrize("error", sorted(raised("OAuthError") - {"missing_token"}))
def test_every_oauth_error_has_its_line(error):
    assert f"`{error}`" in PAGE


def test_the_code_is_really_looked_at():
    assert {"invalid_request", "invalid_scope"} <= raised("OAuthError")
    assert "wrong_browser" in raised("LoginRefused")
    assert "client_id_unknown" in raised("UnsafeRequest")
