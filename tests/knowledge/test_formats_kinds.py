"""Of which kind a document is, whatever its server says."""

from __future__ import annotations

import time

import pytest

from gleanery.knowledge.formats import Kind, kind_of
from tests.knowledge.documents_made import docx, paragraph, pdf

HTML = b"<!doctype html><title>x</title><p>y"
OPENAPI = b'{"info": {"title": "x"}, "openapi": "3.1.0", "paths": {}}'
SWAGGER = b"# generated\ninfo:\n  title: x\nswagger: '2.0'\npaths: {}\n"
NOTEBOOK = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
PDF, WORD = pdf([[]]), docx(paragraph("x"))


@pytest.mark.parametrize(
    ("content_type", "name", "head", "kind"),
    [
        ("text/html; charset=utf-8", "/a/", HTML, Kind.HTML),
        ("application/xhtml+xml", "/a", b'<?xml version="1.0"?><html xmlns="x">', Kind.HTML),
        ("application/xml", "/a", b'<?xml version="1.0"?>\n<!-- x -->\n<html xmlns="x">', Kind.HTML),
        ("application/xml", "/feed", b'<?xml version="1.0"?><rss>', None),
        ("text/html", "/page", b"plain words", Kind.HTML),
        ("text/html", "/page.md", b"# Heading\n\nwords", Kind.MARKDOWN),
        ("text/html", "/page.md", b"# Heading\n\n<p>words", Kind.HTML),
        ("text/html", "/api", OPENAPI, Kind.OPENAPI),
        ("text/plain", "/a.txt", HTML, Kind.HTML),
        ("text/plain", "/a.txt", b"\xef\xbb\xbf  <!-- hi --> \n<HTML>", Kind.HTML),
        ("text/plain", "/a.txt", b"words of <b>text", Kind.TEXT),
        ("text/plain", "/README", b"# Title\n\n[link](https://x.org)\n", Kind.MARKDOWN),
        ("text/plain", "/script", b"# a comment\necho $1\n", Kind.TEXT),
        ("text/plain", "/docs/x.md", b"words", Kind.MARKDOWN),
        ("text/plain", "/docs/x.md", b'<p align="center">logo</p>\n\n# X', Kind.MARKDOWN),
        ("text/plain", "/llms-full.txt", b"words", Kind.MARKDOWN),
        ("text/plain", "/a.rst", b"Title\n=====\n", Kind.TEXT),
        ("text/plain", "/style.css", b"a { b: c }", None),
        ("text/plain", "/data.csv", b"a,b", None),
        ("text/plain", "/x", b"\x00\x01\x02binary", None),
        ("text/markdown", "/x", b"words", Kind.MARKDOWN),
        ("text/markdown", "/x", HTML, Kind.HTML),
        ("text/markdown", "/x.md", b"```yaml\nopenapi: 3.0.0\n```", Kind.MARKDOWN),
        ("", "/x.md", b"Words first.\n\n```yaml\nopenapi: 3.0.0\n```", Kind.MARKDOWN),
        ("text/x-rst", "/x", b"words", Kind.TEXT),
        ("text/troff", "/ls.1", b".TH LS 1", Kind.TEXT),
        ("application/pdf", "/x", PDF, Kind.PDF),
        ("text/html", "/x.html", PDF, Kind.PDF),
        ("application/pdf", "/x.pdf", HTML, None),
        ("application/octet-stream", "/x.docx", WORD, Kind.DOCX),
        ("application/zip", "/x", WORD, Kind.DOCX),
        ("application/zip", "/x.zip", b"PK\x03\x04....some/file", None),
        ("", "/x.docx", b"PK\x03\x04....xl/workbook.xml", None),
        ("application/json", "/openapi.json", OPENAPI, Kind.OPENAPI),
        ("application/vnd.oai.openapi+json;version=3.1", "/x", OPENAPI, Kind.OPENAPI),
        ("application/json", "/package.json", b'{"name": "x", "openapi": "yes"}', None),
        ("application/json", "/x", b'{"swagger": "1.2"}', None),
        ("application/yaml", "/x", SWAGGER, Kind.OPENAPI),
        ("text/plain", "/x.yml", SWAGGER, Kind.OPENAPI),
        ("application/yaml", "/x", b"name: x\n", None),
        ("application/x-ipynb+json", "/x", NOTEBOOK, Kind.NOTEBOOK),
        ("text/plain", "/x.ipynb", NOTEBOOK, Kind.NOTEBOOK),
        ("", "notes.txt", b"words", Kind.TEXT),
        ("", "notes", b"words", None),
        ("image/png", "/x.png", b"\x89PNG\r\n\x1a\n", None),
        ("image/svg+xml", "/x.svg", b"<svg>", None),
        ("text/css", "/x.css", b"a {}", None),
        ("application/javascript", "/x.js", b"let a", None),
        ("", "//[bad", b"", None),
    ],
)
def test_kinds(content_type: str, name: str, head: bytes, kind: Kind | None) -> None:
    assert kind_of(content_type, name, head) is kind


@pytest.mark.parametrize(
    "head",
    [
        b"<!-- --> " * 2_000,
        b"<!--" * 5_000,
        b"\n" * 1_000_000,
        b'{"openapi":' * 90_000,
        b"a: b\n" * 200_000,
        b"# " * 500_000,
    ],
)
@pytest.mark.parametrize("content_type", ["text/plain", "text/html", "application/json"])
def test_no_head_takes_long(content_type: str, head: bytes) -> None:
    started = time.thread_time()
    kind_of(content_type, "/x", head)
    assert time.thread_time() - started < 1.0
