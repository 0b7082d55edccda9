"""Build hook: a wheel carries the built UI as `gleanery/ui`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class UiBuildHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """An editable install reads `ui/dist` where it is; a wheel without a UI is refused."""
        if version == "editable":
            return
        dist = Path(self.root) / "ui" / "dist"
        if not (dist / "index.html").is_file():
            raise FileNotFoundError("ui/dist is not built: run `make ui` first")
        build_data["force_include"][str(dist)] = "gleanery/ui"
