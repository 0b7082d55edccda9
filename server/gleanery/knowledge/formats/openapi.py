"""OpenAPI 3 and Swagger 2 documents: a page that tells of the whole, and one for each operation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gleanery.errors import ExtractFailed
from gleanery.knowledge.charset import decode
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.formats.openapi_schema import Resolver, cell, mapping, prose, rows_of, text_of, type_of
from gleanery.knowledge.formats.page_builder import PageBuilder, bare_urls, escaped, language_of, resolved

MAX_CHARS = 30_000_000
MAX_OPERATIONS = 5_000
MAX_EXAMPLE_CHARS = 10_000
MAX_EXAMPLES = 8
MAX_VARIANTS = 8
MAX_LISTED = 2_000
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")

_FIELDS_HEAD = "| Field | Type | Required | Description |\n| --- | --- | --- | --- |"
_PARAMETERS_HEAD = "| Parameter | In | Type | Required | Description |\n| --- | --- | --- | --- | --- |"


def read_openapi(body: bytes, url: str, charset: str | None) -> Iterator[tuple[str, ExtractedPage]]:
    """Fragments and pages: "" for the overview, then a JSON pointer for each operation, in the document's order.

    References within the document are resolved, those to other documents are named. Raises ExtractFailed.
    """
    document = _parsed(body, url, charset)
    version = text_of(document.get("openapi")) or text_of(document.get("swagger"))
    if version[:2] not in ("2.", "3."):
        raise ExtractFailed(url, "This is no OpenAPI 3 or Swagger 2 document.", fact="openapi")
    api = _Api(document, url)
    operations = list(api.operations())
    if len(operations) > MAX_OPERATIONS:
        message = f"The OpenAPI document has more than {MAX_OPERATIONS:,} operations."
        raise ExtractFailed(url, message, fact="operations", limit=MAX_OPERATIONS)
    yield "", api.overview(version, operations)
    room = MAX_CHARS
    for operation in operations:
        page = api.page(operation)
        room -= len(page.markdown)
        if room < 0:
            message = f"The pages of the OpenAPI document have more than {MAX_CHARS:,} characters."
            raise ExtractFailed(url, message, fact="characters", limit=MAX_CHARS)
        yield operation.fragment, page


def _parsed(body: bytes, url: str, charset: str | None) -> Mapping[str, Any]:
    text = decode(body, charset)
    if len(text) > MAX_CHARS:
        raise ExtractFailed(
            url, f"The document has more than {MAX_CHARS:,} characters.", fact="characters", limit=MAX_CHARS
        )
    is_json = text.lstrip()[:1] == "{"
    try:
        document = json.loads(text) if is_json else _yaml(text)
    except (ValueError, RecursionError, OverflowError) as error:
        raise ExtractFailed(
            url, f"The document is not valid {'JSON' if is_json else 'YAML'}.", fact="syntax"
        ) from error
    if not isinstance(document, dict):
        raise ExtractFailed(url, "The document is not a mapping.", fact="syntax")
    return document


def _yaml(text: str) -> Any:
    """YAML as JSON has it: dates and version numbers of two parts stay the text or number that they are written as.
    Raises ValueError."""
    import yaml  # type: ignore[import-untyped]

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        yaml_implicit_resolvers = {  # noqa: RUF012 - the library's own way to set them
            first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":timestamp")]
            for first, resolvers in base.yaml_implicit_resolvers.items()
        }

    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader that knows one type less
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(str(error)) from error


class _Operation:
    """One operation with where it stands. `shared` is what its path says for all of its operations."""

    def __init__(self, root: str, path: str, method: str, item: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
        pointer = "/".join(("", root, *(_escaped(part) for part in (path, method))))
        self.fragment = quote(pointer, safe="/~!$&'()*+,;=:@?-._")
        self.path = path
        self.method = method.upper()
        self.shared = item
        self.spec = spec
        self.is_webhook = root == "webhooks"

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def title(self) -> str:
        summary = " ".join((text_of(self.spec.get("summary")) or text_of(self.shared.get("summary"))).split())
        name = summary or text_of(self.spec.get("operationId"))
        return f"{name[:300]} ({self.call})" if name else self.call


class _Api:
    """The document as pages."""

    def __init__(self, document: Mapping[str, Any], url: str) -> None:
        self._document = document
        self._url = url
        self._resolver = Resolver(document)
        self._title = text_of(mapping(document.get("info")).get("title")) or "API"
        self._is_old = "swagger" in document

    def operations(self) -> Iterator[_Operation]:
        for root in ("paths", "webhooks"):
            for path, item in mapping(self._document.get(root)).items():
                resolved_item = self._resolver.follow(item)
                for method, spec in resolved_item.items():
                    if str(method).lower() in METHODS and isinstance(spec, dict):
                        yield _Operation(root, str(path), str(method), resolved_item, spec)

    def overview(self, version: str, operations: Sequence[_Operation]) -> ExtractedPage:
        info = mapping(self._document.get("info"))
        builder = PageBuilder()
        builder.heading(1, self._title)
        facts = [f"Version {text_of(info.get('version'))}"] if info.get("version") is not None else []
        builder.block(" · ".join([*facts, f"{'Swagger' if self._is_old else 'OpenAPI'} {version}"]))
        if text_of(info.get("summary")):
            builder.block(cell(info["summary"]))
        builder.prose(prose(info.get("description")), level=1)
        self._servers(builder, [self._document])
        self._security_schemes(builder)
        self._list(builder, operations)
        links = [*self._docs(self._document), *bare_urls(text_of(info.get("description")))]
        about = prose(info.get("description")).partition("\n\n")[0]
        return builder.page(self._url, title=self._title, description=about[:300], links=links)

    def _list(self, builder: PageBuilder, operations: Sequence[_Operation]) -> None:
        """The operations under their first tags, tags in the order of the document."""
        tags = {text_of(t.get("name")): prose(t.get("description")) for t in _dicts(self._document.get("tags"))}
        groups: dict[str, list[_Operation]] = {name: [] for name in tags}
        for operation in operations[:MAX_LISTED]:
            names = [text_of(tag) for tag in _list(operation.spec.get("tags"))]
            groups.setdefault(names[0] if names else "", []).append(operation)
        builder.heading(2, "Operations")
        for name, members in groups.items():
            if not members:
                continue
            if name or len(groups) > 1:
                builder.heading(3, name or "Other")
                builder.prose(tags.get(name, ""), level=3)
            lines = []
            for operation in members:
                summary = cell(operation.spec.get("summary"))
                lines.append(f"- `{operation.call}`" + (f": {summary}" if summary else ""))
            builder.block("\n".join(lines))

    def _servers(self, builder: PageBuilder, holders: Sequence[Mapping[str, Any]]) -> None:
        """The first that names any: an operation's servers stand for those of the document."""
        for holder in holders:
            servers = list(_servers_of(holder, self._url))
            if servers:
                builder.block("**Servers**\n\n" + "\n".join(servers))
                return

    def _security_schemes(self, builder: PageBuilder) -> None:
        components = mapping(self._document.get("components"))
        schemes = mapping(components.get("securitySchemes")) or mapping(self._document.get("securityDefinitions"))
        if not schemes:
            return
        builder.heading(2, "Authentication")
        lines = []
        for name, scheme in list(schemes.items())[:100]:
            scheme = self._resolver.follow(scheme)
            where = [text_of(scheme.get(key)) for key in ("type", "scheme", "in", "name", "bearerFormat")]
            about = cell(scheme.get("description"))
            lines.append(f"- `{name}`: {' '.join(filter(None, where))}" + (f". {about}" if about else ""))
        builder.block("\n".join(lines))

    def page(self, operation: _Operation) -> ExtractedPage:
        spec = operation.spec
        builder = PageBuilder()
        builder.heading(1, escaped(operation.title))
        tags = ", ".join(text_of(tag) for tag in _list(spec.get("tags")))
        facts = [
            f"`{operation.call}`",
            f"Operation `{text_of(spec['operationId'])}`" if spec.get("operationId") else "",
        ]
        facts += [f"Tags: {tags}" if tags else "", f"Part of {self._title}"]
        builder.block(" · ".join(filter(None, facts)))
        if spec.get("deprecated") is True:
            builder.block("**Deprecated.**")
        builder.prose(prose(spec.get("description")) or prose(operation.shared.get("description")), level=1)
        self._servers(builder, [spec, operation.shared, self._document])
        parameters = self._parameters(operation)
        self._parameter_table(builder, parameters)
        self._request(builder, spec, parameters)
        self._responses(builder, spec)
        self._samples(builder, spec)
        about = prose(spec.get("description")) or text_of(spec.get("summary"))
        links = [*self._docs(spec), *bare_urls(text_of(spec.get("description")))]
        return builder.page(self._url, title=operation.title, description=about.partition("\n\n")[0][:300], links=links)

    def _docs(self, holder: Mapping[str, Any]) -> Iterator[str]:
        url = resolved(text_of(mapping(holder.get("externalDocs")).get("url")), self._url)
        if url:
            yield url

    def _parameters(self, operation: _Operation) -> list[Mapping[str, Any]]:
        """Those of the path and of the operation, which replace those of the path with the same name and place."""
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for holder in (operation.shared, operation.spec):
            for parameter in _list(holder.get("parameters")):
                parameter = self._resolver.follow(parameter)
                if parameter:
                    found[text_of(parameter.get("name")), text_of(parameter.get("in"))] = parameter
        return list(found.values())

    def _parameter_table(self, builder: PageBuilder, parameters: Sequence[Mapping[str, Any]]) -> None:
        rows = []
        for parameter in parameters[:500]:
            if parameter.get("in") in ("body", "formData"):
                continue
            schema = parameter.get("schema") or next(iter(_media(parameter.get("content"))), ("", {}))[1].get("schema")
            schema = self._resolver.follow(schema if schema is not None else parameter)
            about = " ".join(filter(None, (cell(parameter.get("description")), self._resolver.limits(schema))))
            if not about:
                about = cell(schema.get("description"))
            if parameter.get("deprecated") is True:
                about = f"Deprecated. {about}"
            if "example" in parameter:
                about = f"{about} Example: `{cell(_plain(parameter['example']), 200)}`."
            required = "yes" if parameter.get("required") is True else "no"
            name, place = cell(parameter.get("name")), cell(parameter.get("in"))
            rows.append(f"| `{name}` | {place} | {type_of(self._resolver, schema)} | {required} | {about.strip()} |")
        if rows:
            builder.heading(2, "Parameters")
            builder.block("\n".join([_PARAMETERS_HEAD, *rows]))

    def _request(self, builder: PageBuilder, spec: Mapping[str, Any], parameters: Sequence[Mapping[str, Any]]) -> None:
        request = self._resolver.follow(spec.get("requestBody"))
        if request:
            builder.heading(2, "Request body")
            builder.prose(prose(request.get("description")), level=2)
            if request.get("required") is True:
                builder.block("Required.")
            self._content(builder, request.get("content"))
            return
        consumes = _list(spec.get("consumes")) or _list(self._document.get("consumes"))
        form = [parameter for parameter in parameters if parameter.get("in") == "formData"]
        for parameter in [p for p in parameters if p.get("in") == "body"][:1]:
            builder.heading(2, "Request body")
            builder.prose(prose(parameter.get("description")), level=2)
            media = text_of(consumes[0]) if consumes else "application/json"
            self._content(builder, {media: {"schema": parameter.get("schema")}})
        if form:
            builder.heading(2, "Request body")
            required = [p.get("name") for p in form if p.get("required") is True]
            fields = {text_of(p.get("name")): p for p in form}
            media = text_of(consumes[0]) if consumes else "application/x-www-form-urlencoded"
            self._content(builder, {media: {"schema": {"type": "object", "properties": fields, "required": required}}})

    def _responses(self, builder: PageBuilder, spec: Mapping[str, Any]) -> None:
        responses = mapping(spec.get("responses"))
        if not responses:
            return
        builder.heading(2, "Responses")
        produces = _list(spec.get("produces")) or _list(self._document.get("produces"))
        for status, response in list(responses.items())[:60]:
            response = self._resolver.follow(response)
            builder.heading(3, str(status))
            builder.prose(prose(response.get("description")), level=3)
            headers = mapping(response.get("headers"))
            if headers:
                lines = [
                    f"- `{name}`: {cell(self._resolver.follow(header).get('description'))}"
                    for name, header in headers.items()
                ]
                builder.block("**Headers**\n\n" + "\n".join(lines[:50]))
            self._content(builder, response.get("content"))
            if self._is_old and (response.get("schema") or response.get("examples")):
                examples = {str(media): {"value": value} for media, value in mapping(response.get("examples")).items()}
                media = next(iter(examples), text_of(produces[0]) if produces else "application/json")
                self._content(builder, {media: {"schema": response.get("schema"), "examples": examples}})

    def _content(self, builder: PageBuilder, content: Any) -> None:
        """Each media type with its schema's fields and its examples. A schema that several share is told once."""
        told: list[Any] = []
        for media, value in list(_media(content))[:10]:
            builder.block(f"Media type: `{media}`")
            schema = value.get("schema")
            if schema is not None and schema not in told:
                told.append(schema)
                self._schema(builder, schema)
            self._examples(builder, media, value)

    def _schema(self, builder: PageBuilder, schema: Any) -> None:
        followed = self._resolver.follow(schema)
        about = cell(followed.get("description"), 1_000)
        limits = self._resolver.limits(followed)
        builder.block(
            ". ".join(filter(None, (f"Schema: {type_of(self._resolver, schema)}", about.rstrip("."), limits)))
        )
        inner = self._resolver.item_of(schema)
        variants = _list(inner.get("oneOf")) or _list(inner.get("anyOf"))
        self._fields(builder, schema, "")
        if len(variants) > 1:
            for number, variant in enumerate(variants[:MAX_VARIANTS], 1):
                self._fields(builder, variant, f"**Option {number}: {type_of(self._resolver, variant)}**")

    def _fields(self, builder: PageBuilder, schema: Any, label: str) -> None:
        rows = [
            f"| `{row.name}` | {row.type} | {'yes' if row.is_required else 'no'} | {row.about} |"
            for row in rows_of(self._resolver, schema)
        ]
        if label:
            builder.block(label)
        if rows:
            builder.block("\n".join([_FIELDS_HEAD, *rows]))

    def _examples(self, builder: PageBuilder, media: str, value: Mapping[str, Any]) -> None:
        named = [(name, self._resolver.follow(example)) for name, example in mapping(value.get("examples")).items()]
        found = [(text_of(e.get("summary")) or str(name), e["value"]) for name, e in named if "value" in e]
        if "example" in value:
            found.insert(0, ("", value["example"]))
        schema = self._resolver.follow(value.get("schema"))
        if not found and "example" in schema:
            found.append(("", schema["example"]))
        if not found and _list(schema.get("examples")):
            found.append(("", schema["examples"][0]))
        for name, example in found[:MAX_EXAMPLES]:
            builder.block(f"Example{': ' + cell(name) if name else ''}")
            builder.code(_written(example), _media_language(media, example))

    def _samples(self, builder: PageBuilder, spec: Mapping[str, Any]) -> None:
        """Calls in several languages, in the field that the usual doc generators read."""
        samples = _dicts(spec.get("x-codeSamples")) or _dicts(spec.get("x-code-samples"))
        if samples:
            builder.heading(2, "Code samples")
        for sample in samples[:20]:
            builder.block(cell(sample.get("label") or sample.get("lang")))
            builder.code(text_of(sample.get("source"))[:MAX_EXAMPLE_CHARS], language_of(text_of(sample.get("lang"))))


