"""Shortcut's webhooks: whether one is genuine, and which stories it asks for. Pure.

As documented at https://developer.shortcut.com/api/webhook/v1: `Payload-Signature` is the HMAC-SHA256 of the body with the
secret, in hexadecimal; labels come as ids, whose names stand in `references`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from gleanery import errors
from gleanery.model.stories import Goal, Workspace

SIGNATURE_HEADER = "Payload-Signature"
VERSION = "v1"
"""The only one whose form is public. Another is taken as far as it keeps to it."""
MAX_STORIES = 100
FUTURE_SECONDS = 60.0
"""How far its clock may be ahead of ours."""

_Id = int | str


class _Part(BaseModel):
    """There is more in it than is read, and more may come."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _LabelChange(_Part):
    adds: list[_Id] | None = None


class _Changes(_Part):
    label_ids: _LabelChange | None = None


class _Action(_Part):
    id: _Id
    entity_type: str
    action: str
    name: str | None = None
    app_url: str | None = None
    label_ids: list[_Id] | None = None
    changes: _Changes | None = None


class _Reference(_Part):
    id: _Id
    entity_type: str
    name: str | None = None


class Event(_Part):
    """A webhook. `id` is the same when it comes again."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    changed_at: AwareDatetime
    actions: list[_Action] = Field(max_length=10_000)
    references: list[_Reference] | None = None


@dataclass(frozen=True)
class Wanted:
    """A story that a label asks for."""

    shortcut_id: int
    goal: Goal
    name: str
    app_url: str


def check_signature(body: bytes, given: str | None, secret: str) -> None:
    """Raises SignatureWrong. Takes as long for a wrong signature as for a right one."""
    if not given:
        raise errors.SignatureWrong(f"A webhook needs the header {SIGNATURE_HEADER}.", header=SIGNATURE_HEADER)
    known = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given.strip().lower().encode("utf-8", "replace"), known.encode()):
        raise errors.SignatureWrong(
            f"{SIGNATURE_HEADER} is not this body's with the workspace's secret.", header=SIGNATURE_HEADER
        )


def read_event(body: bytes) -> Event:
    """Raises BadRequest for what is no JSON object, InvalidInput naming the field."""
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise errors.BadRequest(f"The body is not JSON: {error}.") from None
    if not isinstance(data, dict):
        raise errors.BadRequest("The body must be a JSON object.")
    try:
        return Event.model_validate(data)
    except ValidationError as error:
        version = data.get("version", VERSION)
        if version != VERSION:
            raise errors.InvalidInput(
                "version",
                f"is {str(version)[:40]!r}, and what it says is not as {VERSION} has it, the one that is taken",
            ) from None
        first = error.errors()[0]
        path = [part for part in first["loc"] if part not in ("int", "str")]
        raise errors.InvalidInput(".".join(map(str, path)), first["msg"]) from None


def check_age(event: Event, max_age_seconds: float, now: datetime) -> None:
    """Raises InvalidInput naming `changed_at`."""
    age = (now - event.changed_at.astimezone(UTC)).total_seconds()
    if age > max_age_seconds:
        raise errors.InvalidInput(
            "changed_at", f"is {age:.0f} seconds old, more than the {max_age_seconds:g} that this workspace takes"
        )
    if age < -FUTURE_SECONDS:
        raise errors.InvalidInput("changed_at", f"is {-age:.0f} seconds in the future")


def wanted_by(event: Event, workspace: Workspace) -> Sequence[Wanted]:
    """The stories that were given one of the workspace's labels, each once; with both labels it is to be enhanced.

    Only a label that is added asks: what a write-back does to a story asks for nothing. Raises InvalidInput.
    """
    names = {str(each.id): each.name for each in event.references or () if each.entity_type == "label"}
    found: dict[int, Wanted] = {}
    for position, action in enumerate(event.actions):
        if action.entity_type != "story" or action.action not in ("create", "update"):
            continue
        goal = _goal({names.get(str(label)) for label in _added(action)}, workspace)
        if goal is None:
            continue
        shortcut_id = _number(action.id, f"actions.{position}.id")
        known = found.get(shortcut_id)
        if known is None or goal is Goal.ENHANCE:
            name, app_url = (action.name or "")[:500], (action.app_url or "")[:2000]
            found[shortcut_id] = Wanted(shortcut_id, goal, name or f"Story {shortcut_id}", app_url)
    if len(found) > MAX_STORIES:
        raise errors.InvalidInput("actions", f"ask for {len(found)} stories; {MAX_STORIES} at most are taken at once")
    return list(found.values())


def _added(action: _Action) -> Sequence[_Id]:
    if action.action == "create":
        return action.label_ids or []
    changed = action.changes.label_ids if action.changes is not None else None
    return [] if changed is None else changed.adds or []


def _goal(labels: set[str | None], workspace: Workspace) -> Goal | None:
    if workspace.enhance_label in labels:
        return Goal.ENHANCE
    return Goal.ANALYZE if workspace.analyze_label in labels else None


def _number(id: _Id, field: str) -> int:
    text = str(id)
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:20]) < 2**53:
        raise errors.InvalidInput(field, "must be the number of a story")
    return int(text)
