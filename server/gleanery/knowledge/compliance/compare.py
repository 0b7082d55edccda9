"""What two reports differ in, control by control. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from gleanery.model.compliance import ControlChange, ControlResult, Course, Verdict

_ORDER = {Verdict.NOT_MET: 0, Verdict.PARTLY: 1, Verdict.MET: 2}


def compared(before: Sequence[ControlResult], after: Sequence[ControlResult]) -> list[ControlChange]:
    """Each control of either, in the order of `after`; those that are gone come last."""
    was = {result.control_id: result for result in before}
    now = {result.control_id: result for result in after}
    ids = [*now, *(control_id for control_id in was if control_id not in now)]
    return [_change(control_id, was.get(control_id), now.get(control_id)) for control_id in ids]


def _change(control_id: str, was: ControlResult | None, now: ControlResult | None) -> ControlChange:
    first, second = _verdict(was), _verdict(now)
    old, new = _places(was), _places(now)
    return ControlChange(
        control_id=control_id,
        course=Course.ADDED if was is None else Course.REMOVED if now is None else _course(first, second),
        was=first,
        now=second,
        new_evidence=[] if was is None else list(dict.fromkeys(url for key, url in new.items() if key not in old)),
        lost_evidence=[] if now is None else list(dict.fromkeys(url for key, url in old.items() if key not in new)),
    )


def _course(was: Verdict | None, now: Verdict | None) -> Course:
    if was is now:
        return Course.SAME
    if was in _ORDER and now in _ORDER:
        return Course.BETTER if _ORDER[now] > _ORDER[was] else Course.WORSE
    return Course.CHANGED


def _verdict(result: ControlResult | None) -> Verdict | None:
    return None if result is None or result.assessment is None else result.assessment.verdict


def _places(result: ControlResult | None) -> dict[tuple[str, str], str]:
    """URLs of the passages by URL and content: another wording on the same page is new evidence."""
    found = (result.evidence if result is not None else None) or []
    return {(passage.url, passage.content): passage.url for passage in found}
