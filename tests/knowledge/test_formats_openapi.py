"""OpenAPI and Swagger documents: an overview and a page for each operation, whatever refers to what."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from gleanery.errors import ExtractFailed
from gleanery.knowledge.formats import Kind, Part, read

URL = "https://api.example.org/openapi.json"

PETS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Pet Store",
        "version": "1.2",
        "description": "Sells pets.\n\n## Limits\n\nAs in:\n\n```http\nRetry-After: 1\n```",
    },
    "servers": [
        {"url": "https://{region}.example.org/v1", "description": "Live.", "variables": {"region": {"default": "eu"}}}
    ],
    "tags": [{"name": "pets", "description": "All of them"}],
    "externalDocs": {"url": "https://docs.example.org/"},
    "paths": {
        "/pets/{petId}": {
            "parameters": [
                {"$ref": "#/components/parameters/PetId"},
                {"name": "trace", "in": "header", "schema": {"type": "string"}},
            ],
            "get": {
                "operationId": "getPet",
                "summary": "Get a pet",
                "description": "Gives **one** pet.",
                "tags": ["pets"],
                "deprecated": True,
                "parameters": [
                    {
                        "name": "trace",
                        "in": "header",
                        "description": "Own",
                        "schema": {"type": "boolean", "default": False},
                    },
                    {
                        "name": "sort",
                        "in": "query",
                        "required": True,
                        "schema": {"type": "string", "enum": ["a|b", "c"]},
                    },
                ],
                "responses": {
                    "200": {
                        "description": "The pet",
                        "headers": {"ETag": {"description": "Its version"}},
                        "content": {
                            "application/json": {
                                "schema": {"$ref": "#/components/schemas/Pet"},
                                "examples": {"one": {"summary": "A cat", "value": {"id": 1, "name": "Mia"}}},
                            }
                        },
                    },
                    "default": {"$ref": "#/components/responses/Oops"},
                },
            },
        },
        "/pets": {
            "post": {
                "summary": "Add a pet",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Pet"}]
                            }
                        }
                    },
                },
                "responses": {"201": {"description": "Added"}},
                "x-codeSamples": [{"lang": "Shell", "label": "curl", "source": "curl -X POST https://x"}],
            }
        },
    },
    "webhooks": {"sold": {"post": {"responses": {"200": {"description": "Seen"}}}}},
    "components": {
        "parameters": {
            "PetId": {
                "name": "petId",
                "in": "path",
                "required": True,
                "description": "Which\npet",
                "schema": {"type": "integer", "format": "int64"},
            }
        },
        "responses": {"Oops": {"description": "An error"}},
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key"}},
        "schemas": {
            "Pet": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "integer", "minimum": 1},
                    "name": {"type": ["string", "null"], "maxLength": 20, "description": "What it is called"},
                    "parent": {"$ref": "#/components/schemas/Pet"},
                    "toys": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"kind": {"type": "string", "enum": ["ball", "bone"]}},
                        },
                    },
                },
            },
            "Cat": {
                "allOf": [
                    {"$ref": "#/components/schemas/Pet"},
                    {"type": "object", "properties": {"lives": {"type": "integer", "default": 9}}},
                ]
            },
        },
    },
}


def parts_of(document: Any) -> dict[str, Part]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    parts = read(Kind.OPENAPI, body, URL, None)
    for part in parts:
        for code in part.page.code_examples:
            assert part.page.markdown[code.start : code.end] == code.code
        for heading in part.page.outline:
            assert part.page.markdown[heading.offset :].startswith(f"{'#' * heading.level} {heading.text}")
    assert len({part.fragment for part in parts}) == len(parts)
    return {part.fragment: part for part in parts}


def test_a_part_for_each_operation_under_its_pointer() -> None:
    parts = parts_of(PETS)
    assert list(parts) == ["", "/paths/~1pets~1%7BpetId%7D/get", "/paths/~1pets/post", "/webhooks/sold/post"]
    assert [part.page.title for part in parts.values()] == [
        "Pet Store",
        "Get a pet (GET /pets/{petId})",
        "Add a pet (POST /pets)",
        "POST sold",
    ]
    assert parts["/paths/~1pets/post"].address(URL) == f"{URL}#/paths/~1pets/post"
    assert parts[""].address(URL) == URL


def test_the_overview() -> None:
    page = parts_of(PETS)[""].page
    assert (
        page.markdown
        == """# Pet Store

