"""What a webhook asks for and what is proposed, as pure functions."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gleanery import errors
from gleanery.handlers.stories.proposal import MAX_TEXT, proposal_of
from gleanery.handlers.stories.webhook import check_signature, read_event, wanted_by
from gleanery.model.stories import (
    Analysis,
    CitedSource,
    Enhancement,
    Goal,
    RelatedStory,
    Section,
    Story,
    StoryState,
    Triage,
    Workspace,
)
from gleanery.store.stories import StoryResults, StoryRun

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORKSPACE = Workspace(name="acme", created_at=NOW, changed_at=NOW)
STORY = Story(
    shortcut_id=7,
    name="Export slow",
    description="It takes minutes.",
    story_type="bug",
    labels=["enhance"],
    app_url="",
    external_links=[],
    updated_at=NOW,
)


def event(*actions: dict[str, Any], labels: dict[Any, str]) -> bytes:
    """As Shortcut's documentation shows it, with fields that are not read."""
    references = [{"id": key, "entity_type": "label", "name": name, "app_url": "x"} for key, name in labels.items()]
    references.append({"id": 1495, "entity_type": "workflow-state", "name": "enhance"})
    told = {"id": "e1", "changed_at": "2026-01-01T00:00:00Z", "primary_id": 7, "version": "v1", "member_id": "m"}
    return json.dumps({**told, "actions": actions, "references": references}).encode()


def update(id: Any, **changes: Any) -> dict[str, Any]:
    return {"id": id, "entity_type": "story", "action": "update", "name": "Export", "changes": changes}


@pytest.mark.parametrize(
    ("action", "goal"),
    [
        (update(7, label_ids={"adds": [1]}), Goal.ENHANCE),
        (update("7", label_ids={"adds": [2]}), Goal.ANALYZE),
        (update(7, label_ids={"adds": [2, 1]}), Goal.ENHANCE),
        (update(7, label_ids={"removes": [1]}), None),
        (update(7, label_ids={"adds": [3]}), None),
        (update(7, workflow_state_id={"new": 1495, "old": 1}), None),
        ({**update(7), "action": "create", "label_ids": [1]}, Goal.ENHANCE),
        ({**update(7, label_ids={"adds": [1]}), "name": None, "app_url": None}, Goal.ENHANCE),
        ({**update(7, label_ids={"adds": None}), "label_ids": None}, None),
        ({**update(7), "action": "delete", "label_ids": [1]}, None),
        ({**update(7, label_ids={"adds": [1]}), "entity_type": "epic"}, None),
    ],
)
def test_only_a_label_that_is_added_asks(action: dict[str, Any], goal: Goal | None) -> None:
    body = event(action, labels={1: "enhance", 2: "analyze", 3: "enhanced"})
    wanted = wanted_by(read_event(body), WORKSPACE)
    assert [(each.shortcut_id, each.goal) for each in wanted] == ([] if goal is None else [(7, goal)])


def test_each_story_is_asked_for_once() -> None:
    actions = [
        update(7, label_ids={"adds": [2]}),
        update(8, label_ids={"adds": [1]}),
        update(7, label_ids={"adds": [1]}),
    ]
    wanted = wanted_by(read_event(event(*actions, labels={1: "enhance", 2: "analyze"})), WORKSPACE)
    assert [(each.shortcut_id, each.goal) for each in wanted] == [(7, Goal.ENHANCE), (8, Goal.ENHANCE)]


def test_a_signature_is_of_the_body_as_it_came() -> None:
    known = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"  # HMAC-SHA256 of nothing without a key
    check_signature(b"", known, "")
    check_signature(b"", known.upper(), "")
    with pytest.raises(errors.SignatureWrong):
        check_signature(b" ", known, "")


def run(goal: Goal = Goal.ENHANCE, **settings: Any) -> StoryRun:
    workspace = WORKSPACE.model_copy(update=settings)
    return StoryRun("sty_1", "acme", 7, goal, StoryState.WORKING, "Export slow", "", workspace, NOW, None, (), 0, None)


def results(enhancement: Enhancement | None, **analysis: Any) -> StoryResults:
    triage = Triage(kind="bug", summary="Too slow.", needs_enhancement=True)
    return StoryResults(STORY, triage, Analysis(summary="Known.", **analysis), enhancement)


