"""A site that wants its crawler to ask an address for it: everything that a crawl reads points there once.

Each way is named by the path that it asks of the address.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.sites import Site, run

STATUSES = (301, 302, 303, 307, 308)
PAGES = (
    "plain.html", "refresh.html", "refresh-header.html", "canonical.html", "canonical-header.html", "markdown.html",
    "markdown-redirect.html", "next.html", "language.html", "frame.html", "base.html", "entity.xhtml", "api",
    "paper.pdf", "letter.docx", "entity.docx", "notes.ipynb", "notes.md", *(f"redirect/{status}.html" for status in STATUSES),
)  # fmt: skip
_RELATIONSHIPS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def page(title: str, body: str = "", head: str = "") -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{head}</head>'
        f"<body><main><h1>{title}</h1><p>The page {title} has enough words to be worth a place of its own.</p>{body}</main></body>"
    )


def _docx(there: str, *, has_entity: bool) -> bytes:
    """A letter with a picture, a template and a link from elsewhere."""
    made = io.BytesIO()
    kinds = ("image", "attachedTemplate", "hyperlink", "oleObject")
    relations = "".join(
        f'<Relationship Id="r{n}" Type="{_RELATIONSHIPS}/{kind}" Target="{there}/docx-{kind}" TargetMode="External"/>'
        for n, kind in enumerate(kinds)
    )
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml"'
        ' ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    )
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    office = f'<Relationship Id="r" Type="{_RELATIONSHIPS}/officeDocument" Target="word/document.xml"/>'
    entity = f'<!DOCTYPE d [<!ENTITY x SYSTEM "{there}/docx-entity">]>' if has_entity else ""
    document = (
        f'{entity}<w:document xmlns:w="{_WORD}" xmlns:r="{_RELATIONSHIPS}">'
        '<w:body><w:p><w:hyperlink r:id="r2"><w:r><w:t>A letter with words.</w:t></w:r></w:hyperlink></w:p></w:body></w:document>'
    )
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("[Content_Types].xml", types)
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{package}">{office}</Relationships>')
        archive.writestr(
            "word/_rels/document.xml.rels", f'<Relationships xmlns="{package}">{relations}</Relationships>'
        )
        archive.writestr("word/document.xml", document)
    return made.getvalue()


def _pdf(there: str) -> bytes:
    """A page that opens a URL, links to one and takes its text from another file."""
    text = b"BT /F 12 Tf 10 50 Td (A paper with words enough.) Tj ET"
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /URI /URI ({there}/pdf-open) >> >>".encode(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 100] /Contents [4 0 R 6 0 R] /Resources << /Font << /F 5 0 R >> >>"
        f" /Annots [<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /A << /S /URI /URI ({there}/pdf-link) >> >>] >>".encode(),
        b"<< /Length %d >>\nstream\n" % len(text) + text + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        f"<< /Length 0 /F << /FS /URL /F ({there}/pdf-stream) >> >>\nstream\n\nendstream".encode(),
    ]
    body = b"".join(b"%d 0 obj\n" % number + each + b"\nendobj\n" for number, each in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer << /Root 1 0 R >>\n%%EOF"


def _openapi(there: str) -> str:
    reference = {"$ref": f"{there}/openapi-ref"}
    answers = {"200": {"description": "Fine", "content": {"application/json": {"schema": reference}}}}
    operation = {"summary": "Look elsewhere", "requestBody": reference, "parameters": [reference], "responses": answers}
    api = {
        "openapi": "3.1.0",
        "info": {"title": "Elsewhere", "version": "1"},
        "servers": [{"url": f"{there}/openapi-server"}],
        "externalDocs": {"url": f"{there}/openapi-docs"},
        "paths": {"/look": {"get": operation}, "/gone": reference},
    }
    return json.dumps(api)


def _notebook(there: str) -> str:
    source = [f"# Notes\n\n![x]({there}/notebook-image)\n\nWords of a notebook, and [a link]({there}/notebook-link)."]
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "markdown", "source": source}]}
    )


def _sitemap(kind: str, *urls: str, before: str = "") -> str:
    item = "sitemap" if kind == "sitemapindex" else "url"
    listed = "".join(f"<{item}><loc>{url}</loc></{item}>" for url in urls)
    return f'<?xml version="1.0"?>{before}<{kind} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</{kind}>'


class _Lures:
    def __init__(self, there: str) -> None:
        self.site = Site("")
        self._there = there

    async def answer(self, request: web.Request) -> web.Response:
        self.site.record(request)
        path, there = request.path, self._there
        if path.startswith("/redirect/"):
            status = int(path.removeprefix("/redirect/").removesuffix(".html"))
            return web.Response(status=status, headers={"Location": f"{there}/redirect-{status}"})
        for answers in (self._start(path), self._documents(path), self._pages(path)):
            if answers is not None:
                return answers
        raise web.HTTPNotFound

    def _start(self, path: str) -> web.Response | None:
        """What is looked for by itself."""
        there, here = self._there, self.site.url
        match path:
            case "/":
                head = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
                links = "".join(f'<li><a href="/{name}">{name}</a></li>' for name in PAGES)
                return _html(page("Start", f'<a href="{there}/link">there</a><ul>{links}</ul>', head))
            case "/robots.txt":
                named = (f"{there}/robots-sitemap", f"{here}/sitemap.xml", f"{here}/moved-sitemap.xml")
                return web.Response(text="".join(f"Sitemap: {url}\n" for url in named))
            case "/sitemap.xml":
                children = (f"{there}/sitemap-child", f"{here}/inner.xml", f"{here}/moved-sitemap.xml")
                return _xml(_sitemap("sitemapindex", *children))
            case "/inner.xml":
                entity = f'<!DOCTYPE urlset SYSTEM "{there}/sitemap-dtd">'
                return _xml(_sitemap("urlset", f"{there}/sitemap-url", f"{here}/plain.html", before=entity))
            case "/feed.xml" | "/moved-sitemap.xml" | "/llms-full.txt" | "/moved.md":
                return web.Response(status=302, headers={"Location": f"{there}{path}"})
            case "/llms.txt":
                links = f"- [There]({there}/llms-link)\n- [More]({there}/llms.txt)\n- [Twin]({there}/llms-twin.md)\n"
                return web.Response(text=f"# Lures\n\n> Links.\n\n## Docs\n\n{links}")
        return None

    def _documents(self, path: str) -> web.Response | None:
        there = self._there
        word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
        match path:
            case "/api":
                return web.Response(text=_openapi(there), content_type="application/json")
            case "/paper.pdf":
                return web.Response(body=_pdf(there), content_type="application/pdf")
            case "/letter.docx" | "/entity.docx":
                return web.Response(body=_docx(there, has_entity=path == "/entity.docx"), content_type=word)
            case "/notes.ipynb":
                return web.Response(text=_notebook(there), content_type="application/x-ipynb+json")
            case "/notes.md":
                text = f"# Notes in Markdown\n\n![x]({there}/md-image)\n\nWords, and [a link]({there}/md-link).\n\n[r]: {there}/md-ref\n"
                return web.Response(text=text, content_type="text/markdown")
            case "/entity.xhtml":
                entities = f'<!DOCTYPE html SYSTEM "{there}/xhtml-dtd" [<!ENTITY x SYSTEM "{there}/xhtml-entity">]>'
                text = f'<?xml version="1.0"?>{entities}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Entity</title></head>'
                include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{there}/xinclude"/>'
                text += f"<body><h1>Entity</h1><p>Words enough and &x;.</p>{include}</body></html>"
                return web.Response(text=text, content_type="application/xhtml+xml")
        return None

    def _pages(self, path: str) -> web.Response | None:
        there = self._there
        heads = {
            "/plain.html": "",
            "/refresh.html": f'<meta http-equiv="refresh" content="0; url={there}/refresh">',
            "/canonical.html": f'<link rel="canonical" href="{there}/canonical">',
            "/markdown.html": f'<link rel="alternate" type="text/markdown" href="{there}/markdown.md">',
            "/markdown-redirect.html": '<link rel="alternate" type="text/markdown" href="/moved.md">',
            "/next.html": f'<link rel="next" href="{there}/next">',
            "/language.html": f'<link rel="alternate" hreflang="de" href="{there}/language">',
            "/frame.html": f'<link rel="amphtml" href="{there}/amp"><link rel="stylesheet" href="{there}/style">',
            "/base.html": f'<base href="{there}/base/">',
            "/refresh-header.html": "",
            "/canonical-header.html": "",
        }
        headers = {
            "/refresh-header.html": {
                "Refresh": f"0; url={there}/refresh-header",
                "Content-Location": f"{there}/location",
            },
            "/canonical-header.html": {
                "Link": f'<{there}/link-header>; rel="canonical", <{there}/preload>; rel="preload"'
            },
        }
        if path not in heads:
            return None
        body = f'<iframe src="{there}/frame"></iframe><img src="{there}/image"><a href="relative">on</a>'
        return _html(page(path.strip("/"), body, heads[path]), headers.get(path))


def _html(text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(text=text, content_type="text/html", headers=headers)


def _xml(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/xml")


@asynccontextmanager
async def luring_site(there: str, host: str) -> AsyncIterator[Site]:
    """The site on a free port of `host`; `there` is where it lures to, as `http://127.0.0.1:1234`."""
    lures = _Lures(there)
    app = web.Application()
    app.router.add_get("/{path:.*}", lures.answer)
    async with run(app, host) as url:
        lures.site.url = url
        yield lures.site


@asynccontextmanager
async def moved_site(there: str, host: str, *, robots: bool = False) -> AsyncIterator[Site]:
    """A site of which every page has moved to `there`; with `robots` its robots.txt too, and nothing else."""
    site = Site("")

    async def answer(request: web.Request) -> web.Response:
        site.record(request)
        if (request.path == "/robots.txt") is robots:
            return web.Response(status=302, headers={"Location": f"{there}{request.path}"})
        if request.path == "/robots.txt":
            raise web.HTTPNotFound
        return _html(page("Here"))

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with run(app, host) as url:
        site.url = url
        yield site
