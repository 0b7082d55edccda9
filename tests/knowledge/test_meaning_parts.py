"""Menus, pagination, regions and calls to action."""

from __future__ import annotations

import json

from gleanery.knowledge.meaning.pages import number_in_url, page_number
from gleanery.model.parses import Meaning, Pagination
from tests.knowledge.inspected_pages import meaning_of_html

URL = "https://site.example/list"


def read(body: str, url: str = URL, head: str = "") -> Meaning:
    return meaning_of_html(f"<html><head><title>T</title>{head}</head><body>{body}</body></html>", url)


def pages(body: str, url: str = URL, head: str = "") -> Pagination:
    pagination = read(body, url, head).pagination
    assert pagination is not None
    return pagination


def links(*labels: str, to: str = "/x") -> str:
    return "".join(f'<a href="{to}/{at}">{label}</a>' for at, label in enumerate(labels))


# Menus


def test_menus_by_their_landmarks() -> None:
    meaning = read(
        f"<a href='#main'>Skip to main content</a><header><nav>{links('A', 'B', 'C')}</nav></header>"
        f"<nav aria-label='You are here'>{links('Home', 'Section')}</nav>"
        f"<main id='main'><nav aria-label='Contents'><a href='#a'>One</a><a href='#b'>Two</a></nav><h1>T</h1></main>"
        f"<aside data-box='0 100 200 800'><nav data-box='0 100 200 800'>{links('D', 'E')}</nav></aside><footer>{links('F', 'G')}</footer>"
    )

    assert [(menu.kind, menu.name, menu.link_count) for menu in meaning.menus] == [
        ("skip", "", 1),
        ("primary", "", 3),
        ("breadcrumbs", "You are here", 2),
        ("contents", "Contents", 2),
        ("section", "", 2),
        ("footer", "", 2),
    ]


def test_menus_by_the_names_of_their_classes() -> None:
    """On pages that were made before there were landmarks."""
    meaning = read(
        f"<div class='topnav'>{links('A', 'B', 'C')}</div><div class='breadcrumbs'>{links('Home', 'Up')}</div>"
        f"<p>Words with {links('a link')} in them.</p><div id='footer'>{links('F', 'G')}</div>"
    )

    assert [(menu.kind, menu.landmark_id, menu.link_count) for menu in meaning.menus] == [
        ("primary", None, 3),
        ("breadcrumbs", None, 2),
        ("footer", None, 2),
    ]


def test_the_link_to_this_page_is_current() -> None:
    meaning = read('<nav><a href="/list">List</a><a href="/other">Other</a><a href="#top">Top</a></nav>')

    assert [(link.label, link.is_current) for link in meaning.menus[0].links] == [
        ("List", True),
        ("Other", False),
        ("Top", False),
    ]


def test_routes_that_a_script_draws_are_pages_and_no_places_in_this_one() -> None:
    menu = read(
        '<nav><a href="#/inbox">Inbox</a><a href="#/sent">Sent</a><a href="#!/trash">Trash</a></nav>', f"{URL}#/sent"
    ).menus[0]

    assert (menu.kind, [link.is_current for link in menu.links]) == ("primary", [False, True, False])


def test_breadcrumbs_in_json_ld() -> None:
    data = {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"position": 1, "name": "Books", "item": "/books"},
            {"position": 2, "item": {"@id": "https://site.example/books/old", "name": "Old ones"}},
            {"position": 3, "name": "This one"},
            {"position": 4, "name": "Trap", "item": "javascript:alert(1)"},
            {"position": 5, "item": 7},
            "nonsense",
        ],
    }
    meaning = read("<h1>T</h1>", head=f'<script type="application/ld+json">{json.dumps(data)}</script>')

    (menu,) = meaning.menus
    assert menu.kind == "breadcrumbs"
    assert [(link.label, link.href, link.is_current) for link in menu.links] == [
        ("Books", "https://site.example/books", False),
        ("Old ones", "https://site.example/books/old", False),
        ("This one", "", True),
        ("Trap", "", True),
    ]


