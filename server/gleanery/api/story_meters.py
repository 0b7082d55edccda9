"""What is counted of stories, from the events of their tasks and at the webhooks' door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gleanery.handlers.stories.door import WebhookCounts
from gleanery.handlers.stories.payload import STAGES
from gleanery.model import EventType
from gleanery.model.stories import StoryState
from gleanery.store.stories import WRITE_BACK
from gleanery.store.values import Change

_STAGES = {task_type: stage.value for stage, task_type in STAGES.items()}


class StoryMeters:
    """`hear` takes every change of a task."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tokens = Counter(
            "gleanery_story_tokens", "Tokens that the stages of stories were charged.", ["stage"], registry=registry
        )
        self._write_backs = Counter(
            "gleanery_story_write_backs", "How write-backs of stories came out.", ["state"], registry=registry
        )

    def hear(self, change: Change) -> None:
        task_type = change.task.task_type
        if task_type not in _STAGES and task_type != WRITE_BACK:
            return
        for event in change.events:
            if event.type == EventType.TASK_COMPLETED:
                self._count(task_type, event.data["result"])

    def _count(self, task_type: str, result: Mapping[str, object]) -> None:
        if task_type == WRITE_BACK:
            self._write_backs.labels(str(result["state"])).inc()
        elif isinstance(tokens := result.get("tokens"), int):
            self._tokens.labels(_STAGES[task_type]).inc(tokens)


def of_stories(counts: Mapping[StoryState, int]) -> Metric:
    stories = GaugeMetricFamily("gleanery_stories", "Stories in each state.", labels=["state"])
    for state in StoryState:
        stories.add_metric([state], counts.get(state, 0))
    return stories


def of_webhooks(webhooks: WebhookCounts) -> Metric:
    came = CounterMetricFamily(
        "gleanery_story_webhooks", "Webhooks of Shortcut, by what came of them.", labels=["outcome"]
    )
    for outcome, count in asdict(webhooks).items():
        came.add_metric([outcome], count)
    return came
