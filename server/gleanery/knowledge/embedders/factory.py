"""Where embedders are made of options: the one place that knows their classes, and where keys go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gleanery import errors
from gleanery.config import EmbedderKind
from gleanery.knowledge.embedders.embedder import Embedder
from gleanery.knowledge.embedders.limits import Share, alone
from gleanery.knowledge.embedders.local import LocalEmbedder
from gleanery.knowledge.embedders.openai import OpenAIEmbedder
from gleanery.knowledge.embedders.options import OPENAI_HOST, EmbedderOptions
from gleanery.knowledge.right_of_way import RightOfWay

MakeEmbedder = Callable[[EmbedderOptions, int | None], Awaitable[Embedder]]
"""Makes what the options ask for; the number is the length of the vectors that are stored under its name, if there are any.
Raises InvalidInput where that can't be."""


@dataclass(frozen=True)
class EmbedderFactory:
    """`MakeEmbedder` of this process. `api_key` is sent to `key_host` alone, which the environment names: whoever may set
    another base URL must not get it."""

    model_dir: Path
    executor: ThreadPoolExecutor
    api_key: str | None = field(default=None, repr=False)
    key_host: str = OPENAI_HOST
    """See `host_of`."""
    right_of_way: RightOfWay = field(default_factory=RightOfWay)
    share: Share = alone
    """With whom limits a minute are kept together."""

    async def __call__(self, options: EmbedderOptions, dimensions: int | None) -> Embedder:
        if options.kind is EmbedderKind.LOCAL:
            return LocalEmbedder(self.model_dir, self.executor, right_of_way=self.right_of_way)
        if options.kind is EmbedderKind.NONE:
            raise errors.InvalidInput("kind", "`none` makes no vectors")
        key = self.api_key if options.host == self.key_host else None
        if key is None and options.is_at_openai:
            raise self._without_key()
        made = partial(
            OpenAIEmbedder, options, key, known_dimensions=dimensions, executor=self.executor, share=self.share
        )
        return await asyncio.get_running_loop().run_in_executor(self.executor, made)

    def _without_key(self) -> errors.InvalidInput:
        if self.api_key is None:
            return errors.InvalidInput("kind", "OpenAI's API needs OPENAI_API_KEY in the server's environment")
        told = f"OPENAI_API_KEY is for {self.key_host}, which OPENAI_BASE_URL names: OpenAI's own API gets no key"
        return errors.InvalidInput("base_url", told)
