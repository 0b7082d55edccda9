"""A small documentation site, and a real server in the test's loop, on a data folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gleanery import app, config
from gleanery.config import EmbedderKind
from tests.cli.command import environment
from tests.sites import Site
from tests.sites.static import serve_directory


def page(title: str, body: str) -> str:
    return f"<!doctype html><html><head><title>{title}</title></head><body><main><h1>{title}</h1>{body}</main></body></html>"


@pytest.fixture
def site_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    links = '<p>See <a href="turning.html">turning</a>.</p>'
    (folder / "index.html").write_text(
        page("Widgets", f"<p>All about widgets and their gears, told at length.</p>{links}")
    )
    code = '<pre><code class="language-python">widget.turn(degrees=90)\n</code></pre>'
    (folder / "turning.html").write_text(page("Turning", f"<p>How a widget is turned by ninety degrees.</p>{code}"))
    return folder


@pytest.fixture
async def site(site_dir: Path) -> AsyncIterator[Site]:
    async with serve_directory(site_dir) as it:
        yield it


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path / "data")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[str]:
    """The base URL of a running server; commands with `env` find it by its data folder."""
    settings = config.load(
        host="127.0.0.1",
        port=0,
        data_dir=tmp_path / "data",
        allow_addresses="127.0.0.1",
        embedder=EmbedderKind.NONE,
        extract_processes=1,
    )
    async with app.running(settings) as url:
        yield url