def test_a_description_is_written_in_sections_with_what_can_be_checked() -> None:
    better = Enhancement(
        name=" Exports  take\nseconds ",
        sections=[Section(title="Context", body="Customers wait.\n\n- long")],
        acceptance_criteria=["Given x, when y, then z."],
        open_questions=["Who?"],
        sources=[CitedSource(url="https://example.com/a(b)", title="The [guide]", why="Limits.")],
    )
    proposal = proposal_of(run(), results(better))
    assert proposal.name == "Exports take seconds"
    assert proposal.description == (
        "## Context\n\nCustomers wait.\n\n- long\n\n## Acceptance criteria\n\n- [ ] Given x, when y, then z.\n\n"
        "## Open questions\n\n- Who?\n\n## Sources\n\n- [The \\[guide\\]](https://example.com/a%28b%29) (Limits.)\n\n"
        "[//]: # (gleanery:sty_1)"
    )
    assert (proposal.labels_added, proposal.labels_removed) == (["enhanced"], ["enhance"])
    assert "changed the title and the description" in proposal.comment


def test_criteria_alone_come_after_the_description_as_it_was() -> None:
    before = STORY.model_copy(update={"description": "It takes minutes.\n\n[//]: # (gleanery:sty_0)"})
    found = replace(results(Enhancement(acceptance_criteria=["A."])), before=before)
    proposal = proposal_of(run(), found)
    assert proposal.description == (
        "It takes minutes.\n\n## Acceptance criteria\n\n- [ ] A.\n\n[//]: # (gleanery:sty_1)"
    )
    assert proposal.name is None


def rewritten(description: str, body: str = "Customers wait.") -> str | None:
    better = Enhancement(sections=[Section(title="Context", body=body)], acceptance_criteria=["A."])
    before = STORY.model_copy(update={"description": description})
    return proposal_of(run(), replace(results(better), before=before)).description


def test_pictures_and_links_of_the_description_stay() -> None:
    kept = rewritten(
        "![shot](https://s.example/a(1).png) of [the wiki](https://w.example/x#top), https://w.example/y#z. And"
        " [known](https://k.example/) and https://w.example/x.\n\n![shot](https://s.example/a(1).png)",
        body="See https://k.example/.",
    )
    assert kept == (
        "## Context\n\nSee https://k.example/.\n\n## Acceptance criteria\n\n- [ ] A.\n\n"
        "## From the description before\n\n- ![shot](https://s.example/a(1).png)\n- [the wiki](https://w.example/x#top)\n"
        "- https://w.example/y#z\n- https://w.example/x\n\n[//]: # (gleanery:sty_1)"
    )


@pytest.mark.parametrize(
    ("was", "body", "kept"),
    [
        (
            "![shot](https://s.example/a.png)",
            "See [shot](https://s.example/a.png).",
            "![shot](https://s.example/a.png)",
        ),
        (
            "[shot](https://s.example/a.png) ![shot](https://s.example/a.png)",
            "See [shot](https://s.example/a.png).",
            "![shot](https://s.example/a.png)",
        ),
        ("https://w.example/x#a and https://w.example/x#b", "A.", "https://w.example/x#a\n- https://w.example/x#b"),
        ("https://w.example/x#a and https://w.example/x#b", "See https://w.example/x#a.", "https://w.example/x#b"),
    ],
)
def test_a_picture_is_no_link_and_a_part_of_a_page_no_other(was: str, body: str, kept: str) -> None:
    assert rewritten(was, body) == (
        f"## Context\n\n{body}\n\n## Acceptance criteria\n\n- [ ] A.\n\n"
        f"## From the description before\n\n- {kept}\n\n[//]: # (gleanery:sty_1)"
    )


def test_a_description_whose_end_no_agent_has_seen_stays_below() -> None:
    long = "word " * 3_000
    assert rewritten(long) == (
        "## Context\n\nCustomers wait.\n\n## Acceptance criteria\n\n- [ ] A.\n\n"
        f"## As it was before\n\n{long.strip()}\n\n[//]: # (gleanery:sty_1)"
    )


