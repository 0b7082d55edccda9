"""`/embedder`: which model makes the vectors, what another one would cost, and the change to it while search goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import Field, ValidationError

from gleanery import errors
from gleanery.api import wire
from gleanery.api.http import answer, failure, read
from gleanery.api.route import Route
from gleanery.config import EmbedderKind
from gleanery.errors import EmbedModelUnknown, EmbedWrongDimensions
from gleanery.handlers.embed_source import Conductor
from gleanery.knowledge.embedders.options import EmbedderOptions
from gleanery.knowledge.embedding_models import EmbeddingModels, ModelStatus
from gleanery.knowledge.vectors import Vectors
from gleanery.store.vector_store import ModelState
from gleanery.web.guard import AddressPolicy, check_host_literal, forbidden_sentence

PATH = "/api/v1/embedder"

CheckBaseUrl = Callable[[str], Awaitable[None]]
"""Raises InvalidUrl for a server that may not be asked."""


@dataclass(frozen=True)
class BaseUrlCheck:
    """A `CheckBaseUrl`: whoever may set an embedder must not reach private addresses by it. `own_url` is what the environment
    names, which may be anywhere. What a name leads to is looked up once, when it is set."""

    policy: AddressPolicy
    own_url: str | None = None

    async def __call__(self, url: str) -> None:
        if self.own_url is not None and url == self.own_url.rstrip("/"):
            return
        check_host_literal(url, self.policy)
        parts = urlsplit(url)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, parts.port or 443)
        except (OSError, UnicodeError):
            raise errors.InvalidUrl(f"{parts.hostname} does not resolve", kind="host_not_found") from None
        for *_, sockaddr in found:
            if not self.policy.permits(str(sockaddr[0])):
                sentence = forbidden_sentence(str(parts.hostname), str(sockaddr[0]))
                raise errors.InvalidUrl(sentence, kind="address_forbidden")


class EmbedderRequest(EmbedderOptions):
    """The embedder that is wanted. Its key is not sent: it is OPENAI_API_KEY of the server's environment, and goes only to the
    server that the environment names."""


class EstimateRequest(wire.Request):
    """What embedding would take with these options."""

    options: EmbedderRequest
    source_id: str | None = Field(None, max_length=100, description="Of this source alone; null: of all.")


class EmbeddingEstimate(wire.Shape):
    model: str
    texts: int = Field(description="Different texts that have no vector of that model.")
    tokens: int
    is_exact: bool = Field(description="Whether every text was counted with the model's own tokens.")
    cost_usd: float | None = Field(description="Null where the price isn't known: give `price_per_million`.")
    seconds: float = Field(description="How long it will take, roughly.")


class FailedText(wire.Shape):
    source_id: str
    url: str = Field(description="The page that it stands on.")
    heading_path: list[str]
    code: str = Field(description="text_too_long, content_filtered, no_vector or text_refused.")
    message: str
    attempts: int = Field(description="At most three, each in another task.")
    at: datetime


class ModelShape(wire.Shape):
    model: str = Field(description="What its vectors are kept under.")
    options: EmbedderOptions
    created_at: datetime
    activated_at: datetime | None
    texts: int = Field(description="Different texts that search can see.")
    embedded: int = Field(description="Those that have a vector of this model.")
    failed: int = Field(description="Those that the embedder refused.")
    failures: list[FailedText] = Field(description="The latest of them, at most 20.")
    usage: dict[str, int] = Field(description="Since it was set: texts, tokens (as charged), requests, failed.")


class BuildingShape(ModelShape):
    done: int = Field(
        description="Texts that are through, embedded or refused; when all are, search goes by this model."
    )
    total: int
    task_ids: list[str] = Field(description="The tasks that make its vectors.")


class EmbedderShape(wire.Shape):
    active: ModelShape | None = Field(description="What search goes by.")
    building: BuildingShape | None = Field(description="What it will go by.")
    previous: ModelShape | None = Field(description="What it went by before: to go back costs what is new since then.")
    problem: str | None = Field(description="Why search finds by words alone, though there should be an embedder.")


class EmbedderApi:
    """The routes. `check_base_url` looks at servers that are named at run time."""

    def __init__(
        self, models: EmbeddingModels, vectors: Vectors, conductor: Conductor, check_base_url: CheckBaseUrl
    ) -> None:
        self._models = models
        self._vectors = vectors
        self._conductor = conductor
        self._check_base_url = check_base_url

    def routes(self) -> Sequence[Route]:
        tag, building, estimate = "embedder", f"{PATH}/building", f"{PATH}/estimate"
        return (
            Route("GET", PATH, self.show, "What makes the vectors", tag, EmbedderShape),
            Route(
                "PUT",
                PATH,
                self.change,
                "Search by another model, once all has its vectors",
                tag,
                EmbedderShape,
                EmbedderRequest,
                errors=(502,),
            ),
            Route("DELETE", building, self.give_up, "Stay with the present one", tag, None, status=204, errors=(404,)),
            Route("POST", estimate, self.estimate, "What it would take", tag, EmbeddingEstimate, EstimateRequest),
        )

    async def show(self, _: web.Request) -> web.Response:
        return answer(await self._shape())

    async def change(self, request: web.Request) -> web.Response:
        options = await self._allowed(await read(request, EmbedderRequest))
        try:
            await self._models.check(options)
        except (EmbedModelUnknown, EmbedWrongDimensions) as error:
            field = "model" if isinstance(error, EmbedModelUnknown) else "dimensions"
            return failure(422, error.code, error.message, {**error.details, "field": field, "reason": error.message})
        await self._models.change_to(options)
        self._conductor.begin_again()
        await self._conductor.advance()
        return answer(await self._shape())

    async def give_up(self, _: web.Request) -> web.Response:
        await self._models.give_up()
        self._conductor.begin_again()
        return web.Response(status=204)

    async def estimate(self, request: web.Request) -> web.Response:
        body = await read(request, EstimateRequest)
        options = await self._allowed(body.options)
        made = await self._models.estimate(options, body.source_id)
        return answer(EmbeddingEstimate(**vars(made)))

    async def _allowed(self, asked: EmbedderRequest) -> EmbedderOptions:
        """Raises InvalidUrl, naming `base_url`."""
        options = EmbedderOptions.model_validate(asked.model_dump())
        if options.kind is EmbedderKind.OPENAI and options.base_url is not None:
            try:
                await self._check_base_url(options.base_url)
            except errors.InvalidUrl as error:
                raise errors.InvalidUrl(error.reason, kind=error.code, field="base_url") from None
        return options

    async def _shape(self) -> EmbedderShape:
        status = await self._models.status()
        building = status.get(ModelState.BUILDING)
        return EmbedderShape(
            active=_model(status, ModelState.ACTIVE),
            building=None if building is None else await self._building(building),
            previous=_model(status, ModelState.PREVIOUS),
            problem=self._vectors.problem,
        )

    async def _building(self, status: ModelStatus) -> BuildingShape:
        coverage = status.coverage
        return BuildingShape(
            **vars(_of(status)),
            done=coverage.embedded + coverage.failed,
            total=coverage.texts,
            task_ids=list(await self._conductor.task_ids(status.stored.name)),
        )


def _model(status: Mapping[ModelState, ModelStatus], state: ModelState) -> ModelShape | None:
    return _of(status[state]) if state in status else None


def _of(status: ModelStatus) -> ModelShape:
    stored, coverage = status.stored, status.coverage
    try:
        options = EmbedderOptions.model_validate(stored.options)
    except ValidationError:  # kept by another gleanery: shown as what this one can't use
        options = EmbedderOptions(kind=EmbedderKind.NONE)
    return ModelShape(
        model=stored.name,
        options=options,
        created_at=stored.created_at,
        activated_at=stored.activated_at,
        texts=coverage.texts,
        embedded=coverage.embedded,
        failed=coverage.failed,
        failures=[
            FailedText(
                source_id=each.source_id,
                url=each.url,
                heading_path=list(each.heading_path),
                code=each.code,
                message=each.message,
                attempts=each.attempts,
                at=each.at or stored.created_at,
            )
            for each in status.failures
        ],
        usage=dict(stored.usage),
    )
