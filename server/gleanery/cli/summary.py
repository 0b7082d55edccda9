"""How a task ended, for people: what is there, why the rest is not, what can be done next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from gleanery.api import crawl_shapes, task_shapes
from gleanery.cli import reasons
from gleanery.cli.safe_text import one_line


def summary(task: task_shapes.TaskShape, failed: Sequence[crawl_shapes.UrlShape], base_url: str | None) -> list[Text]:
    """How the task ended, for people. `failed` are (the first of) its failed URLs; `base_url` is where the UI is."""
    result = task.result or {}
    made = [Text(one_line(f"{task.status.capitalize()}: {_what_is_there(task)}"))]
    examples = {url.reason: url.url for url in reversed(failed) if url.reason is not None}
    if counts := reasons.of_task(task) or Counter(url.reason or "unknown" for url in failed):
        made += reasons.lines(counts, examples)
        made.append(Text(one_line(f"Each URL and why: gleanery tasks urls {task.task_id}")))
    if task.progress.failed and task.status.is_final:
        made.append(Text(one_line(f"Try only these again: gleanery tasks retry {task.task_id} --only-failed")))
    source_id = result.get("source_id") or task.payload.get("source_id")
    if source_id and task.progress.stages.get("stored", task_shapes.StageShape(done=0, total=None)).done:
        where = f", or in the browser at {base_url}/" if base_url is not None else ", or in the browser: gleanery serve"
        made.append(Text(one_line(f'Search it: gleanery search "…" --source {source_id}{where}')))
    return made


def _what_is_there(task: task_shapes.TaskShape) -> str:
    result = task.result or {}
    counted = [
        f"{result[name]} {name.replace('_', ' ')}" for name in ("pages", "chunks", "code_examples") if name in result
    ]
    if not counted:
        counted = [f"{stage.done} {name}" for name, stage in task.progress.stages.items()] or [
            task.progress.message or task.title
        ]
    if task.progress.failed:
        counted.append(f"{task.progress.failed} failed")
    if skipped := result.get("skipped", task.progress.skipped):
        counted.append(f"{skipped} skipped")
    seconds = result.get("seconds")
    return ", ".join(counted) + (f" in {seconds:.1f} s" if isinstance(seconds, int | float) else "")