def test_a_menu_without_end_is_bounded_and_counted() -> None:
    (menu,) = read(f"<nav>{links(*(f'L{at}' for at in range(500)))}</nav>").menus

    assert (len(menu.links), menu.link_count) == (100, 500)


# Pagination


def test_numbers_with_a_gap_for_this_page() -> None:
    found = pages("".join(f'<a href="?page={at}">{at}</a>' for at in (1, 2, 4, 5)) + '<a href="?page=4">»</a>')

    assert (found.current, found.total) == (3, 5)
    assert found.next is not None
    assert found.next.href == f"{URL}?page=4"
    assert [link.label for link in found.pages] == ["1", "2", "4", "5"]


def test_the_current_page_by_aria_by_address_and_in_words() -> None:
    numbered = '<a href="?p=1">1</a><a href="?p=2"{}>2</a><a href="?p=3">3</a>'

    assert pages(numbered.format(' aria-current="page"')).current == 2
    assert pages(numbered.format(""), f"{URL}?p=3").current == 3
    in_words = pages(f"<p>The items of this list are many.</p><p>Seite 4 von 17</p>{numbered.format('')}")
    assert (in_words.current, in_words.total) == (4, 17)


def test_steps_by_rel_and_by_words_in_several_languages() -> None:
    by_rel = pages('<a rel="prev" href="/a">Intro</a><a rel="next nofollow" href="/b">Chapter two</a>')
    assert by_rel.previous is not None
    assert by_rel.next is not None
    assert (by_rel.previous.href, by_rel.next.href) == ("https://site.example/a", "https://site.example/b")
    for word in (
        "Next",
        "Older posts",
        "Nächste Seite",
        "Page suivante",
        "Siguiente",
        "Avanti",
        "Próxima",
        "Volgende",
        "次へ",
        "下一页",
    ):
        found = pages(f'<a href="/next">{word}</a>').next
        assert found is not None, word
        assert found.label == word


def test_the_head_names_the_next_page() -> None:
    found = pages("<h1>T</h1><p>Words to read here.</p>", head='<link rel="next" href="/list/2">')

    assert found.next is not None
    assert (found.next.href, found.next.element_id) == ("https://site.example/list/2", None)


def test_what_leads_within_the_page_is_no_other_page() -> None:
    body = '<h1>T</h1><p>Words to read here.</p><a href="#next">next()</a><a href="#prev">Previous</a>'
    found = pages(body, head='<link rel="next" href="/list/2">')
    assert found.next is not None
    assert (found.previous, found.next.href) == (None, "https://site.example/list/2")
    assert read(body).pagination is None


def test_a_button_that_loads_more() -> None:
    assert pages("<button>Mehr laden</button>").has_more_button


def test_what_looks_like_pages_and_is_none() -> None:
    for body in (
        "".join(f'<a href="/cal?d={at}">{at}</a>' for at in range(1, 32)),  # a calendar
        '<p>Text <a href="#fn1">1</a> and <a href="#fn2">2</a> and <a href="#fn3">3</a></p>',  # footnotes
        '<a href="/2019">2019</a><a href="/2020">2020</a><a href="/2021">2021</a>',  # years
        '<a href="/offer">Cash back</a><a href="/events">Next week</a>',
        "<button>Next</button>",  # of a slide show
        '<a href="/one">1</a>',
    ):
        assert read(body).pagination is None, body


def test_numbers_of_pages() -> None:
    assert [page_number(label) for label in ("3", "Page 3", "[3]", "第3页", "3 items", "3.1", "")] == [
        3,
        3,
        3,
        3,
        None,
        None,
        None,
    ]
    assert number_in_url("https://a.example/x?page=7&q=1") == 7
    assert number_in_url("https://a.example/blog/page/12/") == 12
    assert number_in_url("https://a.example/blog/2012/") is None