def _servers_of(holder: Mapping[str, Any], base: str) -> Iterator[str]:
    for server in _dicts(holder.get("servers"))[:20]:
        address, about = text_of(server.get("url")), cell(server.get("description"))
        for name, variable in mapping(server.get("variables")).items():
            about += f" `{{{name}}}` is `{cell(mapping(variable).get('default'))}` by default."
        yield f"- `{cell(address)}`" + (f": {about.strip()}" if about else "")
    if holder.get("host") is not None or (holder.get("basePath") and "swagger" in holder):
        schemes = [text_of(scheme) for scheme in _list(holder.get("schemes"))] or [base.partition(":")[0]]
        for scheme in schemes[:4]:
            yield f"- `{scheme}://{text_of(holder.get('host'))}{text_of(holder.get('basePath'))}`"


def _escaped(name: str) -> str:
    """A name as a step of a JSON pointer (RFC 6901, section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def _media(content: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for media, value in mapping(content).items():
        yield str(media), mapping(value)


def _media_language(media: str, example: Any) -> str | None:
    if "json" in media or not isinstance(example, str):
        return "json"
    return next((name for name in ("xml", "yaml", "html", "javascript", "csv") if name in media), "text")


def _written(example: Any) -> str:
    return (example if isinstance(example, str) else _plain(example, indent=2))[:MAX_EXAMPLE_CHARS]


def _plain(value: Any, indent: int | None = None) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, indent=indent, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):  # YAML can refer to itself
        return ""


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _dicts(value: Any) -> Sequence[Mapping[str, Any]]:
    return [entry for entry in _list(value) if isinstance(entry, dict)]
