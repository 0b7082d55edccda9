"""Stories as they are seen in the browser: workspaces whose secrets are never shown, what differs, what the agents did, and the
word of those who decide."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Locator, Page, Response, expect

from tests.api.client import Client
from tests.api.storied import ask, put, story_in
from tests.e2e.server_process import ServerProcess
from tests.sites.chat_server import Fault as ModelFault
from tests.sites.model_server import Calls, ModelServer, Turn, model_server
from tests.sites.shortcut import SECRET, TOKEN, Fault, Shortcut, shortcut
from tests.sites.storyteller import CONTEXT, TITLE, storyteller
from tests.ui.driving import go_by_keys
from tests.ui.seeding import story_settings

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

BEFORE = "An export takes minutes.\n\n## Steps\n\nPress Export."


@pytest.fixture
async def there() -> AsyncIterator[Shortcut]:
    async with shortcut() as it:
        yield it


@pytest.fixture
async def model() -> AsyncIterator[ModelServer]:
    async with model_server(storyteller) as it:
        yield it


@pytest.fixture
async def working(tmp_path: Path, stack: AsyncExitStack, there: Shortcut, model: ModelServer) -> ServerProcess:
    """A server with a model and a Shortcut."""
    server = ServerProcess(tmp_path / "data", **story_settings(there, model))
    await server.start()
    stack.push_async_callback(server.stop)
    return server


@pytest.fixture
async def client(working: ServerProcess, stack: AsyncExitStack) -> Client:
    """Of a server with a workspace whose stories wait for a word."""
    client = Client(working.url, await stack.enter_async_context(aiohttp.ClientSession()))
    await put(client, needs_approval=True)
    return client


async def undecided(client: Client, there: Shortcut) -> tuple[int, str]:
    number = there.add("Export slow", BEFORE, labels=["billing"])
    story_id = await ask(client, there, number)
    await story_in(client, story_id, "needs_approval")
    return number, story_id


def search_first(turn: Turn) -> Calls | str:
    """As the storyteller, but its analysis begins with a search."""
    is_analysis = not turn.asks_for("kind") and not turn.asks_for("title")
    return Calls(("search_knowledge", {"query": "export"})) if is_analysis and not turn.results else storyteller(turn)


def state(page: Page) -> Locator:
    return page.get_by_test_id("state").first


async def deleted(page: Page, server: ServerProcess, left: int = 0) -> None:
    await page.get_by_test_id("delete").click()
    await page.get_by_role("button", name="Yes, delete it").click()
    await expect(page).to_have_url(f"{server.url}/stories")
    await expect(page.get_by_test_id("story-row")).to_have_count(left)


async def test_an_empty_server_leads_to_the_first_workspace(page: Page, server: ServerProcess) -> None:
    await page.goto(f"{server.url}/stories")
    await page.get_by_role("link", name="Set up a workspace").click()
    await expect(page).to_have_url(f"{server.url}/stories?tab=workspaces")
    await expect(page.get_by_role("tabpanel")).to_contain_text("No workspace yet.")
    await page.get_by_role("tab", name="Stories").click()
    await expect(page.get_by_role("link", name="How stories are worked on")).to_have_attribute(
        "href", "/example/stories.html"
    )


async def test_secrets_of_a_workspace_are_set_and_never_shown(page: Page, server: ServerProcess) -> None:
    answers: list[str] = []

    async def keep(response: Response) -> None:
        if "/workspaces" in response.url and response.request.resource_type == "fetch" and response.status < 300:
            answers.append("" if response.status == 204 else await response.text())

    page.on("response", keep)
    await page.goto(f"{server.url}/stories?tab=workspaces")
    await page.get_by_role("button", name="New workspace").click()
    form = page.get_by_role("dialog", name="New workspace")
    await form.get_by_label("Name").fill("acme")
    await form.get_by_label("Webhook secret").fill(SECRET)
    await form.get_by_label("Shortcut API token").fill(TOKEN)
    await form.get_by_label("Label when it was made better").fill("enhance")
    await form.get_by_role("button", name="Save").click()
    await expect(form.get_by_role("alert")).to_contain_text("a label that is set afterwards")
    await form.get_by_label("Label when it was made better").fill("better")
    await form.get_by_label("Most tokens a story").fill("")
    await form.get_by_role("button", name="Save").click()
    row = page.get_by_test_id("workspace")
    await expect(row).to_contain_text("Webhook secret set")
    await expect(row).to_contain_text("API token set")
    await expect(row).to_contain_text("(then “better”)")
    await expect(row).to_contain_text("Model: the server's, with no limit.")
    await expect(row).to_contain_text("Somebody approves before anything is written.")
    await expect(row).to_contain_text(f"{server.url}/api/v1/webhooks/shortcut/acme")

    await row.get_by_role("button", name="Change acme").click()
    form = page.get_by_role("dialog", name="Workspace acme")
    await expect(form.get_by_label("Webhook secret")).to_have_value("")
    await expect(form.get_by_label("Shortcut API token")).to_have_value("")
    await form.get_by_label("Take it away").last.check()
    await form.get_by_label("Dry run: nothing is written").check()
    await form.get_by_role("button", name="Save").click()
    await expect(row).to_contain_text("API token not set")
    await expect(row).to_contain_text("Webhook secret set")
    await expect(row).to_contain_text("Nothing is written to Shortcut.")
    content = await page.content()
    assert all(secret not in text for secret in (SECRET, TOKEN) for text in (content, *answers))
    assert answers

    await row.get_by_role("button", name="Change acme").click()
    await form.get_by_test_id("delete").click()
    await form.get_by_role("button", name="Yes, delete it").click()
    await expect(row).to_have_count(0)


async def test_what_a_story_may_cost_is_told(
    page: Page, client: Client, working: ServerProcess, there: Shortcut
) -> None:
    await put(client, max_cost_usd=0.5)
    await page.goto(f"{working.url}/stories?tab=workspaces")
    await expect(page.get_by_test_id("workspace")).to_contain_text(
        "with 200,000 tokens or US$0.50 for one story at most"
    )
    await page.get_by_role("button", name="Change acme").click()
    form = page.get_by_role("dialog", name="Workspace acme")
    await form.get_by_label("Most dollars a story").fill("0.25")
    await form.get_by_label("Most tokens a story").fill("")
    await form.get_by_role("button", name="Save").click()
    await expect(page.get_by_test_id("workspace")).to_contain_text("with US$0.25 for one story at most")
    story_id = await ask(client, there, there.add("Export slow", BEFORE))
    await page.goto(f"{working.url}/stories/{story_id}")
    await expect(page.get_by_text("360 tokens, US$0.0011 of at most US$0.25")).to_be_visible(timeout=30_000)


async def test_a_story_is_read_and_approved(
    page: Page, client: Client, working: ServerProcess, there: Shortcut
) -> None:
    number, story_id = await undecided(client, there)
    await page.goto(f"{working.url}/stories")
    row = page.get_by_test_id("story-row")
    await expect(row).to_contain_text("Needs approval")
    await expect(row).to_contain_text("360 tokens, US$0.0011")
    await row.get_by_role("link").click()
    await expect(page).to_have_url(f"{working.url}/stories/{story_id}")
    title = page.get_by_role("region", name="Title").locator(".line-text")
    await expect(title).to_have_text(["removed: Export slow", f"added: {TITLE}"])
    sections = page.get_by_test_id("diff-section")
    await expect(sections.get_by_role("heading")).to_contain_text(["Before the first heading", "Context"])
    await expect(page.get_by_test_id("differences")).to_contain_text(
        "Label given: enhanced. Label taken away: enhance."
    )
    await page.get_by_role("button", name="Before", exact=True).click()
    await expect(page).to_have_url(re.compile(r"\?view=before$"))
    await expect(page.get_by_role("tabpanel")).to_contain_text("Press Export.")
    await page.get_by_role("button", name="After", exact=True).click()
    await expect(page.get_by_role("tabpanel")).to_contain_text(CONTEXT)
    await page.get_by_role("tab", name="Findings").click()
    await expect(page.get_by_role("region", name="Open questions").get_by_role("listitem")).to_have_text(
        ["Who is told when it fails?", "How many invoices do customers have?"]
    )
    await page.get_by_role("tab", name="Steps").click()
    steps = page.get_by_test_id("step")
    await expect(steps).to_have_count(5)
    kinds = [await step.get_attribute("data-kind") for step in await steps.all()]
    assert kinds == ["model", "handoff", "model", "handoff", "model"]
    await expect(steps.first).to_contain_text("100 tokens in, 20 out, US$0.00036")
    await page.go_back()
    await page.go_back()
    await expect(page).to_have_url(re.compile(r"\?view=after$"))

    await page.get_by_role("button", name="Approve: write it to Shortcut").click()
    await expect(state(page)).to_have_attribute("data-state", "written", timeout=30_000)
    assert there.stories[number]["name"] == TITLE
    assert sorted(there.names(number)) == ["billing", "enhanced"]


async def test_a_story_is_followed_over_a_killed_server_and_a_lost_line(
    page: Page, client: Client, working: ServerProcess, there: Shortcut, model: ModelServer
) -> None:
    """Expected within less time than what nobody tells of is read again."""
    told, steps = 20_000, page.get_by_test_id("step")
    model.fail_with(ModelFault.HANG, after=1)
    overview = await page.context.new_page()
    for each in (page, overview):
        await each.goto(f"{working.url}/stories")
        await expect(each.get_by_text("No story yet.")).to_be_visible()
        await expect(each.get_by_test_id("connection")).to_have_attribute("data-state", "live")
    story_id = await ask(client, there, there.add("Export slow", BEFORE))
    row = overview.get_by_test_id("story-row")
    await expect(row).to_contain_text("At analysis", timeout=told)
    await model.hanging.get()
    await page.get_by_test_id("story-row").get_by_role("link").click()
    await page.get_by_role("tab", name="Steps").click()
    await expect(steps).to_have_count(2, timeout=told)
    await page.reload()
    await expect(steps).to_have_count(2)
    await expect(page.get_by_role("list", name="Its tasks").get_by_role("listitem")).to_have_text(
        ["TriageDone", "AnalysisRunning", "EnhancementQueued"]
    )
    await page.evaluate("window.__isTheSame = true")
    await working.kill()
    await working.start()
    await expect(state(page)).to_have_attribute("data-state", "needs_approval", timeout=told)
    await expect(row).to_contain_text("Needs approval", timeout=told)
    await expect(steps).to_have_count(5)

    connection = page.get_by_test_id("connection")
    await page.context.set_offline(True)
    await expect(connection).not_to_have_attribute("data-state", "live", timeout=told)
    await client.post(f"/stories/{story_id}/approve", {})
    await story_in(client, story_id, "written")
    await page.context.set_offline(False)
    await expect(state(page)).to_have_attribute("data-state", "written", timeout=told)
    await expect(page.get_by_role("list", name="Its tasks").get_by_role("listitem").last).to_have_text("Write-backDone")
    await expect(row).to_contain_text("Written", timeout=told)
    assert await page.evaluate("window.__isTheSame"), "the page was loaded anew"


async def test_what_an_agent_does_is_seen_step_by_step(
    page: Page, client: Client, working: ServerProcess, there: Shortcut, model: ModelServer
) -> None:
    """Within one task: each of its steps before it ends, in less time than what nobody tells of is read again."""
    model.answer = search_first
    model.fail_with(ModelFault.HANG, after=1)
    model.fail_with(ModelFault.HANG)
    story_id = await ask(client, there, there.add("Export slow", BEFORE))
    await model.hanging.get()
    await page.goto(f"{working.url}/stories/{story_id}?tab=steps")
    await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
    steps = page.get_by_test_id("step")
    await expect(steps).to_have_count(2)
    model.release()
    await model.hanging.get()
    await expect(steps).to_have_count(4)
    await expect(steps.last).to_contain_text("search_knowledge")
    await expect(page.get_by_role("list", name="Its tasks")).to_contain_text("AnalysisRunning")
    await page.get_by_test_id("cancel").click()
    await page.get_by_role("button", name="Yes, cancel it").click()
    await expect(state(page)).to_have_attribute("data-state", "cancelled")


async def test_a_story_is_rejected_with_a_word_why(
    page: Page, client: Client, working: ServerProcess, there: Shortcut
) -> None:
    _, story_id = await undecided(client, there)
    await page.goto(f"{working.url}/stories/{story_id}")
    await page.get_by_role("button", name="Reject…").click()
    await expect(page.get_by_label("Why")).to_be_focused()
    await page.keyboard.type("Not this quarter \u202e")
    await page.keyboard.press("Enter")
    await expect(state(page)).to_have_attribute("data-state", "rejected")
    await expect(page.get_by_test_id("stands")).to_contain_text("Why: Not this quarter \u27e8RLO\u27e9")
    assert there.writes == []
    await deleted(page, working)


async def test_a_conflict_shows_both_sides(page: Page, client: Client, working: ServerProcess, there: Shortcut) -> None:
    number, story_id = await undecided(client, there)
    there.edit(number, description="No, it takes hours.")
    await page.goto(f"{working.url}/stories/{story_id}")
    await page.get_by_role("button", name="Approve: write it to Shortcut").click()
    await expect(state(page)).to_have_attribute("data-state", "conflict", timeout=30_000)
    await expect(page.get_by_role("region", name="As it is in Shortcut")).to_contain_text("No, it takes hours.")
    await expect(page.get_by_role("region", name="What would have been written")).to_contain_text(CONTEXT)
    assert there.writes == []
    await page.get_by_role("link", name="Stories", exact=True).last.click()
    await page.get_by_role("link", name="Need you").click()
    await expect(page).to_have_url(f"{working.url}/stories?show=attention")
    await expect(page.get_by_test_id("story-row")).to_have_count(1)
    await page.get_by_role("link", name="Over").click()
    await expect(page.get_by_text("No story fits.")).to_be_visible()


async def test_a_failed_story_says_why_and_goes_on(
    page: Page, client: Client, working: ServerProcess, there: Shortcut
) -> None:
    there.fail(*[Fault(401)] * 5)
    story_id = await ask(client, there, there.add("Export slow", BEFORE))
    await story_in(client, story_id, "failed")
    there.heal()
    await page.goto(f"{working.url}/stories/{story_id}")
    failed = page.locator("section.fail")
    await expect(failed).to_contain_text("Shortcut refused the API token")
    await failed.get_by_role("button", name="Go on with it").click()
    await expect(state(page)).to_have_attribute("data-state", "needs_approval", timeout=30_000)
    await expect(page.get_by_test_id("delete")).to_have_count(0)
    there.fail(*[Fault(401)] * 5)
    story_id = await ask(client, there, there.add("Export slow", BEFORE))
    await story_in(client, story_id, "failed")
    await page.goto(f"{working.url}/stories/{story_id}")
    await deleted(page, working, left=1)
    await page.goto(f"{working.url}/stories/{story_id}")
    await expect(page.locator("section.fail")).to_contain_text("not_found")


async def test_the_keyboard_leads_to_stories_and_a_workspace_filters_them(
    page: Page, client: Client, working: ServerProcess, there: Shortcut
) -> None:
    _, story_id = await undecided(client, there)
    await put(client, name="zoo")
    await page.goto(f"{working.url}/sources")
    await expect(page.locator("h1")).to_be_focused()
    await go_by_keys(page, "y", "/stories")
    await expect(page).to_have_url(f"{working.url}/stories")
    await expect(page.get_by_test_id("story-row")).to_have_count(1)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{working.url}/stories/{story_id}")
    await page.go_back()
    await page.get_by_role("link", name="zoo", exact=True).click()
    await expect(page).to_have_url(f"{working.url}/stories?workspace=zoo")
    await expect(page.get_by_text("No story fits.")).to_be_visible()