Version 1.2 · OpenAPI 3.1.0

Sells pets.

## Limits

As in:

```http
Retry-After: 1
```

**Servers**

- `https://{region}.example.org/v1`: Live. `{region}` is `eu` by default.

## Authentication

- `key`: http bearer. A key

## Operations

### pets

All of them

- `GET /pets/{petId}`: Get a pet

### Other

- `POST /pets`: Add a pet
- `POST sold`"""
    )
    assert [(code.code, code.language) for code in page.code_examples] == [("Retry-After: 1", "http")]
    assert page.links == ("https://docs.example.org/",)


def test_an_operation_with_parameters_schemas_and_examples() -> None:
    page = parts_of(PETS)["/paths/~1pets~1%7BpetId%7D/get"].page
    assert (
        page.markdown
        == """# Get a pet (GET /pets/{petId})

`GET /pets/{petId}` · Operation `getPet` · Tags: pets · Part of Pet Store

**Deprecated.**

Gives **one** pet.

**Servers**

- `https://{region}.example.org/v1`: Live. `{region}` is `eu` by default.

## Parameters

| Parameter | In | Type | Required | Description |
| --- | --- | --- | --- | --- |
| `petId` | path | integer (int64) | yes | Which pet |
| `trace` | header | boolean | no | Own Default `false`. |
| `sort` | query | string | yes | One of `a\\|b`, `c`. |

## Responses

### 200

The pet

**Headers**

- `ETag`: Its version

Media type: `application/json`

Schema: Pet

| Field | Type | Required | Description |
| --- | --- | --- | --- |
| `id` | integer | yes | At least `1`. |
| `name` | string or null | no | What it is called Longest length `20`. |
| `parent` | Pet | no |  |
| `toys` | array of object | no |  |
| `toys[].kind` | string | no | One of `ball`, `bone`. |

Example: A cat

```json
{
  "id": 1,
  "name": "Mia"
}
```

### default

An error"""
    )
    (code,) = page.code_examples
    assert code.heading_path == ("Get a pet (GET /pets/{petId})", "Responses", "200")
    assert (page.description, page.outline[0].anchor) == ("Gives **one** pet.", "")


def test_variants_and_what_is_all_of_several() -> None:
    page = parts_of(PETS)["/paths/~1pets/post"].page
    assert "Schema: Cat or Pet\n\n**Option 1: Cat**\n\n" in page.markdown
    cat = page.markdown.partition("**Option 1: Cat**")[2].partition("**Option 2: Pet**")[0]
    assert "| `lives` | integer | no | Default `9`. |" in cat
    assert "| `id` | integer | yes | At least `1`. |" in cat
    assert [(c.code, c.language) for c in page.code_examples] == [("curl -X POST https://x", "bash")]


SWAGGER = b"""
swagger: "2.0"
info: {title: Old, version: 1.0, description: "<p>An <a href='https://x.org'>old</a> <code>API</code></p><ul><li>a</li></ul>"}
host: api.example.org
basePath: /v1
schemes: [https]
consumes: [application/json]
paths:
  /users:
    post:
      parameters:
        - in: body
          name: user
          schema: {$ref: '#/definitions/User'}
      responses:
        200:
          description: Done
          schema: {type: array, items: {$ref: '#/definitions/User'}}
          examples: {application/json: [{"born": 2001-01-01}]}
  /form:
    put:
      parameters:
        - {in: formData, name: file, type: file, required: true, description: The file}
      responses: {}
definitions:
  User: {type: object, properties: {born: {type: string, format: date}, on: {type: boolean}}}
