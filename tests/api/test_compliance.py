"""Frameworks and reports over REST, end to end: a real server, a real site, a chat server that can misbehave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
import pytest

from gleanery.knowledge.compliance.framework import MAX_BYTES
from tests.api.client import Client
from tests.conftest import ServePages, StartServer
from tests.sites.chat_server import ChatServer, Fault, chat_server
from tests.sites.handbook import ENCRYPTED, FRAMEWORK, INJECTED, SITE, Auditor, honest, page, told


@pytest.fixture
def auditor() -> Auditor:
    return Auditor()


@pytest.fixture
async def model(auditor: Auditor) -> AsyncIterator[ChatServer]:
    async with chat_server(auditor) as server:
        yield server


def with_model(model: ChatServer) -> dict[str, Any]:
    return {
        "chat_model": "gpt-test",
        "openai_base_url": model.base_url,
        "openai_api_key": "sk-test",
        "chat_concurrency": 1,
        "enrich": (),
    }


async def add(client: Client, text: str = FRAMEWORK) -> None:
    reply = await client.call(
        "POST", "/api/v1/compliance/frameworks", data=text.encode(), headers={"Content-Type": "application/yaml"}
    )
    assert reply.status == 201, reply


async def crawled(client: Client, serve_pages: ServePages, pages: Mapping[str, str] = SITE) -> str:
    site = await serve_pages(pages)
    return (await client.crawl(f"{site.url}/")).source_id


async def run(client: Client, **body: Any) -> dict[str, Any]:
    """Make a report and see it to its end."""
    reply = await client.post("/compliance/reports", {"framework_id": "house", **body})
    assert reply.status == 202, reply
    await client.ended(reply.body["task_ids"]["report"])
    return await client.one(f"/compliance/reports/{reply.body['report_id']}")


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {each["control_id"]: each["assessment"]["verdict"] for each in report["controls"]}


def said(report: dict[str, Any], control_id: str) -> dict[str, Any]:
    [control] = [each for each in report["controls"] if each["control_id"] == control_id]
    found: dict[str, Any] = control["assessment"]
    return found


# Frameworks


async def test_two_real_frameworks_come_along_with_source_and_licence(client: Client) -> None:
    items = (await client.one("/compliance/frameworks"))["items"]
    assert [(each["framework_id"], each["is_bundled"]) for each in items] == [("nist-csf", True), ("nist-ssdf", True)]
    for each in items:
        found = await client.one(f"/compliance/frameworks/{each['framework_id']}")
        assert "public domain" in found["license"]
        assert "doi.org" in found["source"]
        assert len(found["controls"]) == each["control_count"] >= 10
        assert all(control["queries"] and control["text"] for control in found["controls"])


async def test_a_version_never_changes(client: Client) -> None:
    await add(client)
    await add(client)  # the same once more changes nothing
    changed = FRAMEWORK.replace("each night", "each week")
    reply = await client.call(
        "POST", "/api/v1/compliance/frameworks", data=changed, headers={"Content-Type": "application/yaml"}
    )
    assert (reply.status, reply.error["code"]) == (409, "wrong_state")
    await add(client, changed.replace('version: "1"', 'version: "2"'))
    assert (await client.one("/compliance/frameworks/house"))["version"] == "2"
    first = await client.one("/compliance/frameworks/house?version=1")
    assert first["controls"][0]["text"] == "Backups are made each night and a restore is tried."
    assert (await client.get("/compliance/frameworks/house?version=9")).status == 404


async def test_a_framework_may_come_as_json(client: Client) -> None:
    body = {"id": "j", "version": "1", "title": "J", "controls": [{"id": "1", "title": "T", "text": "X"}]}
    reply = await client.post("/compliance/frameworks", body)
    assert (reply.status, reply.body["control_count"]) == (201, 1)


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ("a: &x [1]\nb: *x", "framework", "line 1, column 4: anchors and aliases are not read"),
        ("a: !!python/object/apply:os.system [ls]", "framework", "line 1, column 4: tags are not read"),
        ("a: !x 1", "framework", "line 1, column 4: tags are not read"),
        ("[" * 10_000, "framework", "line 1, column 9: is nested more than 8 deep"),
        ("a: [" + "1," * 30_000 + "]", "framework", "has more than 20000 values"),
        ("a: {\n b: [", "framework", "line 3, column 1"),
        ("a: 1\n---\nb: 2", "framework", "line 2, column 1: is a second document"),
        ("\x00", "framework", "control characters"),
        ("- 1", "framework", "must be a mapping"),
        ("", "framework", "must be a mapping"),
        (FRAMEWORK.replace("id: H-2", "id: H-1"), "controls", "the id 'H-1' is there twice"),
        (FRAMEWORK.replace("title: Encryption", "titel: x"), "controls.1.title", "Field required"),
        (FRAMEWORK + "    colour: red\n", "controls.2.colour", "unknown field"),
        (FRAMEWORK.replace("id: house", "id: ../etc"), "id", "pattern"),
        (FRAMEWORK.replace("Data is", "x" * 9_000), "controls.1.text", "at most 8000"),
        ("x" * (MAX_BYTES + 1), "framework", "is larger than"),
    ],
)
async def test_a_hostile_framework_is_refused_by_its_place(shared: Client, text: str, field: str, reason: str) -> None:
    reply = await shared.call(
        "POST", "/api/v1/compliance/frameworks", data=text.encode(), headers={"Content-Type": "application/yaml"}
    )
    assert reply.status == 422
    assert reply.error["details"]["field"] == field
    assert reason in reply.error["details"]["reason"]
    assert [each["framework_id"] for each in (await shared.one("/compliance/frameworks"))["items"]] == [
        "nist-csf",
        "nist-ssdf",
    ]


@pytest.fixture
async def shared(client: Client) -> Client:
    return client


# Reports


async def test_without_a_model_there_is_the_evidence(client: Client, serve_pages: ServePages) -> None:
    source_id = await crawled(client, serve_pages)
    await add(client)
    report = await run(client, source_ids=[source_id])
    assert (report["status"], report["percentage"], report["stage"]) == ("completed", 100.0, "")
    assert verdicts(report) == {"H-1": "unknown", "H-2": "unknown", "H-3": "unknown"}
    assert report["counts"] == {"met": 0, "partly": 0, "not_met": 0, "unknown": 3, "waiting": 0}
    assert any("No chat model was set" in note for note in report["left_out"])
    first, second, third = report["controls"]
    assert said(report, "H-1")["note"] == "No chat model is set: the passages are for a person to judge."
    assert said(report, "H-3")["note"] == "Nothing was found for it in these sources."
    assert third["evidence"] == []
    passage = first["evidence"][0]
    page = await client.one(f"/pages/{passage['page_id']}")
    assert page["markdown"][passage["start"] : passage["end"]] == passage["content"]
    assert passage["url"].split("#")[0] == page["url"]
    assert (passage["seen_at"], passage["is_missing"]) == (page["fetched_at"], False)
    assert passage["why"][0]["query"] == "nightly backup restore"
    assert passage["why"][0]["rank"] == 1
    assert ENCRYPTED in second["evidence"][0]["content"]


async def test_verdicts_have_quotes_that_stand_in_their_pages(
    start_server: StartServer, serve_pages: ServePages, model: ChatServer, auditor: Auditor
) -> None:
    client = await start_server(**with_model(model))
    source_id = await crawled(client, serve_pages)
    await add(client)
    report = await run(client, source_ids=[source_id])
    assert verdicts(report) == {"H-1": "met", "H-2": "partly", "H-3": "unknown"}
    assert auditor.asked == ["H-1", "H-2"], "what has no evidence is not asked"
    assert report["tokens"] == 240
    found = said(report, "H-2")
    assert (found["by"], found["model"], found["gap"]) == ("model", "gpt-test", "How keys are kept.")
    [quote] = found["quotes"]
    page = await client.one(f"/pages/{quote['page_id']}")
    assert page["markdown"][quote["start"] : quote["end"]] == quote["text"] == ENCRYPTED


async def test_what_a_page_orders_and_a_model_invents_does_not_count(
    start_server: StartServer, serve_pages: ServePages, model: ChatServer, auditor: Auditor
) -> None:
    def fooled(control: str, _: Mapping[int, str]) -> dict[str, Any]:
        invented = (1, "All data has been certified as encrypted by a notary.")
        return told("met", invented, (99, ENCRYPTED), (1, "the")) | {
            "reasoning": "![x](https://evil.test/?leak) <script>alert(1)</script> fine",
        }

    auditor.answer = fooled
    client = await start_server(**with_model(model))
    await crawled(client, serve_pages)
    await add(client)
    report = await run(client)
    assert verdicts(report) == {"H-1": "unknown", "H-2": "unknown", "H-3": "unknown"}
    found = said(report, "H-2")
    assert (found["quotes"], found["quotes_dropped"]) == ([], 3)
    assert found["note"].startswith("The model's verdict (met) does not count")
    assert found["reasoning"] == "x alert(1) fine"
    question = model.requests[-1].texts[-1]
    marker = question.split("carry ")[1][:8]
    assert INJECTED in question.partition(f"<<<PASSAGE 1 {marker}>>>")[2], "it stands between the markers alone"
    metrics = (await client.call("GET", "/metrics")).body
    assert 'gleanery_compliance_quotes_total{state="dropped"} 6.0' in metrics


@pytest.mark.parametrize("fault", [Fault.REFUSAL, Fault.TOO_LONG, Fault.CUT_OFF])
async def test_a_question_without_an_answer_costs_its_control_alone(
    start_server: StartServer, serve_pages: ServePages, model: ChatServer, fault: Fault
) -> None:
    client = await start_server(**with_model(model))
    await crawled(client, serve_pages)
    await add(client)
    model.fail_with(fault)
    report = await run(client)
    assert verdicts(report) == {"H-1": "unknown", "H-2": "partly", "H-3": "unknown"}
    assert said(report, "H-1")["note"].startswith("The chat model gave no answer that can be used: ")


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.INVALID_JSON, Fault.DROP])
async def test_what_may_pass_is_tried_again(
    start_server: StartServer, serve_pages: ServePages, model: ChatServer, fault: Fault
) -> None:
    client = await start_server(**with_model(model))
    await crawled(client, serve_pages)
    await add(client)
    model.fail_with(fault)
    assert verdicts(await run(client)) == {"H-1": "met", "H-2": "partly", "H-3": "unknown"}


async def test_a_retry_asks_only_what_has_no_answer(
    start_server: StartServer, serve_pages: ServePages, model: ChatServer, auditor: Auditor
) -> None:
    client = await start_server(**with_model(model))
    await crawled(client, serve_pages)
    await add(client)

    def last_one(control: str, passages: Mapping[int, str]) -> dict[str, Any]:
        model.fail_with(Fault.KEY_REFUSED)
        return honest(control, passages)

    auditor.answer = last_one
    started = (await client.post("/compliance/reports", {"framework_id": "house"})).body
    analysis = await client.ended(started["task_ids"]["analysis"])
    assert (analysis.status, analysis.task["error"]["code"]) == ("failed", "chat_key_refused")
    half = await client.one(f"/compliance/reports/{started['report_id']}")
    assert (half["status"], half["stage"], half["error"]["code"]) == ("failed", "analysis", "chat_key_refused")
    assert half["counts"] == {"met": 1, "partly": 0, "not_met": 0, "unknown": 0, "waiting": 2}
    auditor.answer = honest
    model.heal()
    assert (await client.post(f"/tasks/{started['task_ids']['analysis']}/retry", {})).status == 202
    await client.ended(started["task_ids"]["report"])
    report = await client.one(f"/compliance/reports/{started['report_id']}")
    assert verdicts(report) == {"H-1": "met", "H-2": "partly", "H-3": "unknown"}
    assert auditor.asked == ["H-1", "H-2"], "H-1 is paid once"


async def test_a_cancelled_report_goes_on_where_it_was(
    start_server: StartServer, serve_pages: ServePages, model: ChatServer, auditor: Auditor
) -> None:
    client = await start_server(**with_model(model))
    await crawled(client, serve_pages)
    await add(client)

    def then_none(control: str, passages: Mapping[int, str]) -> dict[str, Any]:
        model.fail_with(Fault.HANG)
        return honest(control, passages)

    auditor.answer = then_none
    started = (await client.post("/compliance/reports", {"framework_id": "house"})).body
    path = f"/compliance/reports/{started['report_id']}"
    await model.hanging.get()
    assert (await client.post(f"{path}/retry", {})).error["code"] == "wrong_state"
    assert (await client.post(f"{path}/cancel", {})).status == 200
    ends = [(await client.ended(started["task_ids"][name])).status for name in ("evidence", "analysis", "report")]
    assert ends == ["completed", "cancelled", "cancelled"]
    half = await client.one(path)
    assert (half["status"], half["stage"]) == ("cancelled", "analysis")
    assert half["counts"] == {"met": 1, "partly": 0, "not_met": 0, "unknown": 0, "waiting": 2}
    assert (await client.post(f"{path}/cancel", {})).error["code"] == "wrong_state"
    auditor.answer = honest
    again = await client.post(f"{path}/retry", {})
    assert (again.status, again.body["status"]) == (200, "running")
    await client.ended(started["task_ids"]["report"])
    assert verdicts(await client.one(path)) == {"H-1": "met", "H-2": "partly", "H-3": "unknown"}
    assert auditor.asked == ["H-1", "H-2"], "what was paid is not asked again"
    assert (await client.post("/compliance/reports/cmp_none/cancel", {})).status == 404


async def test_a_later_run_pays_for_what_changed_and_shows_it(
    start_server: StartServer, serve_pages: ServePages, model: ChatServer, auditor: Auditor, tmp_path: Path
) -> None:
    client = await start_server(**with_model(model))
    source_id = await crawled(client, serve_pages)
    await add(client)
    first = await run(client, source_ids=[source_id])
    again = await run(client, source_ids=[source_id])
    assert auditor.asked == ["H-1", "H-2"], "equal questions are not asked again"
    assert (said(again, "H-1")["by"], again["tokens"]) == ("kept", 0)
    assert again["previous_report_id"] == first["report_id"]
    same = await client.one(f"/compliance/reports/{again['report_id']}/compare")
    assert (same["with_report_id"], same["counts"]["same"]) == (first["report_id"], 3)

    (tmp_path / "site" / "backup.html").write_text(page("Backups", "No backup is made any more, nor a restore tried."))
    refreshed = (await client.post(f"/sources/{source_id}/refresh", {"force": True})).body
    await client.ended(refreshed["task_id"])

    def changed(control: str, passages: Mapping[int, str]) -> dict[str, Any]:
        if control != "H-1":
            return honest(control, passages)
        number = next(number for number, text in passages.items() if "No backup" in text)
        return told("not_met", (number, "No backup is made any more"), gap="All of it.")

    auditor.answer = changed
    third = await run(client, source_ids=[source_id])
    compared = await client.one(f"/compliance/reports/{third['report_id']}/compare?with={first['report_id']}")
    [change] = [each for each in compared["changes"] if each["control_id"] == "H-1"]
    assert (change["course"], change["was"], change["now"]) == ("worse", "met", "not_met")
    assert change["new_evidence"]
    assert change["lost_evidence"]
    told_json = (await client.get(f"/compliance/reports/{third['report_id']}/file?format=json")).body
    assert told_json["since"]["report_id"] == again["report_id"]


async def test_a_spent_budget_leaves_the_rest_unknown(
    start_server: StartServer, serve_pages: ServePages, model: ChatServer, auditor: Auditor
) -> None:
    client = await start_server(**with_model(model))
    await crawled(client, serve_pages)
    await add(client)
    report = await run(client, max_tokens=10)
    assert auditor.asked == []
    assert said(report, "H-1")["note"] == "Not asked: the report's 10 tokens are spent."


async def test_the_door_refuses_what_can_not_be(client: Client) -> None:
    await add(client)
    reports = "/compliance/reports"
    assert (await client.post(reports, {"framework_id": "none"})).status == 404
    assert (await client.post(reports, {"framework_id": "house", "source_ids": ["src_none"]})).status == 404
    assert (await client.post(reports, {"framework_id": "house", "max_tokens": -1})).status == 422
    assert (await client.post(reports, {"framework_id": "house", "colour": "red"})).error["details"][
        "field"
    ] == "colour"
    assert (await client.get(f"{reports}/cmp_none")).status == 404
    assert (await client.get(f"{reports}/cmp_none/file")).status == 404
    headers = {"Content-Type": "image/png"}
    reply = await client.call("POST", "/api/v1/compliance/frameworks", data=b"x", headers=headers)
    assert reply.status == 400


async def test_a_key_makes_one_report(client: Client) -> None:
    await add(client)
    body, headers = {"framework_id": "house"}, {"Idempotency-Key": "k1"}
    first = await client.post("/compliance/reports", body, headers=headers)
    again = await client.post("/compliance/reports", body, headers=headers)
    assert first.body["report_id"] == again.body["report_id"]
    other = await client.post("/compliance/reports", {**body, "title": "x"}, headers=headers)
    assert (other.status, other.error["code"]) == (409, "idempotency_conflict")
    await client.ended(first.body["task_ids"]["report"])
    assert len(await client.every("/compliance/reports", limit=1)) == 1
    assert (await client.delete(f"/compliance/reports/{first.body['report_id']}")).status == 204
    assert await client.every("/compliance/reports") == []


async def test_the_files_are_safe_to_open(client: Client, serve_pages: ServePages, stack: AsyncExitStack) -> None:
    hostile = "backup restore nightly <script>alert(1)</script> [x](javascript:alert(1)) ![y](https://evil.test/p.png)"
    escaped = hostile.replace("<", "&lt;")
    await crawled(client, serve_pages, {"index.html": page("<b>Title</b>".replace("<", "&lt;"), escaped)})
    await add(client, FRAMEWORK.replace("title: Backups", 'title: "<img src=x onerror=alert(1)>"'))
    report = await run(client)
    path = f"/compliance/reports/{report['report_id']}/file"
    html = await client.get(path)
    assert html.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert html.headers["Content-Disposition"].startswith("attachment; filename=")
    assert "<script" not in html.body
    assert "<img" not in html.body
    assert "&lt;script&gt;alert(1)" in html.body
    assert "<svg" in html.body
    markdown = (await client.get(f"{path}?format=markdown")).body
    assert "![y](" not in markdown
    assert "<img" not in markdown.replace("\\<img", "")
    assert (await client.get(f"{path}?format=docx")).error["details"]["field"] == "format"
    told_json = await client.get(f"{path}?format=json")
    assert told_json.body["counts"] == report["counts"]


async def test_a_report_tells_who_is_not_there(client: Client, serve_pages: ServePages) -> None:
    """A source that is deleted between two tasks takes nothing from the evidence that was kept."""
    source_id = await crawled(client, serve_pages)
    await add(client)
    report = await run(client, source_ids=[source_id])
    assert (await client.delete(f"/sources/{source_id}")).status == 204
    again = await client.one(f"/compliance/reports/{report['report_id']}")
    assert again["controls"] == report["controls"]


@pytest.mark.browser
async def test_the_browser_prints_it(start_server: StartServer, serve_pages: ServePages) -> None:
    client = await start_server()
    await crawled(client, serve_pages)
    await add(client)
    report = await run(client)
    assert report["formats"] == ["html", "json", "markdown", "pdf"]
    path = f"{client.url}/api/v1/compliance/reports/{report['report_id']}/file?format=pdf"
    async with client.session.get(path) as reply:
        assert (reply.status, reply.content_type) == (200, "application/pdf")
        pdf = pypdfium2.PdfDocument(await reply.read())
    text = "".join(pdf[number].get_textpage().get_text_range() for number in range(len(pdf)))
    assert "House rules" in text
    assert "nightly backup restore" in text


async def test_without_a_browser_the_report_says_that_the_pdf_is_left_out(
    start_server: StartServer, tmp_path: Path
) -> None:
    client = await start_server(browser=tmp_path / "none")
    await add(client)
    report = await run(client)
    assert report["formats"] == ["html", "json", "markdown"]
    assert any(note.startswith("No PDF: ") for note in report["left_out"])
    assert (await client.get(f"/compliance/reports/{report['report_id']}/file?format=pdf")).status == 404
