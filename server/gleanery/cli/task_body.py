"""What the actions of `gleanery tasks` send: flags made into the bodies of requests."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from datetime import datetime
from pathlib import Path
from typing import Any

from gleanery import errors

_DAYS = {"d": 1.0, "h": 1 / 24, "m": 1 / 1440}


def start_body(args: Namespace) -> dict[str, Any]:
    """Of `tasks start`. Raises InvalidInput naming the flag."""
    asked = {
        "task_type": args.type_name,
        "payload": _payload(args.payload),
        "title": args.title,
        "priority": args.priority,
        "queue_name": args.queue,
        "run_at": None if args.run_at is None else _time(args.run_at),
        "depends_on": [part for text in args.depends_on or () for part in parts(text)],
    }
    return {name: value for name, value in asked.items() if value not in (None, [])}


def selection_body(args: Namespace) -> dict[str, Any]:
    """Of `tasks cancel --all` and `tasks retry --all`."""
    body: dict[str, Any] = {"status": parts(args.status)} if args.status else {}
    return body | ({"task_type": args.task_type} if args.task_type else {})


def prune_body(args: Namespace) -> dict[str, Any]:
    """Of `tasks prune`. Raises InvalidInput naming the flag."""
    found = re.fullmatch(r"(\d{1,6})([dhm])", args.older_than)
    if found is None:
        raise errors.InvalidInput("--older-than", f"{args.older_than!r} is not like 30d, 12h or 0d")
    body: dict[str, Any] = {"older_than_days": int(found[1]) * _DAYS[found[2]], "dry_run": args.dry_run}
    return body | ({"status": parts(args.status)} if args.status else {})


def parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _payload(text: str | None) -> dict[str, Any]:
    """JSON, or with an `@` the file that holds it."""
    if text is None:
        return {}
    try:
        payload = json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except OSError as error:
        raise errors.InvalidInput("--payload", f"{text[1:]} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise errors.InvalidInput("--payload", f"is not JSON: {error}") from None
    if not isinstance(payload, dict):
        raise errors.InvalidInput("--payload", 'must be a JSON object, such as {"url": "https://docs.example.org/"}')
    return payload


def _time(text: str) -> str:
    """ISO 8601; without a zone it is meant where the command runs."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        raise errors.InvalidInput("--run-at", f"{text!r} is not a time such as 2030-01-31T06:00") from None
