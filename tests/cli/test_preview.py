"""`gleanery preview`: the picture, and the command against a real site."""

from __future__ import annotations

import json
from pathlib import Path

from gleanery.api import crawl_shapes
from gleanery.cli.preview import TREE_LINES, picture
from gleanery.web.discover import Outcome, Target
from tests.cli.command import run
from tests.sites import Site


def found(**fields: object) -> crawl_shapes.PreviewShape:
    shape = crawl_shapes.PreviewShape(
        url="https://example.org/docs",
        final_url="https://example.org/docs/",
        title="Widgets",
        generator="Sphinx 7.2",
        mode="site",
        sentence="The sitemap lists 12 pages in scope.",
        rendering_sign=None,
        robots=crawl_shapes.RobotsShape(crawl_delay_seconds=2.0, sitemaps=["https://example.org/sitemap.xml"]),
        tried=[
            tried("sitemap", "found", found=20, wanted=12),
            tried("llms.txt", "not_there"),
            tried("llms-full.txt", "too_large"),
            tried("feed", "found", found=1, wanted=1, reason="cut_short"),
        ],
        is_complete=False,
        estimate=crawl_shapes.EstimateShape(
            pages=12, is_whole=True, seconds=24.0, tokens=12_345, model=None, embed_seconds=0.0, cost_usd=0.0
        ),
        scope=branch("/", 12, branch("/docs/", 12, branch("/docs/api/", 8), branch("/docs/a b/", 3))),
        skipped={"other_host": 4, "not_html": 1},
        examples={"other_host": ["https://else.example/"]},
    )
    return shape.model_copy(update=fields)


def tried(
    target: str, outcome: str, found: int = 0, wanted: int = 0, reason: str | None = None
) -> crawl_shapes.TriedShape:
    url = f"https://example.org/{target}"
    return crawl_shapes.TriedShape(
        url=url, target=Target(target), outcome=Outcome(outcome), found=found, wanted=wanted, reason=reason
    )


def branch(path: str, pages: int, *children: crawl_shapes.BranchShape) -> crawl_shapes.BranchShape:
    return crawl_shapes.BranchShape(path=path, pages=pages, children=list(children))


def plain(shape: crawl_shapes.PreviewShape) -> list[str]:
    return [line.plain.rstrip() for line in picture(shape)]


def test_the_whole_picture() -> None:
    assert plain(found()) == [
        "Widgets",
        "https://example.org/docs/",
        "site · The sitemap lists 12 pages in scope.",
        "  leads from https://example.org/docs",
        "  made with  Sphinx 7.2",
        "  robots.txt allows the start, asks for 2 s between requests, names 1 sitemap",
        "  rendering  readable over HTTP",
        "  found      sitemap names 20 pages, 12 in scope: https://example.org/sitemap",
        "  found      feed names 1 page (cut_short): https://example.org/feed",
        "  not had    llms-full.txt (too_large)",
        "  cut short  there was no time to look at all that the site lists",
        "  estimate   12 pages, about 24 s, about 12,345 tokens",
        "",
        "Would be taken",
        "  /        ████████████████████████ 12",
        "    docs/  ████████████████████████ 12",
        "      api/ ████████████████         8",
        "      a b/ ██████                   3",
        "",
        "Would be left out (5 known)",
        "  other_host ████████████████ 4  It is on another host than the start. such as https://else.example/",
        "  not_html   ████             1  It is a kind of document that isn't read.",
    ]


def test_what_is_not_known_is_said() -> None:
    lines = plain(
        found(
            estimate=crawl_shapes.EstimateShape(
                pages=1, is_whole=False, seconds=0.2, tokens=1, model="openai:m", embed_seconds=1.0, cost_usd=0.4
            ),
            rendering_sign="an empty app root",
            skipped={},
        )
    )
    assert "  rendering  needs the browser: an empty app root" in lines
    assert (
        "  estimate   1 page known so far (under a second, about 1 token, embedding about $0.40); there may be more"
        in lines
    )
    assert not [line for line in lines if line.startswith("Would be left out")]


def test_a_wide_site_shows_its_largest_folders() -> None:
    folders = [branch(f"/{number}/", 100 - number) for number in range(50)]
    lines = plain(found(scope=branch("/", 3775, *folders), skipped={}))
    tree = lines[lines.index("Would be taken") + 1 :]
    assert len(tree) == TREE_LINES
    assert tree[0].endswith(" 3,775  and 21 folders more")
    assert (tree[1].split()[0], tree[-1].split()[0]) == ("0/", "28/")


def test_what_a_site_says_of_itself_can_not_move_the_cursor() -> None:
    shape = found(title="a\x1b[2Jb", generator="c\rd", scope=branch("/", 1, branch("/e\x1b]0;f\x07/", 1)), skipped={})
    text = "\n".join(plain(shape))
    assert "\x1b" not in text
    assert "\r" not in text
    assert "a␛[2Jb" in text


async def test_a_real_site(env: dict[str, str], site: Site, site_dir: Path, server: str) -> None:
    (site_dir / "robots.txt").write_text(f"User-agent: *\nDisallow: /private/\nSitemap: {site.url}/sitemap.xml\n")
    urls = "".join(f"<url><loc>{site.url}/{name}</loc></url>" for name in ("", "turning.html", "private/a.html"))
    (site_dir / "sitemap.xml").write_text(
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'
    )
    ended = await run(env, "preview", site.url)
    lines = ended.out.splitlines()
    assert (ended.code, ended.err) == (0, "")
    assert lines[2].startswith("site · The sitemap lists ")
    assert "  robots.txt allows the start, names 1 sitemap" in lines
    assert f"  robots_denied {'█' * 16} 1  robots.txt does not allow it. such as {site.url}/private/a.html" in lines
    shape = json.loads((await run(env, "preview", site.url, "--exclude", "/turning*", "--json")).out)
    assert (shape["mode"], shape["skipped"]) == ("site", {"excluded": 1, "robots_denied": 1})
    assert json.loads((await run(env, "tasks", "--json")).out) == {"items": []}


async def test_without_a_server_it_runs_one_of_its_own(env: dict[str, str], site: Site) -> None:
    ended = await run(env, "preview", f"{site.url}/nowhere.html")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "gleanery: The site answered 404 Not Found. (http_404)\n"


async def test_a_bad_url_is_2(env: dict[str, str], server: str) -> None:
    ended = await run(env, "preview", "ftp://example.org/")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("gleanery: url: ")
