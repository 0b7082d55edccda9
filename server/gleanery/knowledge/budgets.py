"""How large chunks may be for the model that makes their vectors now."""

from __future__ import annotations

from pathlib import Path

from gleanery.knowledge import minilm
from gleanery.knowledge.budget import DEFAULT_BUDGET, ChunkBudget, local_counter, openai_counter
from gleanery.knowledge.embedders.local import LocalEmbedder
from gleanery.knowledge.vectors import Vectors


class ChunkBudgets:
    """One for a process: a budget remembers how long words are. Chunks that are stored stay as they are when the model
    changes; what is crawled from then on is cut for the new one."""

    def __init__(self, vectors: Vectors, model_dir: Path) -> None:
        self._vectors = vectors
        self._tokenizer_file = model_dir / minilm.TOKENIZER_FILE
        self._made: dict[str, ChunkBudget] = {}

    def now(self) -> ChunkBudget:
        active = self._vectors.active
        if active is None:
            return DEFAULT_BUDGET
        if active.name not in self._made:
            is_local = isinstance(active.embedder, LocalEmbedder)
            counter = local_counter(self._tokenizer_file) if is_local else openai_counter(active.name)
            self._made[active.name] = ChunkBudget.for_model(active.embedder.max_tokens, counter)
        return self._made[active.name]
