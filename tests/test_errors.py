"""The error tree: what its docstring draws is what there is, and every leaf keeps the promises of the root."""

from __future__ import annotations

import inspect
import json
import re

import pytest

from gleanery import errors
from gleanery.errors import GleaneryError

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, GleaneryError)]


def drawn_tree() -> dict[str, str]:
    """Each error's parent, as the module's docstring draws them."""
    path: list[str] = ["GleaneryError"]
    parents: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^((?:│   |    )*)[├└]── (\w+)", line)
        if found:
            depth = len(found[1]) // 4 + 1
            path[depth:] = [found[2]]
            parents[found[2]] = path[depth - 1]
    return parents


def test_the_drawing_is_the_tree() -> None:
    real = {cls.__name__: cls.__base__.__name__ for cls in CLASSES if cls is not GleaneryError and cls.__base__}
    assert drawn_tree() == real


def test_what_the_drawing_says_of_retries_is_so() -> None:
    says = set(re.findall(r"[├└]── (\w+) .*can pass$", errors.__doc__ or "", re.MULTILINE)) - {"HttpStatus"}
    assert says <= {cls.__name__ for cls in CLASSES if cls.can_retry}
    assert {cls.__name__ for cls in CLASSES if cls.can_retry} - says == {"QueueFull"}, (
        "the queue's client is told to wait"
    )


def test_every_class_has_a_code_of_its_own() -> None:
    coded = [cls for cls in CLASSES if "code" in vars(cls)]
    codes = [cls.code for cls in coded]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", code) for code in codes)
    # The rest get theirs from what they are made with.
    assert {cls.__name__ for cls in CLASSES} - {cls.__name__ for cls in coded} == {"HttpStatus", "ServerRefused"}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 410, 418, 425, 429, 451, 500, 501, 502, 503, 504, 505])
def test_an_http_status_says_whether_it_can_pass(status: int) -> None:
    error = errors.HttpStatus("https://a.test/", status, "Phrase", retry_after=1.5)
    assert (error.code, error.can_retry) == (f"http_{status}", status in {408, 425, 429, 500, 502, 503, 504})
    assert error.details == {"url": "https://a.test/", "status": status, "retry_after": 1.5}


def test_messages_are_sentences_with_facts_beside_them() -> None:
    assert errors.NotFound("task", "tsk_1").message == "There is no task with the id 'tsk_1'."
    assert errors.HttpStatus("u", 503, "").message == "The site answered 503."
    field = errors.InvalidInput("payload.url", "must not be empty", hint="x")
    assert str(field) == field.message == "payload.url: must not be empty"
    assert field.details == {"field": "payload.url", "reason": "must not be empty", "hint": "x"}
    url = errors.InvalidUrl("no such scheme", kind="scheme_forbidden")
    assert (url.code, url.field, errors.InvalidUrl("no host").code) == ("scheme_forbidden", "url", "invalid_url")
    refused = errors.ServerRefused(409, "wrong_state", "It is over.")
    assert (refused.code, refused.status) == ("wrong_state", 409)
    for error in (field, url, refused):
        json.dumps(error.details)