def test_addresses_that_are_none_are_borne() -> None:
    hrefs = ("http://[x", "?page=²", "?page=99999999", "http://a.example:x/", "//", "javascript:1", "#" * 3000, "\x00")
    assert (
        read("".join(f'<a href="{href}">{at}</a>' for at, href in enumerate(hrefs)), "https://site.example/p?page=²")
        is not None
    )
    data = {
        "@type": "BreadcrumbList",
        "itemListElement": [{"name": "A", "item": "http://[x"}, {"name": "B", "item": "/b"}],
    }
    (menu,) = read("<h1>T</h1>", head=f'<script type="application/ld+json">{json.dumps(data)}</script>').menus
    assert [link.href for link in menu.links] == ["", "https://site.example/b"]


# Regions


def test_regions_are_those_of_the_page() -> None:
    meaning = read(
        f"<header>{links('A', 'B')}</header><main><form role='search'><input name='q'></form></main>"
        f"<aside>{links('C')}</aside><div role='dialog' aria-label='Welcome'><button>Close</button></div><footer>{links('D', 'E')}</footer>"
    )

    assert [(region.kind, region.name) for region in meaning.regions] == [
        ("header", ""),
        ("main", ""),
        ("search", ""),
        ("sidebar", ""),
        ("dialog", "Welcome"),
        ("footer", ""),
    ]
    assert [region.summary for region in meaning.regions][:3] == ["2 links", "", "1 field"]


def test_a_cookie_notice_with_and_without_a_landmark() -> None:
    dialog = read("<div role='dialog' aria-label='Cookies'><button>Accept all</button><button>Settings</button></div>")
    loose = read("<div><button>Tout accepter</button><button>Tout refuser</button></div><p>Words.</p>")

    assert [(region.kind, region.name, region.landmark_id) for region in dialog.regions] == [
        ("banner", "Cookies", "l1")
    ]
    assert [(region.kind, region.name, region.landmark_id) for region in loose.regions] == [("banner", "Cookies", None)]
    assert loose.regions[0].box is not None


def test_words_of_acceptance_alone_are_no_cookie_notice() -> None:
    meaning = read(
        '<main><h1>Sockets</h1><a href="#a">accept</a><a href="#b">accept_all()</a><button>I agree</button></main>'
    )

    assert "banner" not in [region.kind for region in meaning.regions]


# Calls to action


def test_one_call_is_the_primary_one_and_stands_first() -> None:
    meaning = read(
        "<header><a href='/login'>Log in</a></header><main><h1>T</h1>"
        "<a class='btn btn-primary' href='/start' data-box='0 0 200 60'>Start now</a>"
        "<a class='btn' href='/demo' data-box='0 0 120 40'>Book a demo</a></main>"
    )

    assert [(call.label, call.is_primary) for call in meaning.calls_to_action] == [
        ("Start now", True),
        ("Book a demo", False),
    ]
    assert "its markup says that it is the primary one" in meaning.calls_to_action[0].reasons


def test_links_in_sentences_share_buttons_and_cookies_call_for_nothing() -> None:
    meaning = read(
        "<main><p>See <a href='/start'>how to start</a> or <a href='/d'>download</a>.</p><button>Share</button></main>"
        "<div><button>Accept all cookies</button><button>Reject all</button></div>"
    )

    assert meaning.calls_to_action == ()


def test_a_search_is_the_call_only_where_there_is_nothing_else() -> None:
    search = "<form role='search'><input name='q'><button>Search</button></form>"

    assert [call.label for call in read(search).calls_to_action if call.is_primary] == ["Search"]
    assert read(f"{search}<main><h1>T</h1><p>{'Words to read. ' * 60}</p></main>").calls_to_action == ()


def test_disabled_and_hidden_buttons_call_for_nothing() -> None:
    assert read("<main><button disabled>Buy now</button><button hidden>Sign up</button></main>").calls_to_action == ()
