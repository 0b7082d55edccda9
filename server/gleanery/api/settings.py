"""`/settings`: what the server was started with. No secret leaves it: of one is told only whether it is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo

from gleanery.api.http import answer
from gleanery.api.route import Route
from gleanery.api.wire import Shape
from gleanery.config import Settings, env_name


class SettingShape(Shape):
    name: str
    variable: str = Field(description="The environment variable that sets it.")
    value: str | None = Field(description="As it would be written there; null where it has none, and of a secret.")
    default: str | None = Field(description="Null where there is none.")
    is_set: bool = Field(description="Whether the environment or a flag gave it.")
    is_secret: bool
    description: str


class SettingList(Shape):
    items: list[SettingShape]


class SettingsApi:
    """The route. Settings are frozen, so what was read at the start is what holds."""

    def __init__(self, settings: Settings) -> None:
        self._items = [_shown(settings, name, field) for name, field in Settings.model_fields.items()]

    def routes(self) -> Sequence[Route]:
        return (Route("GET", "/api/v1/settings", self.list, "What the server was started with", "server", SettingList),)

    async def list(self, _: web.Request) -> web.Response:
        return answer(SettingList(items=self._items))


def _shown(settings: Settings, name: str, field: FieldInfo) -> SettingShape:
    is_secret = SecretStr.__name__ in str(field.annotation)
    return SettingShape(
        name=name,
        variable=env_name(name),
        value=None if is_secret else _written(getattr(settings, name)),
        default=None if is_secret else _written(field.get_default(call_default_factory=True, validated_data={})),
        is_set=name in settings.model_fields_set,
        is_secret=is_secret,
        description=field.description or "",
    )


def _written(value: Any) -> str | None:
    match value:
        case None:
            return None
        case Enum():
            return str(value.value)
        case Path():
            return str(value)
        case Mapping():
            return ",".join(f"{name}={each}" for name, each in value.items()) or None
        case tuple():
            return ",".join(map(str, value)) or None
        case str():
            return _without_user(value)
        case _:
            return str(value)


def _without_user(text: str) -> str:
    """A URL may carry a name and a password."""
    before, at, host = urlsplit(text).netloc.rpartition("@") if "://" in text else ("", "", "")
    return text.replace(f"{before}{at}{host}", f"…@{host}", 1) if at else text