def test_what_stays_below_does_not_pile_up() -> None:
    long = "word " * 3_000
    once = rewritten(long)
    assert once is not None
    changed = once.replace("Customers wait.", "See https://k.example/.\n\n![shot](https://s.example/a.png)")
    assert rewritten(changed, body="Orders wait.") == (
        "## Context\n\nOrders wait.\n\n## Acceptance criteria\n\n- [ ] A.\n\n"
        "## From the description before\n\n- ![shot](https://s.example/a.png)\n- https://k.example/\n\n"
        f"## As it was before\n\n{long.strip()}\n\n[//]: # (gleanery:sty_1)"
    )


def test_what_no_agent_has_seen_stays_also_above_an_older_description() -> None:
    long = "word " * 3_000
    unseen = f"{long}\n\n## As it was before\n\nIt takes minutes."
    theirs = f"Intro.\n\n## As it was before\n\n{long.strip()}"
    for description, mark in ((unseen, "\n\n[//]: # (gleanery:sty_0)"), (theirs, "")):
        assert rewritten(description + mark) == (
            "## Context\n\nCustomers wait.\n\n## Acceptance criteria\n\n- [ ] A.\n\n"
            f"## As it was before\n\n{description}\n\n[//]: # (gleanery:sty_1)"
        )


@pytest.mark.parametrize("sections", [[], [Section(title="Context", body="Customers wait.")]])
def test_a_description_that_leaves_no_room_stays_as_it_is_and_that_is_told(sections: list[Section]) -> None:
    before = STORY.model_copy(update={"description": "x" * MAX_TEXT})
    better = Enhancement(sections=sections, acceptance_criteria=["A."], left_out=["No links."])
    proposal = proposal_of(run(), replace(results(better), before=before))
    assert proposal.description is None
    assert proposal.comment == (
        "**gleanery** changed nothing in this story.\n\nToo slow.\n\nKnown.\n\n## Left out\n\n- No links.\n"
        "- The description stays as it is: there is no room for more text in it.\n\n[//]: # (gleanery:sty_1)"
    )


@pytest.mark.parametrize("part", ["[a](http://b(c)", "[a](http://b", "![", "!", "http://a(", "[a](http://b) "])
def test_hostile_descriptions_cost_no_time(part: str) -> None:
    started = time.process_time()
    rewritten(part * (11_000 // len(part)))
    assert time.process_time() - started < 1


def test_a_comment_tells_when_nothing_was_changed() -> None:
    comment = proposal_of(run(), results(Enhancement())).comment
    assert comment.startswith("**gleanery** changed nothing in this story.\n\nToo slow.")


def test_an_analysis_changes_no_text() -> None:
    other = RelatedStory(
        shortcut_id=3, name="A <b>](x)", description="", story_type="bug", app_url="https://s.example/3"
    )
    proposal = proposal_of(
        run(Goal.ANALYZE, analyzed_label=""), results(None, findings=["![x](y) <img src=z> F."], related=[other])
    )
    assert (proposal.name, proposal.description) == (None, None)
    assert (proposal.labels_added, proposal.labels_removed) == ([], ["analyze"])
    assert "- [x] (y) &lt;img src=z> F." in proposal.comment
    assert "- [A \\<b\\>\\](x)](https://s.example/3)" in proposal.comment


def test_pictures_are_links_and_lines_have_neither() -> None:
    better = Enhancement(
        sections=[Section(title="![a [b]](//evil.example)", body="!![c](https://c.example/)")],
        open_questions=["[e]: //evil.example"],
    )
    proposal = proposal_of(run(), results(better, findings=["[f [g]](//evil.example) [1]"]))
    assert proposal.description == (
        "## [a [b]] (//evil.example)\n\n[c](https://c.example/)\n\n"
        "## Open questions\n\n- [e] : //evil.example\n\n[//]: # (gleanery:sty_1)"
    )
    assert "- [f [g]] (//evil.example) [1]" in proposal.comment


def test_a_title_that_is_the_same_is_no_change() -> None:
    assert proposal_of(run(), results(Enhancement(name=STORY.name))).name is None
    assert proposal_of(run(), results(Enhancement(name="x" * 900))).name == "x" * 512
