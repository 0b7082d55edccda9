"""What a grouping is asked for, and whatever else is done with the traces of one place."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

TASK_TYPE = "group_traces"

Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class GroupTracesPayload(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    project_id: Name = Field(description="The project of the traces.")
    path: Name = Field("/", description="The path within it.")


def key_of(payload: GroupTracesPayload) -> str:
    """One at a time for a project and a path, and the newest request stands for all."""
    return f"traces:{len(payload.project_id)}:{payload.project_id}:{payload.path}"
