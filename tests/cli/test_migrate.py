"""`gleanery migrate` against a real PostgreSQL."""

from __future__ import annotations

import json

import pytest

from gleanery.cli import main
from gleanery.store.supabase import migrations


def test_it_applies_what_is_missing_and_then_nothing(
    new_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLEANERY_DATABASE_URL", new_database)
    assert main(["migrate", "--json"]) == 0
    applied = json.loads(capsys.readouterr().out)["applied"]
    assert applied == [*(f"{one.number:03d}_{one.name}" for one in migrations.known()), "procrastinate"]
    assert main(["migrate"]) == 0
    assert "nothing was done" in capsys.readouterr().out


def test_a_step_may_take_longer_than_statements_of_that_role_may(new_database: str) -> None:
    assert migrations.apply(f"{new_database}&options=-cstatement_timeout%3D20ms")


def test_it_says_which_database_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate"]) == 2
    assert "GLEANERY_DATABASE_URL" in capsys.readouterr().err
    assert main(["migrate", "--database-url", "postgresql://127.0.0.1:9/none"]) == 1
    assert "could not be migrated" in capsys.readouterr().err


@pytest.mark.parametrize("command", [("migrate",), ("move", "--to", "supabase")], ids=" ".join)
def test_a_mistyped_connection_is_refused_without_its_password(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLEANERY_DATABASE_URL", "postgresql://gleanery:hunter2%zz@127.0.0.1:9/none")
    assert main([*command]) == 2
    said = capsys.readouterr().err
    assert "GLEANERY_DATABASE_URL: " in said
    assert "hunter2" not in said


def test_it_prints_the_same_as_one_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--print"]) == 0
    assert capsys.readouterr().out == migrations.script()
