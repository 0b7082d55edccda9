"""What tests of several folders use: whole servers in this loop, clients of them, and sites to crawl."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import hypothesis
import pytest

from gleanery import app, config
from tests.api.client import Client
from tests.ground.supabase import Gateway, Project
from tests.sites import Site
from tests.sites.static import serve_directory

PYTHON_DOCS = Path("/usr/share/doc/python3.11/html")
GIT_DOCS = Path("/usr/share/doc/git/html")

# A busy machine takes its time. All else is as Hypothesis has it, which in CI draws the same examples each time.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")

StartServer = Callable[..., Awaitable[Client]]
ServePages = Callable[[Mapping[str, str]], Awaitable[Site]]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests are not the tests'."""
    for name in [
        name for name in os.environ if name.startswith(("GLEANERY_", "OPENAI_", "SUPABASE_", "USE_BACKGROUND"))
    ]:
        monkeypatch.delenv(name)


def settings(data_dir: Path, **flags: Any) -> config.Settings:
    """Settings of a test's server: a free port, one extract process, 127.0.0.1 stands for the public web."""
    usual = {"port": 0, "allow_addresses": "127.0.0.1", "embedder": "none", "extract_processes": 1}
    return config.load(data_dir=data_dir, **{**usual, **flags})


@pytest.fixture(scope="session")
def supabase_project() -> Iterator[Project]:
    """One for each process that runs tests; its rows are those of the test before."""
    with Project() as project:
        yield project


@pytest.fixture
async def gateway(supabase_project: Project) -> AsyncIterator[Gateway]:
    """The way to an empty Supabase project."""
    supabase_project.empty()
    async with Gateway(supabase_project) as gateway:
        yield gateway


@pytest.fixture
def new_database(supabase_project: Project) -> Iterator[str]:
    """Where a database is in which nothing was migrated yet."""
    with supabase_project.database("new_one") as url:
        yield url


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Whatever a test opens, closed in reverse at its end."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def start_server(tmp_path: Path, stack: AsyncExitStack) -> StartServer:
    """Starts a whole server with these settings over the usual ones, on `data_dir` (else the test's own folder).

    It ends with the test, or with the AsyncExitStack that is given as `until`.
    """

    async def start(*, until: AsyncExitStack | None = None, **flags: Any) -> Client:
        made = settings(flags.pop("data_dir", tmp_path / "data"), **flags)
        life = until or stack
        url = await life.enter_async_context(app.running(made))
        return Client(url, await life.enter_async_context(aiohttp.ClientSession()))

    return start


@pytest.fixture
async def client(start_server: StartServer) -> Client:
    """A client of a whole server with the usual settings."""
    return await start_server()


@pytest.fixture
async def serve_pages(tmp_path: Path, stack: AsyncExitStack) -> ServePages:
    """Serves a small site: path of a file → its text. The folder is `tmp_path / "site"`, and may be changed later."""

    async def serve(files: Mapping[str, str]) -> Site:
        for name, text in files.items():
            file = tmp_path / "site" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return await stack.enter_async_context(serve_directory(tmp_path / "site"))

    return serve


@pytest.fixture
async def python_docs() -> AsyncIterator[Site]:
    """CPython's documentation (Sphinx), 530 pages."""
    async with serve_directory(PYTHON_DOCS) as site:
        yield site


@pytest.fixture
async def git_docs() -> AsyncIterator[Site]:
    """git's documentation (AsciiDoc, XHTML with an XML declaration)."""
    async with serve_directory(GIT_DOCS) as site:
        yield site
