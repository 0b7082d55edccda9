"""A backup and a restore in the runbook's own words, on the database that `deploy/` makes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from gleanery.store.supabase import migrations
from tests.deploy.own_postgres import OwnPostgres
from tests.deploy.test_runbook import commands


def words_of(program: str) -> list[str]:
    """As it is run in the container, by Compose and by Kubernetes."""
    said = [found[0].split() for line in commands() if (found := re.search(rf"\b{program} [^<>]*", line))]
    assert len(said) == 2
    assert said[0] == said[1]
    return said[0]


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    with OwnPostgres() as postgres:
        postgres.stop_postgrest()
        yield postgres


@pytest.fixture
def dump(postgres: OwnPostgres) -> bytes:
    return postgres.exec(*words_of("pg_dump"))


def test_what_a_newer_schema_made_is_gone(postgres: OwnPostgres, dump: bytes) -> None:
    with postgres.connect() as owner:
        owner.execute("create table gleanery.newer (task_id text references gleanery.task)")
        owner.execute("insert into gleanery.migration values (9999, 'newer', '')")
    postgres.exec(*words_of("pg_restore"), given=dump)
    with postgres.connect() as owner:
        assert owner.execute("select to_regclass('gleanery.newer')").fetchone() == (None,)
    assert migrations.apply(postgres.database_url) == []
    postgres.start_postgrest()
    postgres.stop_postgrest()


def test_while_somebody_is_connected_nothing_is_touched(postgres: OwnPostgres, dump: bytes) -> None:
    with postgres.connect(), pytest.raises(subprocess.CalledProcessError) as refused:
        postgres.exec(*words_of("pg_restore"), given=dump)
    assert b'database "gleanery" is being accessed by other users' in refused.value.stderr
    assert migrations.apply(postgres.database_url) == []
