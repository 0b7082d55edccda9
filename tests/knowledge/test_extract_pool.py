"""The pool of processes: warm or started by the first page, how many are busy, every format, and what happens to bombs."""

from __future__ import annotations

import asyncio
import json
import os

import psutil
import pytest

from gleanery.errors import EmptyPage, ExtractFailed
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.knowledge.extract_worker import NICENESS
from gleanery.knowledge.formats import Kind, read
from tests.knowledge.documents_made import Text, docx, paragraph, pdf
from tests.niceness import group_niceness

PAGE = b"<!doctype html><title>Pears</title><main><h1>Pears</h1><p>Pears are sweet.</p></main>"
API = {"openapi": "3.0.0", "info": {"title": "Pears"}, "paths": {f"/{n}": {"get": {"summary": "x"}} for n in range(50)}}
NOTEBOOK = {"nbformat": 4, "cells": [{"cell_type": "code", "source": "x = 1"}, {"cell_type": "raw", "source": "Pears"}]}
URL = "https://example.org/x"


@pytest.mark.parametrize("is_warm", [True, False])
async def test_pages_are_taken_apart(is_warm: bool) -> None:
    async with ExtractPool(2, 20, is_warm=is_warm) as pool:
        assert (pool.size, pool.busy) == (2, 0)
        pages = [
            asyncio.create_task(pool.extract(PAGE, f"https://example.org/{number}", "utf-8")) for number in range(5)
        ]
        await asyncio.sleep(0)  # each of them asks for a process
        assert pool.busy == 2
        parts = await asyncio.gather(*pages)
        assert [[(part.fragment, part.page.title) for part in found] for found in parts] == [[("", "Pears")]] * 5
        assert pool.busy == 0


async def test_the_processes_let_the_loop_go_first_whatever_session_they_are_in() -> None:
    async with ExtractPool(2, 20) as pool:
        before = set(psutil.Process().children())
        await asyncio.gather(*(pool.extract(PAGE, URL, "utf-8") for _ in range(2)))
        workers = [child.pid for child in before if "gleanery.knowledge.extract_worker" in child.cmdline()]
        assert len(workers) == 2
        nice = {os.getpriority(os.PRIO_PROCESS, pid) for pid in workers}
        assert nice == {min(19, os.nice(0) + NICENESS)}
        assert {group_niceness(pid) for pid in workers} <= {None, NICENESS}


async def test_every_format_comes_back_as_it_was_read() -> None:
    documents = {
        Kind.HTML: PAGE,
        Kind.PDF: pdf(
            [[Text(72, 700, "Pears", 20), Text(72, 600, "Pears are sweet, and more so when they are ripe.")]]
        ),
        Kind.DOCX: docx(paragraph("Pears", "Heading1") + paragraph("x = 1", "SourceCode")),
        Kind.MARKDOWN: b"# Pears\n\n```py\nx = 1\n```\n\n[a](b)",
        Kind.TEXT: "Pears\n=====\n\nSüß.\n".encode(),
        Kind.OPENAPI: json.dumps(API).encode(),
        Kind.NOTEBOOK: json.dumps(NOTEBOOK).encode(),
    }
    assert set(documents) == set(Kind)
    async with ExtractPool(1, 20) as pool:
        for kind, body in documents.items():
            assert await pool.extract(body, URL, None, kind) == read(kind, body, URL, None)


async def test_errors_are_told_with_their_facts_and_the_process_goes_on() -> None:
    async with ExtractPool(1, 20) as pool:
        with pytest.raises(EmptyPage, match="pictures of pages"):
            await pool.extract(pdf([[]]), URL, None, Kind.PDF)
        with pytest.raises(ExtractFailed) as caught:
            await pool.extract(b"PK\x03\x04", URL, None, Kind.DOCX)
        assert (caught.value.url, caught.value.details["fact"]) == (URL, "zip")
        with pytest.raises(ExtractFailed, match="not valid JSON"):
            await pool.extract(b'{"a":' * 200_000, URL, None, Kind.OPENAPI)
        (part,) = await pool.extract(PAGE, URL, None)
        assert part.page.title == "Pears"


async def test_one_that_takes_too_long_is_killed_and_the_next_is_read() -> None:
    async with ExtractPool(1, 0.05) as pool:
        with pytest.raises(ExtractFailed, match=r"within 0\.15 s") as caught:
            await pool.extract(b"*a **b " * 300_000, URL, None, Kind.MARKDOWN)
        assert caught.value.details["seconds"] == pytest.approx(0.15)
    async with ExtractPool(1, 20) as pool:
        with pytest.raises(ExtractFailed, match="brought down"):
            await pool.extract(b"openapi: 3.0.0\na: " + b"[" * 2_000_000, URL, None, Kind.OPENAPI)
        (part,) = await pool.extract(b"# Pears", URL, None, Kind.MARKDOWN)
        assert part.page.title == "Pears"
