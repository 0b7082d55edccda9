"""`gleanery compliance` as a process: what it prints, writes and answers with."""

from __future__ import annotations

import json
from pathlib import Path

from gleanery.cli.compliance import bar
from gleanery.model.compliance import Counts
from tests.cli.command import run
from tests.conftest import ServePages
from tests.sites.handbook import BACKUP, FRAMEWORK, SITE


async def test_from_a_framework_to_a_file(
    env: dict[str, str], server: str, serve_pages: ServePages, tmp_path: Path
) -> None:
    site = await serve_pages(SITE)
    assert (await run(env, "crawl", f"{site.url}/", "--quiet")).code == 0
    file = tmp_path / "house.yaml"
    file.write_text(FRAMEWORK)
    listed = await run(env, "compliance", "frameworks", "--add", str(file))
    assert (listed.code, listed.err) == (0, "")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["house", "nist-csf", "nist-ssdf"]

    made = await run(env, "compliance", "run", "house", "--source", f"{site.url}/", "--quiet", "--fail-under", "0.5")
    assert made.code == 1, "nothing is met without a model"
    assert "0 met, 0 partly, 0 not met, 3 unknown" in made.out
    assert "see " in made.out

    shown = await run(env, "compliance", "show", "--json")
    [report] = json.loads(shown.out)["items"]
    out = tmp_path / "audit.md"
    written = await run(env, "compliance", "report", report["report_id"], str(out))
    assert written.code == 0
    assert "### H\\-1 Backups" in out.read_text()
    again = await run(env, "compliance", "report", report["report_id"], str(out))
    assert (again.code, again.err) == (2, f"gleanery: FILE: {out} is there already; --force replaces it\n")

    whole = await run(env, "compliance", "show", report["report_id"], "--json")
    assert BACKUP in json.loads(whole.out)["controls"][0]["evidence"][0]["content"]
    none = await run(env, "compliance", "show", report["report_id"], "--verdict", "met")
    assert "H-1" not in none.out
    for action, said in (
        ("cancel", "The report has ended: there is nothing to cancel."),
        ("retry", "None of its tasks failed"),
    ):
        steered = await run(env, "compliance", action, report["report_id"])
        assert steered.code != 0
        assert said in steered.err
    first = await run(env, "compliance", "show", report["report_id"], "--compare")
    assert first.out == "There is no earlier report of this framework and these sources.\n"


async def test_wrong_input_starts_nothing(env: dict[str, str], tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.yaml"
    bomb.write_text("a: &a [x]\nb: [*a, *a]")
    for flags, said in (
        (["frameworks", "--add", str(bomb)], "framework: line 1, column 4: anchors and aliases are not read"),
        (["frameworks", "--add", str(tmp_path / "none")], "can't be read"),
        (["run", "house", "--fail-under", "2"], "--fail-under: must be a number from 0 to 1"),
        (["show", "--verdict", "good"], "--verdict: must be some of met, partly, not_met, unknown"),
        (["report", "cmp_1", "x.docx"], "must end in .html, .md, .json, .pdf"),
    ):
        ended = await run(env, "compliance", *flags)
        assert ended.code == 2, flags
        assert said in ended.err


def test_the_bar_shows_each_verdict_that_occurs() -> None:
    assert bar(Counts(met=2, partly=1, not_met=1), 8) == "████▓▓▒▒"
    assert bar(Counts(met=999, unknown=1), 10) == "██████████░"
    assert bar(Counts(), 10) == ""
