"""What tokens cost where that is known, and how long texts will take."""

from __future__ import annotations

from collections.abc import Mapping

from gleanery.config import EmbedderKind
from gleanery.knowledge.embedders.options import EmbedderOptions
from gleanery.knowledge.tokens import has_table

USD_PER_MILLION: Mapping[str, float] = {
    "text-embedding-3-small": 0.02,
    "text-embedding-3-large": 0.13,
    "text-embedding-ada-002": 0.10,
}
"""OpenAI's list prices (https://platform.openai.com/docs/pricing), for its own servers alone; `price_per_million` of the
options goes before."""

LOCAL_TOKENS_PER_SECOND = 4000.0
"""One core of a small server (18 texts of 256 tokens a second); used until a rate has been measured."""
REQUEST_SECONDS = 1.0
"""What one request to a server takes, in order of magnitude."""


def price_per_million(options: EmbedderOptions) -> float | None:
    """US dollars for a million tokens; 0 on this machine, None where the price isn't known."""
    if options.price_per_million is not None:
        return options.price_per_million
    if options.kind is not EmbedderKind.OPENAI:
        return 0.0
    return USD_PER_MILLION.get(options.model) if options.is_at_openai else None


def is_counted_exactly(options: EmbedderOptions) -> bool:
    """Whether `count_tokens` of its embedder counts as the model does, or only about."""
    return options.kind is EmbedderKind.LOCAL or (options.model in USD_PER_MILLION and has_table(options.model))


def cost_usd(options: EmbedderOptions, tokens: int) -> float | None:
    """What so many tokens cost in US dollars; None where the price isn't known."""
    price = price_per_million(options)
    return None if price is None else tokens * price / 1_000_000


def seconds_for(options: EmbedderOptions, texts: int, tokens: int, tokens_per_second: float | None = None) -> float:
    """How long so many texts will take: by a rate that was measured, else by the limits that are set and by experience."""
    if texts == 0 or options.kind is EmbedderKind.NONE:
        return 0.0
    if options.kind is EmbedderKind.LOCAL:
        return tokens / (tokens_per_second or LOCAL_TOKENS_PER_SECOND)
    requests = max(-(-texts // options.batch_size), -(-tokens // options.request_tokens))
    bounds = [
        tokens / tokens_per_second if tokens_per_second else requests * REQUEST_SECONDS / options.concurrency,
        60.0 * requests / options.requests_per_minute if options.requests_per_minute else 0.0,
        60.0 * tokens / options.tokens_per_minute if options.tokens_per_minute else 0.0,
    ]
    return max(bounds)
