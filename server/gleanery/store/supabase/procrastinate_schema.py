"""Procrastinate's tables and functions, in a schema of their own: its SQL comes with the package, and so do its later changes.

`gleanery_procrastinate.step` keeps the names of the package's migrations that are in: a newer package's are applied then.
https://procrastinate.readthedocs.io/en/stable/howto/production/migrations.html
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

SCHEMA = "gleanery_procrastinate"
OLDEST = "03.04.00_50_post_add_retry_failed_job_procedure.sql"
"""The last migration of the oldest package that this gleanery works with: what came before is in its whole schema."""

PREPARE = f"""create schema if not exists {SCHEMA};
revoke all on schema {SCHEMA} from public;
create table if not exists {SCHEMA}.step (name text primary key, applied_at timestamptz not null default now());
"""


def _folder() -> Traversable:
    return files("procrastinate") / "sql"


def _later() -> Sequence[str]:
    """Names of the package's migrations after the oldest schema that may be there, in order."""
    names = (file.name for file in (_folder() / "migrations").iterdir())
    return sorted(name for name in names if name.endswith(".sql") and name > OLDEST)


def _kept(names: Sequence[str]) -> str:
    return "".join(f"insert into {SCHEMA}.step (name) values ('{name}');\n" for name in names)


def steps(applied: Sequence[str]) -> Sequence[tuple[str, str]]:
    """(name, SQL) of what a database lacks that has these steps. Each is run with SCHEMA as its search path."""
    if OLDEST not in applied:
        whole = (_folder() / "schema.sql").read_text("utf-8")
        return [("procrastinate", whole + _kept([OLDEST, *_later()]))]
    folder = _folder() / "migrations"
    missing = [name for name in _later() if name not in applied]
    return [
        (f"procrastinate {name.removesuffix('.sql')}", (folder / name).read_text("utf-8") + _kept([name]))
        for name in missing
    ]


def script() -> str:
    """All of it for an SQL editor; to run it again does nothing."""
    (_, whole), *_ = steps(())
    parts = [PREPARE, f"set local search_path = {SCHEMA}, pg_temp;\n", _unless_kept(OLDEST, whole)]
    parts += [_unless_kept(name, sql) for name, (_, sql) in zip(_later(), steps([OLDEST]), strict=True)]
    return "\n".join([*parts, "set local search_path to default;\n"])


def _unless_kept(name: str, sql: str) -> str:
    return (
        "do $gleanery_step$ begin\n"
        f"if not exists (select from {SCHEMA}.step where name = '{name}') then\n"
        f"execute $gleanery_procrastinate$\n{sql}$gleanery_procrastinate$;\n"
        "end if;\nend $gleanery_step$;\n"
    )
