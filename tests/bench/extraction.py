"""Measures extraction: python -m tests.bench.extraction BENCH_DIR [--site HTML_DIR ...] [--every N]

BENCH_DIR holds html/<id>.html.gz and truth/<id>.json. Prints, by page type, the word-level F1 of the extracted text
(multiset overlap of \\w+ tokens; link targets and pictures left out) and of the raw Markdown, and the CPU milliseconds
of a page. For each --site, a folder of HTML files, it prints the share of code blocks (outermost <pre>, two lines and
30 characters or more, as lxml reads them) found verbatim in the Markdown and among the code examples.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import textwrap
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, quantiles

import lxml.html  # type: ignore[import-untyped]

from gleanery.errors import EmptyPage
from gleanery.knowledge.extract import ExtractedPage, extract_page
from gleanery.knowledge.markdown import plain_text

_IMAGE = re.compile(r"!\[(?:[^\[\]\\]|\\.)*\]\((?:<[^>]*>|[^()\s]*)\)")


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("bench", type=Path)
    cli.add_argument("--site", type=Path, action="append", default=[])
    cli.add_argument("--every", type=int, default=1, help="read every Nth page of a site only")
    options = cli.parse_args()
    score_content(options.bench)
    for site in options.site:
        score_code(site, options.every)


def score_content(bench: Path) -> None:
    plain: dict[str, list[float]] = defaultdict(list)
    raw: dict[str, list[float]] = defaultdict(list)
    spent: list[float] = []
    for file in sorted((bench / "truth").glob("*.json")):
        truth = json.loads(file.read_text())
        body = gzip.decompress((bench / "html" / f"{truth['id']}.html.gz").read_bytes())
        page, milliseconds = timed(body, truth["url"])
        spent.append(milliseconds)
        markdown = page.markdown if page else ""
        for kind in ("all", truth["page_type"]):
            plain[kind].append(f1(plain_text(_IMAGE.sub("", markdown)), truth["main_content"]))
            raw[kind].append(f1(markdown, truth["main_content"]))
    for kind in sorted(plain, key=lambda name: (name != "all", name)):
        scores = f"F1={mean(plain[kind]):.3f}  F1 with link targets={mean(raw[kind]):.3f}"
        print(f"{kind:14} n={len(plain[kind]):4}  {scores}")
    print_times(spent)


def score_code(site: Path, every: int) -> None:
    wanted = in_markdown = in_examples = labelled = 0
    spent: list[float] = []
    files = [file for file in sorted(site.rglob("*.html")) if not file.is_symlink()]
    for file in files[::every]:
        body = file.read_bytes()
        page, milliseconds = timed(body, f"https://example.org/{file.relative_to(site)}")
        spent.append(milliseconds)
        markdown = tidy(page.markdown) if page else ""
        examples = (
            {textwrap.dedent(tidy(example.code)): example.language for example in page.code_examples} if page else {}
        )
        for block in code_blocks(body):
            wanted += 1
            in_markdown += block in markdown
            in_examples += textwrap.dedent(block) in examples
            labelled += bool(examples.get(textwrap.dedent(block)))
    share = max(1, wanted)
    print(
        f"{site}: blocks={wanted}  in Markdown={in_markdown / share:.4f}  as examples={in_examples / share:.4f}"
        f"  with a language={labelled / share:.3f}"
    )
    print_times(spent)


def timed(body: bytes, url: str) -> tuple[ExtractedPage | None, float]:
    """The page, None when it is empty, and the CPU milliseconds that it took."""
    started = time.process_time()
    try:
        page = extract_page(body, url)
    except EmptyPage:
        page = None
    return page, (time.process_time() - started) * 1000


def print_times(spent: list[float]) -> None:
    cuts = quantiles(spent, n=20)
    print(f"CPU ms a page: median={cuts[9]:.1f}  p90={cuts[17]:.1f}  max={max(spent):.1f}  pages={len(spent)}")


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def f1(text: str, truth: str) -> float:
    got, wanted = words(text), words(truth)
    if not wanted:
        return float(not got)
    return 2 * (got & wanted).total() / (got.total() + wanted.total())


def tidy(text: str) -> str:
    """Without what no reader sees: blanks at the ends of lines, blank first and last lines, permalinks."""
    lines = [line.rstrip() for line in text.replace("\r", "").replace("\u00b6", "").split("\n")]
    return "\n".join(lines).strip("\n")


def code_blocks(body: bytes) -> Iterator[str]:
    for pre in lxml.html.fromstring(body).iter("pre"):
        text = tidy(pre.text_content())
        if len(text) >= 30 and "\n" in text and not any(parent.tag == "pre" for parent in pre.iterancestors()):
            yield text


if __name__ == "__main__":
    main()
