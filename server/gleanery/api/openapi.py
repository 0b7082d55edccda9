"""The OpenAPI 3.1 document, made from the routes and their models, and a page to read it without a network.

Its schemas tell of the live interface's messages too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from gleanery.api import live_shapes, wire
from gleanery.api.route import Query, Route

_REF = "#/components/schemas/{model}"
_PHRASES = {
    200: "Done",
    201: "Made; see Location",
    202: "Queued",
    204: "Gone",
    400: "The body can't be read",
    401: "No key, or a wrong one",
    403: "The workspace has no secret",
    404: "Unknown id",
    409: "Not in this state",
    413: "Too large",
    415: "A kind of file that isn't read",
    422: "A field is wrong; `details.field` names it",
    500: "A defect; the log has it",
    502: "The embedder failed, or the site that was asked",
    503: "The queue is full, or the database does not answer; see Retry-After",
    507: "It could not be stored; see Retry-After",
}


class _Untitled(GenerateJsonSchema):
    """A field's name is its title."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def document(routes: Sequence[Route], version: str) -> Mapping[str, Any]:
    """The whole OpenAPI document."""
    requests = {r.body for r in routes if r.body}
    replies: set[type[BaseModel]] = {r.reply for r in routes if r.reply} | {wire.ErrorReply, *live_shapes.MESSAGES}
    wanted: list[tuple[type[BaseModel], Any]] = [(m, "validation") for m in sorted(requests, key=lambda m: m.__name__)]
    wanted += [(m, "serialization") for m in sorted(replies, key=lambda m: m.__name__)]
    refs, schemas = models_json_schema(wanted, ref_template=_REF, schema_generator=_Untitled)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gleanery",
            "version": version,
            "description": "Give it a URL and watch it become knowledge.",
        },
        "security": [{}, {"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.get("$defs", {}),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, refs: Mapping[Any, Mapping[str, Any]]) -> Mapping[str, Any]:
    statuses = sorted({*route.errors, 401, 500, *((400, 413, 422) if route.body or route.query else ())})
    error = {"content": {"application/json": {"schema": refs[wire.ErrorReply, "serialization"]}}}
    good: dict[str, Any] = {"description": _PHRASES[route.status]}
    if route.reply is not None:
        good["content"] = {"application/json": {"schema": refs[route.reply, "serialization"]}}
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _parameters(route),
        "responses": {str(route.status): good} | {str(s): {"description": _PHRASES[s], **error} for s in statuses},
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": refs[route.body, "validation"]}},
        }
    return operation


def _operation_id(route: Route) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", route.path.removeprefix("/api/v1"))
    return f"{route.method.lower()}_{words.strip('_')}"


def _parameters(route: Route) -> list[Mapping[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    in_query = [
        {"name": q.name, "in": "query", "required": False, "description": q.description, "schema": _query_schema(q)}
        for q in route.query
    ]
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key with the same request starts nothing twice.",
        "schema": {"type": "string", "maxLength": 255},
    }
    return [*in_path, *in_query, *([key] if route.is_idempotent else [])]


def _query_schema(query: Query) -> Mapping[str, Any]:
    return {"type": query.kind} | ({"examples": list(query.values)} if query.values else {})


def page(doc: Mapping[str, Any]) -> str:
    """The document as plain HTML: no script, no style of others, nothing fetched."""
    parts = []
    for path, methods in doc["paths"].items():
        for method, operation in methods.items():
            parts.append(_section(path, method, operation))
    schemas = "".join(_shape(name, schema) for name, schema in sorted(doc["components"]["schemas"].items()))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>gleanery API</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/docs.css"></head><body><main>'
        f'<h1>gleanery API {html.escape(doc["info"]["version"])}</h1><p>Also as <a href="/openapi.json">OpenAPI 3.1</a>.</p>'
        f"{''.join(parts)}<h2>Shapes</h2>{schemas}</main></body></html>"
    )


def _shape(name: str, schema: Mapping[str, Any]) -> str:
    about = html.escape(schema.get("description", ""))
    return f'<section id="{name}"><h3>{html.escape(name)}</h3><p>{about}</p>{_fields(schema)}</section>'


def _section(path: str, method: str, operation: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(p['name'])}</code></td><td>{p['in']}</td><td>{html.escape(p.get('description', ''))}</td></tr>"
        for p in operation["parameters"]
    )
    parameters = f"<table><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr>{rows}</table>" if rows else ""
    body = _body_link("Body", operation.get("requestBody", {}))
    replies = "".join(
        f"<tr><td>{status}</td><td>{html.escape(reply['description'])}</td><td>{_body_link('', reply)}</td></tr>"
        for status, reply in sorted(operation["responses"].items())
    )
    return (
        f'<section id="{operation["operationId"]}"><h2><code>{method.upper()} {html.escape(path)}</code></h2>'
        f"<p>{html.escape(operation['summary'])}</p>{parameters}{body}"
        f"<table><tr><th>Answer</th><th>When</th><th>Shape</th></tr>{replies}</table></section>"
    )


def _body_link(label: str, holder: Mapping[str, Any]) -> str:
    content = holder.get("content")
    if not content:
        return ""
    name = content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    link = f'<a href="#{name}">{html.escape(name)}</a>'
    return f"<p>{label}: {link}</p>" if label else link


def _fields(schema: Mapping[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{html.escape(name)}</code>{' *' if name in required else ''}</td><td>{html.escape(_type(field))}</td>"
        f"<td>{html.escape(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    values = ", ".join(map(str, schema.get("enum", ())))
    return f"<table>{rows}</table>" if rows else f"<p>{html.escape(values)}</p>"


def _type(field: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[1]
    if "anyOf" in field:
        return " or ".join(_type(part) for part in field["anyOf"])
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    return str(field.get("type", "any"))
