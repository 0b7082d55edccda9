"""What is said of a story where no model is set, and that it says what was left out."""

from __future__ import annotations

import pytest

from gleanery.agents.stories.stages import analyze, enhance, triage
from gleanery.model.stories import Stage
from tests.agents.stories.stage_run import API, GUIDE, OTHER, PASSAGE, STORY, TRIAGED, Bench

WHOLE = """As an accountant I want exports so that I can close the month.

## Acceptance criteria
- [ ] An export of 10,000 rows is there within 30 s
"""

BUG_PARTS = ("a description", "steps to reproduce", "expected and actual behaviour", "acceptance criteria")


@pytest.mark.parametrize(
    ("story_type", "labels", "description", "kind", "missing"),
    [
        ("feature", [], WHOLE, "feature", []),
        ("feature", [], "", "feature", ["a description", "why it is needed", "acceptance criteria"]),
        (
            "feature",
            ["Bug"],
            "It breaks.",
            "bug",
            [*BUG_PARTS],
        ),
        (
            "chore",
            [],
            "Upgrade the database because the old one is not supported any more.",
            "chore",
            ["acceptance criteria"],
        ),
        (
            "bug",
            [],
            "Steps to reproduce:\n1. Log in\n2. Log out\nExpected: the page. Given a user when out then a page.",
            "bug",
            [],
        ),
    ],
)
async def test_a_triage_by_type_labels_and_parts(
    story_type: str, labels: list[str], description: str, kind: str, missing: list[str]
) -> None:
    story = STORY.model_copy(update={"story_type": story_type, "labels": labels, "description": description})
    done = await triage(Bench().begin(Stage.TRIAGE), story)
    assert (done.kind, done.missing, done.needs_enhancement) == (kind, missing, bool(missing))
    assert not done.by_model
    assert done.left_out == ["No chat model is set: only rules looked at it."]


@pytest.mark.parametrize(
    ("description", "complexity"),
    [("", "unknown"), ("Do it.", "small"), ("x" * 1000, "medium"), ("x " * 2000, "large"), ("- a\n" * 9, "large")],
)
async def test_the_length_tells_how_much_work_it_looks_like(description: str, complexity: str) -> None:
    done = await triage(Bench().begin(Stage.TRIAGE), STORY.model_copy(update={"description": description}))
    assert done.complexity == complexity


async def test_risks_are_told_by_words() -> None:
    story = STORY.model_copy(update={"name": "Logins", "description": "Migrate all passwords and delete the old ones."})
    done = await triage(Bench().begin(Stage.TRIAGE), story)
    assert done.risks == ["It touches security or access.", "It may lose or change stored data."]


async def test_an_analysis_reads_the_links_and_looks_for_the_title() -> None:
    bench = Bench()
    bench.hands.pages = {GUIDE: "Limits."}
    done = await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)
    assert bench.hands.read_urls == [GUIDE, API]
    assert bench.hands.searched == bench.hands.asked_stories == [STORY.name]
    assert done.summary == "1 links of the story were read; 1 pages and 1 stories were found for its title."
    assert done.findings == [f"“Page {GUIDE}” is linked from the story.", "“Export” is found for the story's title."]
    assert [(source.url, source.page_id) for source in done.sources] == [
        (GUIDE, None),
        (PASSAGE.url, "p1"),
        (OTHER.app_url, None),
    ]
    assert done.related == [OTHER]
    assert done.open_questions == ["How will it be seen that this is done?"]
    assert done.left_out == [
        "No chat model is set: its links were read and its title was searched for, but nothing was concluded from it."
    ]


async def test_nothing_is_written_better_and_that_is_said() -> None:
    bench = Bench()
    analysis = await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)
    done = await enhance(bench.begin(Stage.ENHANCEMENT), STORY, TRIAGED, analysis)
    assert done.is_empty
    assert done.left_out == ["No chat model is set: title and description stay as they are."]
    assert bench.notes.all == []
