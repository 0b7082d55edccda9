"""The plain words of Markdown, and the line that sums up what introduces a code block."""

from __future__ import annotations

import re

# The text may have brackets in pairs, as in `operator[]`. One that is escaped begins none; the backslash before it may be, too.
_LINK = re.compile(
    r"(?:(?<!\\)|(?<=(?<!\\)\\\\))!?\[((?:[^\[\]\\]|\\.|\[(?:[^\[\]\\]|\\.)*\](?!\())*)\]\((?:<[^<>]*>|[^()\s]*)\)"
)
_FENCED = re.compile(r"^(`{3,})[^`\n]*\n.*?^\1`*[ \t]*$", re.M | re.S)
_MARKS = re.compile(r"(?<!\\)(?:\*\*|\*|~~)|\\(?=[!-/:-@\[-`{-~])")
_ESCAPE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)|\\([!-/:-@\[-`{-~])")
# Unequal runs of backticks take a time that grows with the square of the line.
_LONGEST_LINE = 2_000
_SUMMARY_CHARS = 200
# A sentence's end, and not that of "e.g." or of a name's initial.
_SENTENCE = re.compile(
    r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!cf\.)(?<!etc\.)(?<!\b[A-Z]\.)\s+(?=[^\sa-z])|(?<=[\u3002\uff01\uff1f])"
)
_SHORT_SENTENCE = 20
_BLANKS = re.compile(r"\s+")


def plain_text(markdown: str) -> str:
    """The words of Markdown: links by their text, no emphasis marks, no escapes. Fences stay as they are."""
    parts: list[str] = []
    position = 0
    for fence in _FENCED.finditer(markdown):
        parts += [plain_prose(markdown[position : fence.start()]), fence[0]]
        position = fence.end()
    return "".join([*parts, plain_prose(markdown[position:])])


def plain_prose(markdown: str) -> str:
    """The same for Markdown without fences."""
    return _MARKS.sub("", _LINK.sub(r"\1", markdown))


def unescaped(line: str) -> str:
    """A line of Markdown without emphasis and links, with its code spans as they are and without backslashes elsewhere."""
    if len(line) > _LONGEST_LINE:
        return line
    return _ESCAPE.sub(lambda match: match[0] if match[1] else match[2], line)


def summary_line(prose: str) -> str:
    """The last sentence of plain prose on one line, with the one before it when it is as short as "For example:".

    Empty for what is no prose (a table). At most 200 characters; what is longer ends in "…".
    """
    line = _BLANKS.sub(" ", prose).strip()
    if not line or line.startswith("|"):
        return ""
    sentences = [sentence for sentence in _SENTENCE.split(line) if sentence]
    summary = sentences[-1]
    if len(summary) < _SHORT_SENTENCE and len(sentences) > 1:
        summary = f"{sentences[-2]} {summary}"
    if len(summary) <= _SUMMARY_CHARS:
        return summary
    return summary[: _SUMMARY_CHARS - 1].rsplit(" ", 1)[0] + "…"
