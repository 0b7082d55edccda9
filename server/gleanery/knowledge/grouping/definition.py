"""A group as a task definition: its prompt with named variables, as text and as YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml  # type: ignore[import-untyped]

MOST_TITLE = 80


def prompt_of(constants: Sequence[str], names: Sequence[str]) -> str:
    """The template with `{{name}}` for its variables, as Jinja and Mustache have it. A `{{` that the texts themselves have is
    written `{{ '{{' }}`."""
    plain = [constant.replace("{{", "{{ '{{' }}") for constant in constants]
    return plain[0] + "".join(f"{{{{{name}}}}}{constant}" for name, constant in zip(names, plain[1:], strict=True))


def title_of(constants: Sequence[str], names: Sequence[str]) -> str:
    """The first line with words, cut."""
    prompt = prompt_of(constants, names)
    line = next((line.strip() for line in prompt.splitlines() if any(map(str.isalnum, line))), prompt.strip())
    return line if len(line) <= MOST_TITLE else f"{line[: MOST_TITLE - 1].rstrip()}…"


def confidence_of(constant_words: int, count: int) -> float:
    """0 to 1: how sure it is that the texts of a group were written as one template. One text says nothing, more say more,
    and a template of few words may be chance."""
    return round((1 - count**-0.5) * min(1.0, constant_words / 10), 3) if count else 0.0


def to_yaml(definition: Mapping[str, Any]) -> str:
    """Several lines as a block, in the order given."""
    return str(yaml.dump(definition, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Texts of several lines as literal blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
