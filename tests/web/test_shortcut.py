"""Shortcut's client against a local Shortcut: where it goes, what it sends, and what its failures are called."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gleanery import errors
from gleanery.web.guard import AddressPolicy
from gleanery.web.shortcut import ShortcutClient
from tests.sites.receiver import Answer, receiver
from tests.sites.shortcut import TOKEN, Fault, Shortcut, shortcut

LOCAL = AddressPolicy.parse(["127.0.0.1"])


@pytest.fixture
async def there() -> AsyncIterator[Shortcut]:
    async with shortcut() as it:
        yield it


@pytest.fixture
async def client(there: Shortcut) -> AsyncIterator[ShortcutClient]:
    async with a_client(there.api) as it:
        yield it


def a_client(url: str, policy: AddressPolicy = LOCAL, timeout_seconds: float = 60.0) -> ShortcutClient:
    return ShortcutClient(url, policy, "gleanery/test", timeout_seconds=timeout_seconds)


async def test_a_story_is_read_changed_and_commented(client: ShortcutClient, there: Shortcut) -> None:
    number = there.add("Old", "Text", labels=["a", "b"])
    there.edit(number, description=None, external_links=["https://example.com/1"])
    read = await client.story(TOKEN, number)
    assert (read.story.name, read.story.description, read.story.labels) == ("Old", "", ["a", "b"])
    assert read.story.external_links == ["https://example.com/1"]
    await client.update(TOKEN, number, name="New", description=None, labels=["b", "c"])
    await client.comment(TOKEN, number, "Done", "gleanery:x")
    assert there.writes[0].body == {"name": "New", "labels": [{"name": "b"}, {"name": "c"}]}
    read = await client.story(TOKEN, number)
    assert (read.story.name, read.story.labels, read.story.comments) == ("New", ["b", "c"], ["Done"])
    assert read.comment_ids == {"gleanery:x"}


async def test_a_search_has_words_only(client: ShortcutClient, there: Shortcut) -> None:
    number = there.add("Export is slow")
    [found] = await client.search(TOKEN, 'owner:me "export" is:done !label', 5)
    assert found.shortcut_id == number
    assert there.calls[-1].query == {"query": "owner me export is done label", "page_size": "5"}
    assert list(await client.search(TOKEN, "!:-", 5)) == []
    assert len(there.calls) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "can_retry"),
    [
        (Fault(401), errors.ShortcutTokenRefused, False),
        (Fault(404), errors.ShortcutStoryGone, False),
        (Fault(409), errors.ShortcutUnavailable, True),
        (Fault(429, retry_after="7"), errors.ShortcutUnavailable, True),
        (Fault(503), errors.ShortcutUnavailable, True),
        (Fault(302), errors.ShortcutError, False),
        (Fault(422), errors.ShortcutError, False),
        (Fault(200, body="<h1>"), errors.ShortcutMismatch, False),
        (Fault(200, body='{"id": 1}'), errors.ShortcutMismatch, False),
        (Fault(is_lost=True), errors.ConnectFailed, True),
    ],
)
async def test_each_failure_has_its_name(
    client: ShortcutClient, there: Shortcut, fault: Fault, kind: type[errors.GleaneryError], can_retry: bool
) -> None:
    number = there.add("x")
    there.fail(fault)
    with pytest.raises(kind) as caught:
        await client.story(TOKEN, number)
    assert (type(caught.value), caught.value.can_retry) == (kind, can_retry)
    assert TOKEN not in f"{caught.value.message} {caught.value.details}"
    if fault.retry_after:
        assert caught.value.details["retry_after"] == 7.0


async def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(there: Shortcut) -> None:
    number = there.add("x")
    there.fail(Fault(is_slow=True))
    async with a_client(there.api, timeout_seconds=0.2) as client:
        with pytest.raises(errors.TimedOut) as caught:
            await client.story(TOKEN, number)
    assert caught.value.can_retry
    assert TOKEN not in f"{caught.value.message} {caught.value.details}"


async def test_it_goes_nowhere_but_to_shortcut(there: Shortcut) -> None:
    number = there.add("x")
    async with receiver() as elsewhere:
        elsewhere.always(Answer(302, {"Location": f"{there.url}/api/v3/stories/{number}"}))
        async with a_client(elsewhere.url) as client:
            with pytest.raises(errors.ShortcutError):
                await client.story(TOKEN, number)
    assert there.calls == []
    async with a_client(there.api, AddressPolicy()) as client:
        with pytest.raises(errors.AddressForbidden):
            await client.story(TOKEN, number)
    assert there.calls == []


async def test_an_endless_answer_ends(there: Shortcut) -> None:
    async with receiver() as elsewhere:
        elsewhere.always(Answer(200, is_endless=True))
        async with a_client(elsewhere.url) as client:
            with pytest.raises(errors.ShortcutMismatch):
                await client.story(TOKEN, 1)
