"""What agents wrote, made fit to be shown and written back: bounded, without HTML, pictures and links of their own making."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from gleanery.agents.plain import plain_line
from gleanery.agents.stories.material import bare
from gleanery.agents.stories.told import ToldSource
from gleanery.model.stories import CitedSource

_CODE = re.compile(
    r"(^(`{3,}|~{3,})[^\n]*\n.*?(?:^\2[`~]*[ \t]*$|\Z)"
    r"|(?<![\\`])(?P<ticks>`+)(?!`)[^\n]*?[^`\n](?P=ticks)(?!`))",
    re.DOTALL | re.MULTILINE,
)
"""What every reader of Markdown takes for code: an escaped backtick begins none, and as many end it as began it."""

_IMAGE = re.compile(r"!\[([^\[\]]*)\](?:\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s[^()]*)?\)|\[[^\[\]]*\])")
_LINK = re.compile(r"\[([^\[\]]*)\]\(\s*<?([^()\s<>]*(?:\([^()\s]*\)[^()\s]*)*)>?[^()]*\)")
_DEFINITION = re.compile(r"^[ ]{0,3}\[[^\[\]]+\]:[ \t]*\S.*$", re.MULTILINE)
_ADDRESS = re.compile(
    r"<?\b(?:[a-z][a-z0-9+.-]*://|www\.|mailto:|javascript:|data:|vbscript:|file:)"
    r"(?:[^\s<>()\[\]\"'`]|\([^\s<>()\[\]\"'`]*\))+>?",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(?=[a-z/!?])", re.IGNORECASE)
_HEADING = re.compile(r"^[ ]{0,3}#{1,2}(?=\s)", re.MULTILINE)
_UNDERLINE = re.compile(r"^[ ]{0,3}(?:=+|-+)[ \t]*$", re.MULTILINE)
_PICTURE = re.compile(r"(?<!!)!+(?=\[)")
_TARGET = re.compile(r"\](?=[(:])")
_REMOVED = "(link removed)"


@dataclass
class Links:
    """Which addresses may stand in what is written back; `dropped` counts the others."""

    allowed: Collection[str]
    dropped: int = 0

    def permits(self, url: str) -> bool:
        is_known = bare(url.strip("<>")) in self.allowed
        self.dropped += not is_known
        return is_known


def markdown(text: str, max_characters: int, links: Links) -> str:
    """Markdown without pictures, HTML, and links elsewhere than to `links.allowed`. Code stays as it is."""
    text = _text(text[: max_characters * 4])
    parts: list[str] = []
    at = 0
    for found in _CODE.finditer(text):
        parts += [_prose(text[at : found.start()], links), _closed(found)]
        at = found.end()
    parts.append(_prose(text[at:], links))
    return _bounded("".join(parts).strip(), max_characters)


def lines(texts: Iterable[str], most: int, max_characters: int) -> list[str]:
    """Plain lines, each once, without the empty ones."""
    plain = (plain_line(text, max_characters) for text in texts)
    return list(dict.fromkeys(line for line in plain if line))[:most]


def cited(
    told: Sequence[ToldSource], known: Callable[[str], CitedSource | None], most: int
) -> tuple[list[CitedSource], int]:
    """The sources that are there, each once, and how many are not."""
    kept: dict[str, CitedSource] = {}
    dropped = 0
    for source in told:
        found = known(source.url)
        if found is None:
            dropped += 1
        elif found.url not in kept and len(kept) < most:
            kept[found.url] = found.model_copy(update={"why": plain_line(source.why, 300)})
    return list(kept.values()), dropped


def without_pictures(text: str) -> str:
    """What would be one is a link."""
    return _PICTURE.sub("", text)


def without_targets(text: str) -> str:
    """No brackets lead anywhere, whatever stands in them and after them: neither links nor definitions of such."""
    return _TARGET.sub("] ", text)


def _text(text: str) -> str:
    """Without characters that can't be seen or turn the direction of writing."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(
        character
        for character in text
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")
    )


def _prose(text: str, links: Links) -> str:
    text = without_pictures(_IMAGE.sub(r"\1", text))
    held: list[str] = []

    def hold(kept: str) -> str:
        held.append(kept)
        return f"\x00{len(held) - 1}\x00"  # no such character is left in the text

    def link(found: re.Match[str]) -> str:
        label = _TAG.sub(
            "&lt;", _ADDRESS.sub(_REMOVED, found[1])
        )  # an address as a label would say where it doesn't lead
        return hold(f"[{label}]({found[2]})") if links.permits(found[2]) else found[1]

    def address(found: re.Match[str]) -> str:
        end = found[0] if found[0].startswith("<") else found[0].rstrip(".,;:!?*_~")
        return (hold(end) if links.permits(end) else _REMOVED) + found[0][len(end) :]

    def definition(_: re.Match[str]) -> str:
        links.dropped += 1
        return ""

    text = _DEFINITION.sub(definition, text)
    text = _ADDRESS.sub(address, _LINK.sub(link, text))
    text = _UNDERLINE.sub("", _HEADING.sub("###", _TAG.sub("&lt;", text)))
    return re.sub("\x00(\\d+)\x00", lambda found: held[int(found[1])], without_targets(text))


def _closed(found: re.Match[str]) -> str:
    """A fence that was left open would take in all that follows."""
    fence, code = found[2], found[1]
    if fence is None or code.rstrip().rpartition("\n")[2].strip().startswith(fence):
        return code
    return f"{code.rstrip()}\n{fence}"


def _bounded(text: str, max_characters: int) -> str:
    if len(text) <= max_characters:
        return text
    cut = text[:max_characters].rpartition("\n")[0] or text[:max_characters]
    is_open = sum(line.lstrip().startswith("```") for line in cut.splitlines()) % 2 == 1
    return f"{cut.rstrip()}\n```" if is_open else f"{cut.rstrip()} …"
