"""Drain3 on the same texts: the most used of the log parsers, in several settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    similarity: float
    depth: int
    is_masked: bool

    def __str__(self) -> str:
        return f"similarity {self.similarity}, depth {self.depth}{', numbers and the like masked' if self.is_masked else ''}"


SETTINGS = tuple(
    Setting(similarity, depth, masked)
    for similarity in (0.3, 0.4, 0.5, 0.7)
    for depth in (4, 8)
    for masked in (False, True)
)
"""0.4 and 4 without masks are its defaults."""
_MASKED = re.compile(r"https?://\S+|[\w.+-]+@[\w.-]+\.\w+|[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\d|\d[\d,.]*")


def drain(texts: Sequence[str], setting: Setting) -> tuple[list[int], list[str]]:
    """The group of each text, and that group's template in the end, as Drain3 tells them."""
    from drain3 import TemplateMiner
    from drain3.template_miner_config import TemplateMinerConfig

    config = TemplateMinerConfig()
    config.drain_sim_th, config.drain_depth = setting.similarity, setting.depth
    miner = TemplateMiner(config=config)
    found = list[int]()
    for text in texts:
        line = " ".join((_MASKED.sub("<*>", text) if setting.is_masked else text).split())
        found.append(miner.add_log_message(line)["cluster_id"])
    clusters = miner.drain.clusters
    known = clusters.values() if isinstance(clusters, dict) else clusters
    templates = {cluster.cluster_id: " ".join(cluster.log_template_tokens) for cluster in known}
    return found, [templates[group] for group in found]