"""


def test_swagger_2_in_yaml() -> None:
    parts = parts_of(SWAGGER)
    assert "An [old](https://x.org) `API`\n\n- a" in parts[""].page.markdown
    assert "- `https://api.example.org/v1`" in parts[""].page.markdown
    post = parts["/paths/~1users/post"].page
    assert post.title == "POST /users"
    assert "## Request body\n\nMedia type: `application/json`\n\nSchema: User\n\n| Field" in post.markdown
    assert "### 200\n\nDone\n\nMedia type: `application/json`\n\nSchema: array of User\n\n| Field" in post.markdown
    assert [c.code for c in post.code_examples] == ['[\n  {\n    "born": "2001-01-01"\n  }\n]']
    form = parts["/paths/~1form/put"].page
    assert "| `file` | file | yes | The file |" in form.markdown


CIRCLE = {"$ref": "#/components/schemas/A"}


@pytest.mark.parametrize(
    "schemas",
    [
        {"A": CIRCLE},
        {"A": {"allOf": [CIRCLE, CIRCLE, CIRCLE]}},
        {"A": {"oneOf": [CIRCLE, CIRCLE]}},
        {"A": {"type": "array", "items": CIRCLE}},
        {"A": {"properties": {f"p{n}": CIRCLE for n in range(50)}}},
        {"A": {"properties": {f"p{n}": {"$ref": f"#/components/schemas/B{n}"} for n in range(100)}}}
        | {
            f"B{n}": {"properties": {f"p{m}": {"$ref": f"#/components/schemas/B{m}"} for m in range(100)}}
            for n in range(100)
        },
        {"A": None},
        {"A": {"properties": [], "required": {}, "enum": "x", "allOf": "y", "type": {}}},
        {"A": {"$ref": "other.json#/x"}},
        {"A": {"additionalProperties": CIRCLE}},
    ],
)
def test_circles_and_nonsense_end(schemas: Any) -> None:
    operation = {"responses": {"200": {"description": 5, "content": {"application/json": {"schema": CIRCLE}}}}}
    parts = parts_of({"openapi": "3.0.0", "paths": {"/a": {"get": operation}}, "components": {"schemas": schemas}})
    assert len(parts["/paths/~1a/get"].page.markdown) < 60_000


def test_yaml_that_refers_to_itself_ends() -> None:
    parts = parts_of(
        b"openapi: 3.0.0\npaths: {/a: {get: &a {summary: x, responses: "
        b"{200: {content: {x: {schema: {properties: {p: *a}}, example: *a}}}}}}}\n"
    )
    assert len(parts) == 2


@pytest.mark.parametrize(
    "document",
    [
        {"openapi": "3.0.0"},
        {
            "openapi": "3.0.0",
            "info": [],
            "paths": {"/a": None, "/b": {"get": 1}, "/c": {"get": {"parameters": [None, 1], "responses": [1]}}},
        },
        {
            "swagger": "2.0",
            "host": 1,
            "tags": "x",
            "paths": {"/a": {"get": {"tags": 1, "parameters": [{"in": "body"}]}}},
        },
        {
            "openapi": "3.0.0",
            "servers": [None, {"variables": 1}],
            "paths": {"/a": {"get": {"requestBody": {"content": [1]}}}},
        },
    ],
)
def test_half_a_document_is_read_all_the_same(document: Any) -> None:
    assert "" in parts_of(document)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b"openapi: [",
        b"openapi: 3.0.0\na: *b",
        b"a: b",
        b'{"openapi": "1.0"}',
        b"{" * 100_000,
        b'{"a":' * 50_000,
    ],
)
def test_what_is_none_says_so(body: bytes) -> None:
    with pytest.raises(ExtractFailed):
        read(Kind.OPENAPI, body, URL)


def test_hostile_names_stay_in_their_place() -> None:
    parts = parts_of({"openapi": "3.0.0", "paths": {"/a b\n#|~/ü": {"get": {"summary": "x\n# y"}}}})
    (fragment,) = [fragment for fragment in parts if fragment]
    assert unquote(fragment) == "/paths/~1a b\n#|~0~1ü/get"
    assert parts[fragment].page.outline[0].text == "x # y (GET /a b #|~/ü)"
