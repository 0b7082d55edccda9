"""What a model says of stories: the same triage, analysis and enhancement each time."""

from __future__ import annotations

import json

from tests.sites.model_server import Calls, Turn

TITLE = "Invoices are exported within 30 seconds"
CONTEXT = "Customers wait for minutes, since an export is made in one request."
CRITERION = {"given": "10,000 invoices", "when": "an export is asked for", "then": "the file is there within 30 s"}
CALLS = 3
"""Answers that it takes to enhance a story."""

TRIAGE = {
    "kind": "bug",
    "summary": "Exports are too slow.",
    "needs_enhancement": True,
    "complexity": "medium",
    "missing": ["acceptance criteria"],
    "risks": [],
}
ANALYSIS = {
    "summary": "Nothing is known about exports.",
    "findings": [],
    "open_questions": ["How many invoices do customers have?"],
    "sources": [],
}
ENHANCEMENT = {
    "title": TITLE,
    "sections": [{"title": "Context", "body": CONTEXT}],
    "acceptance_criteria": [CRITERION],
    "open_questions": ["Who is told when it fails?"],
    "sources": [],
}


def storyteller(turn: Turn) -> Calls | str:
    if turn.asks_for("kind"):
        return json.dumps(TRIAGE)
    return json.dumps(ENHANCEMENT if turn.asks_for("title") else ANALYSIS)
