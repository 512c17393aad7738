"""Every refusal has one status and one code, and says nothing of what was sent."""

import json

import pytest
from challenge import problems
from challenge.domain.refusals import Refusal, Refused
from kit.errors import Code, ShirushiError, Unavailable


def test_every_refusal_has_a_row_and_every_row_a_refusal():
    assert set(problems.STATUS) == {*Refusal, *problems.EDGE_STATUS}


@pytest.mark.parametrize("refusal", list(Refusal))
def test_a_refusal_is_rendered_with_its_code(refusal):
    response = problems.problem(Refused(refusal))
    body = json.loads(response.body)
    assert response.media_type == "application/problem+json"
    assert body["code"] == refusal.value
    assert body["type"] == f"urn:shirushi:problem:{refusal.value}"
    assert body["status"] == response.status_code == problems.STATUS[refusal]
    assert body["detail"]


def test_an_absent_dependency_asks_to_try_again():
    response = problems.problem(Unavailable("kafka-17.internal is away"))
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert b"kafka" not in response.body


def test_what_was_not_foreseen_says_nothing():
    response = problems.problem(ShirushiError(Code.INTERNAL, "a secret", reason="odd"))
    assert response.status_code == 500
    assert b"secret" not in response.body
