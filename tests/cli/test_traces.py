"""`gleanery traces`: sent from a file, listed, shown and written out."""

from __future__ import annotations

import json
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from gleanery import app
from tests.api.test_traces import traces
from tests.cli.command import environment, run
from tests.conftest import settings


async def test_traces_are_sent_listed_shown_and_exported(tmp_path: Path) -> None:
    data, file, out = tmp_path / "data", tmp_path / "traces.jsonl", tmp_path / "prompt.yaml"
    rows = traces(20)
    file.write_text("\n".join(json.dumps(row) for row in [*rows, rows[0]]) + "\n")
    env = environment(data)
    async with app.running(settings(data)):
        sent = await run(env, "traces", "send", str(file), "--json")
        assert (sent.code, sent.json_lines) == (0, [{"stored": 20, "known": 1}])
        listed = await run(env, "traces", "list", "--project", "shop", "--json")
        while [row["trace_count"] for row in listed.json_lines] != [20]:
            listed = await run(env, "traces", "list", "--project", "shop", "--json")
        group_id = listed.json_lines[0]["group_id"]
        lines = (await run(env, "traces", "list")).out.splitlines()
        assert [line.split()[:2] for line in lines] == [[group_id, "20"]]
        shown = await run(env, "traces", "show", group_id)
        assert "Name: {{name}}" in shown.out
        assert "name (text)" in shown.out
        assert "m 100% p50 9 ms, p95 18 ms 0 errors" in shown.out
        assert (await run(env, "traces", "export", group_id, str(out))).code == 0
        assert yaml.safe_load(out.read_text())["group_id"] == group_id
        assert (await run(env, "traces", "export", group_id, str(out))).code != 0
        assert (await run(env, "traces", "show", "grp_none")).code != 0
        (told,) = (await run(env, "traces", "delete", "shop", "--older-than", "1", "--json")).json_lines
        assert [(task["path"], task["traces"]) for task in told["tasks"]] == [("/reply", 20)]
        assert " takes traces of shop /reply away." in (await run(env, "traces", "delete", "shop")).out
        while (listed := await run(env, "traces", "list", "--json")).json_lines:
            pass
        assert (listed.code, (await run(env, "traces", "delete", "lab")).code) == (0, 2)


async def test_what_is_no_json_is_named_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text('{"project_id": "p", "instruction": "x"}\n\nnot json\n')
    ended = await run(environment(tmp_path / "data"), "traces", "send", str(file))
    assert ended.code == 2
    assert "FILE: line 3 is not JSON" in ended.err
