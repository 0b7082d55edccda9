"""Which Node can build the UI."""

from __future__ import annotations

import pytest

from tools.ground.ui import is_new_enough


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v18.20.8", False),
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v21.7.3", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.19.0", True),
        ("", False),
        ("not a version", False),
    ],
)
def test_versions(version: str, *, expected: bool) -> None:
    assert is_new_enough(version) is expected
