"""Embedding models in SQLite: which one search goes by, which one's vectors are being built, and what is left of others."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from gleanery.store.sqlite import Tx
from gleanery.store.sqlite_rows import certain_time, compact, time_of
from gleanery.store.vector_store import ModelState, StoredModel


def models(db: sqlite3.Connection) -> list[StoredModel]:
    return [_model(row) for row in db.execute("SELECT * FROM embedding_model ORDER BY state")]


def _model(row: sqlite3.Row) -> StoredModel:
    kept = json.loads(row["options"])
    return StoredModel(
        row["model"],
        ModelState(row["state"]),
        kept["options"],
        kept["environment"],
        certain_time(row["created_at"]),
        time_of(row["activated_at"]),
        kept["usage"],
    )


def propose(tx: Tx, name: str, options: Mapping[str, Any], environment: Mapping[str, Any]) -> ModelState:
    active = _in_state(tx, ModelState.ACTIVE)
    if active is None or active.name == name:
        state = ModelState.ACTIVE
        give_up(tx)
    else:
        state = ModelState.BUILDING
        building = _in_state(tx, ModelState.BUILDING)
        if building is not None and building.name != name:
            give_up(tx)
    now = tx.now.timestamp()
    kept = compact({"options": dict(options), "environment": dict(environment), "usage": {}})
    tx.db.execute(
        "INSERT INTO embedding_model (model, options, state, created_at, activated_at) VALUES (:name, :kept, :state, :now, :active)"
        " ON CONFLICT DO UPDATE SET state = :state,"
        " options = json_set(options, '$.options', json(:options), '$.environment', json(:environment))",
        {
            "name": name,
            "kept": kept,
            "state": state,
            "now": now,
            "active": now if state is ModelState.ACTIVE else None,
            "options": compact(dict(options)),
            "environment": compact(dict(environment)),
        },
    )
    if state is ModelState.BUILDING:
        # What it refused may be another matter now, with other options.
        tx.db.execute("DELETE FROM embed_failure WHERE model = ?", (name,))
    return state


def activate(tx: Tx, name: str) -> bool:
    """Whether it was being built."""
    building = _in_state(tx, ModelState.BUILDING)
    if building is None or building.name != name:
        return False
    tx.db.execute("DELETE FROM embedding_model WHERE state = ?", (ModelState.PREVIOUS,))
    tx.db.execute("UPDATE embedding_model SET state = ? WHERE state = ?", (ModelState.PREVIOUS, ModelState.ACTIVE))
    tx.db.execute(
        "UPDATE embedding_model SET state = ?, activated_at = ? WHERE model = ?",
        (ModelState.ACTIVE, tx.now.timestamp(), name),
    )
    return True


def give_up(tx: Tx) -> str | None:
    building = _in_state(tx, ModelState.BUILDING)
    if building is None:
        return None
    if building.activated_at is not None and _in_state(tx, ModelState.PREVIOUS) is None:
        tx.db.execute("UPDATE embedding_model SET state = ? WHERE model = ?", (ModelState.PREVIOUS, building.name))
    else:
        tx.db.execute("DELETE FROM embedding_model WHERE model = ?", (building.name,))
    return building.name


def count(tx: Tx, name: str, more: Mapping[str, int]) -> None:
    """Add to the model's usage; of one that isn't kept nobody asks."""
    for what, number in more.items():
        if number:
            path = f"$.usage.{what}"
            tx.db.execute(
                "UPDATE embedding_model SET options = json_set(options, :path,"
                " coalesce(json_extract(options, :path), 0) + :number) WHERE model = :name",
                {"path": path, "number": number, "name": name},
            )


def _in_state(tx: Tx, state: ModelState) -> StoredModel | None:
    row = tx.db.execute("SELECT * FROM embedding_model WHERE state = ?", (state,)).fetchone()
    return None if row is None else _model(row)


_NOT_KEPT = "model NOT IN (SELECT model FROM embedding_model)"


def orphans(db: sqlite3.Connection, limit: int) -> Sequence[tuple[int, str]]:
    """Text row and model of vectors, else of failures, whose model isn't kept. Reads through all vectors: on a reader it
    holds up nobody."""
    for table in ("vector", "embed_failure"):
        rows = db.execute(f"SELECT text_row, model FROM {table} WHERE {_NOT_KEPT} LIMIT ?", (limit,)).fetchall()
        if rows:
            return [(row["text_row"], row["model"]) for row in rows]
    return []


def drop_orphans(tx: Tx, rows: Sequence[tuple[int, str]]) -> int:
    """A model that is kept again meanwhile keeps its rows."""
    for table in ("vector", "embed_failure"):
        tx.db.executemany(f"DELETE FROM {table} WHERE text_row = ? AND model = ? AND {_NOT_KEPT}", rows)
    return len(rows)
