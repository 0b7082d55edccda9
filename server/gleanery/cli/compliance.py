"""`gleanery compliance`: list and add frameworks, make a report, steer it, show it, write it to a file."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel

from gleanery import config, errors
from gleanery.api import compliance_shapes as shapes
from gleanery.cli import connect, source_calls
from gleanery.cli.client import Client
from gleanery.cli.exits import Exit
from gleanery.cli.safe_text import block, one_line
from gleanery.cli.watch import exit_of, watch
from gleanery.knowledge.compliance.framework import MAX_BYTES, read_framework
from gleanery.model import TaskStatus
from gleanery.model.compliance import Counts, Framework, FrameworkSummary, Verdict

BAR_WIDTH = 40
_FORMATS = {".html": "html", ".md": "markdown", ".json": "json", ".pdf": "pdf"}
_MARKS = {Verdict.MET: "█", Verdict.PARTLY: "▓", Verdict.NOT_MET: "▒", Verdict.UNKNOWN: "░"}
_WORDS = {Verdict.MET: "met", Verdict.PARTLY: "partly", Verdict.NOT_MET: "not met", Verdict.UNKNOWN: "unknown"}


def compliance(args: Namespace) -> Exit:
    match args.action:
        case "frameworks":
            added = None if args.add is None else _framework_in(Path(args.add))
            return connect.run(_frameworks(args, added))
        case "run":
            if args.fail_under is not None and not 0.0 <= args.fail_under <= 1.0:
                raise errors.InvalidInput("--fail-under", "must be a number from 0 to 1")
            return connect.run(_run(args))
        case "show":
            return connect.run(_show(args, _verdicts(args.verdict)))
        case "cancel" | "retry":
            return connect.run(_steer(args))
        case "delete":
            return connect.run(_delete(args))
        case _:
            return connect.run(_report(args, _format_of(Path(args.file), args.force)))


async def _frameworks(args: Namespace, added: Framework | None) -> Exit:
    async with connect.connect(args, concurrency=0) as connection:
        path = "/api/v1/compliance/frameworks"
        if added is not None:
            await connection.client.call("POST", path, FrameworkSummary, body=added.model_dump())
        page = await connection.client.call("GET", path, shapes.FrameworkPage)
    if args.json:
        _print_json(page)
    else:
        for each in page.items:
            said = f"{each.framework_id:<16} {each.version:<16} {each.control_count:>4} controls  {each.title}"
            print(_one_row(said))
    return Exit.COMPLETE


async def _delete(args: Namespace) -> Exit:
    async with connect.connect(args, concurrency=0) as connection:
        await connection.client.delete(f"/api/v1/compliance/reports/{quote(args.report_id, safe='')}")
    print(json.dumps({"deleted": args.report_id}) if args.json else one_line(f"{args.report_id} is deleted."))
    return Exit.COMPLETE


async def _run(args: Namespace) -> Exit:
    concurrency = max(1, config.load(data_dir=args.data_dir).worker_concurrency)
    async with connect.connect(args, concurrency=concurrency) as connection:
        client = connection.client
        sources = [(await source_calls.find_source(client, name)).source_id for name in args.source or ()]
        body = {
            "framework_id": args.framework,
            "version": args.framework_version,
            "source_ids": sources,
            "title": args.title or "",
            "max_tokens": args.max_tokens,
        }
        started = await client.call("POST", "/api/v1/compliance/reports", shapes.ReportSummary, body=body)
        shown = Namespace(json=False, quiet=args.quiet or args.json)
        task = await watch(client, started.task_ids.evidence, shown, title=started.title)
        for task_id in (started.task_ids.analysis, started.task_ids.report):
            if task.status is TaskStatus.COMPLETED:
                task = await watch(client, task_id, shown, title=started.title)
        report = await _one(client, started.report_id)
    _tell(report, args.json)
    return exit_of(task) if task.status is not TaskStatus.COMPLETED else _exit_of(report.counts, args.fail_under)


def _exit_of(counts: Counts, least: float | None) -> Exit:
    is_enough = least is None or counts.met >= least * max(1, counts.total)
    return Exit.COMPLETE if is_enough else Exit.FAILED


async def _show(args: Namespace, wanted: Sequence[Verdict]) -> Exit:
    async with connect.connect(args, concurrency=0) as connection:
        client = connection.client
        if args.report_id is None:
            query = {"limit": args.limit}
            page = await client.call("GET", "/api/v1/compliance/reports", shapes.ReportPage, query=query)
            if args.json:
                _print_json(page)
            for each in () if args.json else page.items:
                when = f"{each.created_at.astimezone():%Y-%m-%d %H:%M}"
                print(_one_row(f"{each.report_id}  {when}  {each.status:<10} {bar(each.counts, 20)}  {each.title}"))
            return Exit.COMPLETE
        if args.compare is not None:
            path = f"/api/v1/compliance/reports/{quote(args.report_id, safe='')}/compare"
            found = await client.call("GET", path, shapes.ComparisonShape, query={"with": args.compare or None})
            _tell_comparison(found, args.json)
            return Exit.COMPLETE
        _tell(await _one(client, args.report_id), args.json, wanted)
        return Exit.COMPLETE


async def _steer(args: Namespace) -> Exit:
    """Cancel or retry all tasks of a report."""
    async with connect.connect(args, concurrency=0) as connection:
        path = f"/api/v1/compliance/reports/{quote(args.report_id, safe='')}/{args.action}"
        report = await connection.client.call("POST", path, shapes.ReportSummary)
    if args.json:
        _print_json(report)
    else:
        print(_one_row(f"{report.report_id}  {report.status:<10} {bar(report.counts, 20)}  {report.title}"))
    return Exit.COMPLETE


async def _report(args: Namespace, format_: str) -> Exit:
    async with connect.connect(args, concurrency=0) as connection:
        client = connection.client
        url = f"{client.base_url}/api/v1/compliance/reports/{quote(args.report_id, safe='')}/file"
        with client.translated():
            async with client.session.get(url, params={"format": format_}) as response:
                data = await response.read()
        if response.status >= 400:
            raise errors.ServerRefused(response.status, "not_found", f"There is no {format_} file of {args.report_id}.")
    await asyncio.to_thread(_write, Path(args.file), data)
    print(one_line(f"{args.file}: {len(data)} bytes"))
    return Exit.COMPLETE


async def _one(client: Client, report_id: str) -> shapes.ReportShape:
    path = f"/api/v1/compliance/reports/{quote(report_id, safe='')}"
    return await client.call("GET", path, shapes.ReportShape)


def bar(counts: Counts, width: int = BAR_WIDTH) -> str:
    """One character a share, each verdict with its own; a verdict that occurs has one at least."""
    shares = {verdict: getattr(counts, verdict.value) for verdict in Verdict}
    total = max(1, counts.total)
    return "".join(
        _MARKS[verdict] * max(int(count > 0), round(width * count / total)) for verdict, count in shares.items()
    )


def _tell(report: shapes.ReportShape, is_json: bool, wanted: Sequence[Verdict] = tuple(Verdict)) -> None:
    if is_json:
        _print_json(report)
        return
    for line in lines(report, wanted):
        print(_one_row(line))


def lines(report: shapes.ReportShape, wanted: Sequence[Verdict] = tuple(Verdict)) -> Iterator[str]:
    yield f"{report.title}: {report.status} ({report.report_id})"
    counts = ", ".join(f"{getattr(report.counts, verdict.value)} {_WORDS[verdict]}" for verdict in Verdict)
    yield f"{bar(report.counts)}  {counts}"
    yield from report.left_out
    for control in report.controls:
        said = control.assessment
        if said is None or said.verdict not in wanted:
            continue
        yield f"{_MARKS[said.verdict]} {_WORDS[said.verdict]:<8} {control.control_id:<12} {control.title}"
        if said.gap or said.note:
            yield f"           {said.gap or said.note}"
        for each in said.quotes:
            yield f"           “{each.text}” {each.url}"
        if not said.quotes:
            for passage in (control.evidence or [])[:2]:
                yield f"           see {passage.url}"
    if report.error is not None:
        yield f"{report.error.message} ({report.error.code})"


def _tell_comparison(found: shapes.ComparisonShape, is_json: bool) -> None:
    if is_json:
        _print_json(found)
    elif found.with_report_id is None:
        print("There is no earlier report of this framework and these sources.")
    else:
        for change in found.changes:
            was, now = (_WORDS[each] if each is not None else "none" for each in (change.was, change.now))
            evidence = f"evidence +{len(change.new_evidence)} -{len(change.lost_evidence)}"
            print(_one_row(f"{change.course:<8} {change.control_id:<12} {was} → {now}  {evidence}"))


def _one_row(text: str) -> str:
    """Safe to print, with its columns as they are."""
    return block(" ".join(text.splitlines()))


def _print_json(shape: BaseModel) -> None:
    print(shape.model_dump_json(ensure_ascii=True), flush=True)


def _verdicts(text: str | None) -> Sequence[Verdict]:
    try:
        return tuple(Verdict(each) for each in text.split(",")) if text else tuple(Verdict)
    except ValueError:
        raise errors.InvalidInput("--verdict", f"must be some of {', '.join(Verdict)}") from None


def _format_of(path: Path, may_replace: bool) -> str:
    if path.suffix.lower() not in _FORMATS:
        raise errors.InvalidInput("FILE", f"{path} must end in {', '.join(_FORMATS)}")
    if path.exists() and not may_replace:
        raise errors.InvalidInput("FILE", f"{path} is there already; --force replaces it")
    return _FORMATS[path.suffix.lower()]


def _framework_in(path: Path) -> Framework:
    """Raises InvalidInput."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise errors.InvalidInput("--add", f"{path} can't be read: {error.strerror}") from None
    return read_framework(raw, is_json=path.suffix.lower() == ".json")


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise errors.InvalidInput("FILE", f"{path} can't be written: {error.strerror}") from None
