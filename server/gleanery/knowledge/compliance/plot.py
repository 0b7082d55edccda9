"""The verdicts of a report as one bar, in SVG: each part with its number and name, so that colour says nothing alone."""

from __future__ import annotations

from gleanery.knowledge.compliance.document import VERDICT_WORDS
from gleanery.model.compliance import Counts, Verdict

_WIDTH, _HEIGHT, _BAR = 640, 78, 30
_COLOURS = {Verdict.MET: "#1a7f4b", Verdict.PARTLY: "#9a6b00", Verdict.NOT_MET: "#b3261e", Verdict.UNKNOWN: "#6b7280"}


def verdict_bar(counts: Counts) -> str:
    """Whole markup of an inline SVG; nothing in it comes from a page."""
    shares = {verdict: getattr(counts, verdict.value) for verdict in Verdict}
    total = max(1, sum(shares.values()))
    said = ", ".join(f"{VERDICT_WORDS[verdict]} {count}" for verdict, count in shares.items())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
        f' role="img" aria-label="{said}" font-family="system-ui, sans-serif" font-size="13">'
    ]
    at = 0.0
    for verdict, count in shares.items():
        width = _WIDTH * count / total
        if count:
            parts.append(
                f'<rect x="{at:.1f}" y="0" width="{max(1.0, width - 1):.1f}" height="{_BAR}" fill="{_COLOURS[verdict]}"/>'
            )
        if width >= 14 * len(str(count)):
            parts.append(
                f'<text x="{at + width / 2:.1f}" y="20" text-anchor="middle" fill="#fff" font-weight="600">{count}</text>'
            )
        at += width
    for place, (verdict, count) in enumerate(shares.items()):
        x = place * _WIDTH / len(shares)
        parts.append(f'<rect x="{x:.1f}" y="52" width="12" height="12" fill="{_COLOURS[verdict]}"/>')
        parts.append(f'<text x="{x + 18:.1f}" y="63" fill="#333">{VERDICT_WORDS[verdict]} {count}</text>')
    return "".join([*parts, "</svg>"])
