"""Variants: versions and languages of the same pages are told by their siblings, and one of them is taken."""

from __future__ import annotations

import pytest

from gleanery.web.scope import Refusal
from gleanery.web.variant_slots import Axis, axis_of, best_language, best_version, slots_of, version_rank
from gleanery.web.variants import Choice, VariantChooser

H = "https://docs.example.org"
PAGES = ("intro", "install", "usage", "api", "faq", "changes", "license", "support")
VERSION, LANGUAGE = Refusal.OTHER_VERSION, Refusal.OTHER_LANGUAGE


def show(chooser: VariantChooser, *prefixes: str, pages: tuple[str, ...] = PAGES) -> None:
    """What a crawl meets: for each prefix the pages below it."""
    for prefix in prefixes:
        for page in pages:
            chooser.refusal(f"{H}{prefix}{page}")


def refusals(chooser: VariantChooser, *paths: str) -> list[Refusal | None]:
    return [chooser.refusal(f"{H}{path}") for path in paths]


@pytest.mark.parametrize(
    ("name", "axis"),
    [
        *((name, "version") for name in ("3", "17", "3.11", "v1", "v1.2", "1.2.x", "2.x", "1.0rc1", "5.0-beta.2")),
        *((name, "version") for name in ("latest", "stable", "main", "DEV", "2023.1")),
        *((name, "language") for name in ("en", "zh-cn", "pt_BR", "zh-Hant-TW", "es-419", "ja")),
        *(
            (name, None)
            for name in ("2023", "1999", "guide", "go", "js", "v", "", "1.2.3.4.5.6", "vs", "english", "en-gbx")
        ),
    ],
)
def test_what_a_segment_could_name(name: str, axis: str | None) -> None:
    assert axis_of(name) == axis


def test_slots_of_a_url() -> None:
    found = [(slot.family, slot.name, slot.rest) for slot in slots_of(f"{H}/en/4.2/topics/db/?a=1")]
    assert found == [
        ("//docs.example.org/*", "en", "//docs.example.org/4.2/topics/db/?a=1"),
        ("//docs.example.org/en/*", "4.2", "//docs.example.org/en/topics/db/?a=1"),
    ]
    assert [(slot.family, slot.name, slot.rest) for slot in slots_of("https://ja.example.org/x?version=2.1&q=1")] == [
        ("//*.example.org", "ja", "//example.org/x?q=1&version=2.1"),
        ("//ja.example.org?version=*", "2.1", "//ja.example.org/x?q=1"),
    ]
    assert [(slot.name, slot.has_page) for slot in slots_of(f"{H}/docs/17")] == [("17", False)]


def test_versions_in_order() -> None:
    ordered = ["stable", "current", "latest", "lts", "", "3.x", "3.11", "3.9", "v3.9", "v2", "4.0rc1", "main", "next"]
    assert sorted(ordered, key=version_rank, reverse=True)[:8] == [*ordered[:7], "v3.9"]
    assert best_version(["4.0rc1", "3.9", "main", "3.11"]) == "3.11"
    assert best_version(["next", "main"]) == "main"


def test_the_best_language() -> None:
    assert best_language(["fr", "en", "de"], "") == "en"
    assert best_language(["fr", "en", "de"], "de-AT") == "de"
    assert best_language(["pt", "pt_BR"], "pt-br") == "pt_BR"
    assert best_language(["fr", "en-GB", "en-US"], "ja") == "en-GB"
    assert best_language(["fr", "de"], "") == "fr"


def test_of_several_versions_the_current_one_is_taken() -> None:
    chooser = VariantChooser(f"{H}/docs/")
    assert refusals(chooser, "/docs/17/", "/docs/16/", "/docs/current/", "/docs/9.6/") == [None] * 4
    show(chooser, "/docs/current/", "/docs/17/", "/docs/16/")
    assert refusals(chooser, "/docs/17/other", "/docs/16/", "/docs/9.6/", "/docs/current/other", "/docs/faq") == [
        VERSION,
        VERSION,
        VERSION,
        None,
        None,
    ]
    assert chooser.choices() == (Choice(Axis.VERSION, "//docs.example.org/docs/*", ("current",), ("16", "17", "9.6")),)


def test_the_highest_release_is_taken_though_only_its_front_page_was_met() -> None:
    chooser = VariantChooser(f"{H}/")
    refusals(chooser, "/1.0/", "/2.0/", "/10.0/", "/11.0rc1/", "/main/")
    show(chooser, "/1.0/", "/2.0/")
    assert chooser.choices()[0].taken == ("10.0",)
    assert refusals(chooser, "/2.0/", "/10.0/", "/11.0rc1/", "/main/") == [VERSION, None, VERSION, None]


def test_urls_without_a_version_are_the_start_s_own_variant() -> None:
    chooser = VariantChooser(f"{H}/docs/intro")
    show(chooser, "/docs/", "/docs/next/", "/docs/2.x/")
    assert chooser.choices()[0].taken == ("",)
    assert refusals(chooser, "/docs/intro", "/docs/more", "/docs/next/more", "/docs/2.x/") == [
        None,
        None,
        VERSION,
        VERSION,
    ]


def test_a_few_pages_without_a_version_do_not_stand_for_all() -> None:
    chooser = VariantChooser(f"{H}/")
    show(chooser, "/latest/")
    show(chooser, "/", pages=("license", "support"))
    show(chooser, "/1.0/")
    assert chooser.choices()[0].taken == ("latest",)
    assert refusals(chooser, "/license", "/1.0/x") == [None, VERSION]


def test_the_start_s_own_variant_is_taken() -> None:
    chooser = VariantChooser(f"{H}/guide?version=1.0")
    for page in PAGES:
        assert chooser.refusal(f"{H}/{page}?version=1.0") is None
        chooser.refusal(f"{H}/{page}?version=2.0")
    assert refusals(chooser, "/more?version=2.0", "/more?version=1.0") == [VERSION, None]


def test_languages_and_versions_are_chosen_apart() -> None:
    chooser = VariantChooser(f"{H}/")
    show(chooser, "/en/5.0/", "/ja/5.0/", "/en/4.2/")
    assert [(str(one.axis), one.taken) for one in chooser.choices()] == [("language", ("en",)), ("version", ("5.0",))]
    assert refusals(chooser, "/ja/4.2/x", "/en/4.2/x", "/en/5.0/x") == [LANGUAGE, VERSION, None]


def test_the_language_of_the_start_page_is_taken() -> None:
    chooser = VariantChooser(f"{H}/", language="pt-BR")
    show(chooser, "/en/", "/pt_BR/", "/ja/")
    assert refusals(chooser, "/en/x", "/pt_BR/x", "/ja/x") == [LANGUAGE, None, LANGUAGE]


def test_hosts_by_language() -> None:
    chooser = VariantChooser("https://example.org/", language="en")
    for page in PAGES:
        for host in ("ja", "fr", "api"):
            chooser.refusal(f"https://{host}.example.org/{page}")
        chooser.refusal(f"https://example.org/{page}")
    chooser.page_language("https://ja.example.org/intro", "ja")
    hosts = [chooser.refusal(f"https://{host}example.org/x") for host in ("ja.", "fr.", "api.", "")]
    assert hosts == [LANGUAGE, LANGUAGE, None, None]


def test_what_a_site_declares_needs_no_other_evidence() -> None:
    chooser = VariantChooser(f"{H}/")
    pages = [("en", "/guide"), ("fr", "/fr/guide"), ("zh-Hans", "/zh-cn/guide"), ("x-default", "/guide")]
    chooser.alternates((tag, f"{H}{path}") for tag, path in pages)
    assert refusals(chooser, "/guide", "/fr/other", "/zh-cn/other", "/other") == [None, LANGUAGE, LANGUAGE, None]


def test_translations_that_have_no_place_in_the_url_are_left_out_one_by_one() -> None:
    chooser = VariantChooser(f"{H}/", language="en")
    chooser.alternates([("en", f"{H}/guide"), ("fr", f"{H}/le-guide"), ("fr", f"{H}/guide")])
    assert refusals(chooser, "/guide", "/le-guide", "/other") == [None, LANGUAGE, None]


@pytest.mark.parametrize(
    "prefixes",
    [
        pytest.param(("/v1/",), id="an API without a sibling"),
        pytest.param(("/2022/", "/2023/"), id="years of a blog"),
        pytest.param(("/go/", "/js/", "/is/"), id="languages of another kind"),
        pytest.param(("/ts/", "/cs/", "/go/"), id="languages of another kind that have codes"),
    ],
)
def test_ordinary_segments_are_left_alone(prefixes: tuple[str, ...]) -> None:
    chooser = VariantChooser(f"{H}/")
    show(chooser, *prefixes)
    show(chooser, *prefixes)
    assert chooser.choices() == ()
    assert {chooser.refusal(f"{H}{prefix}{page}") for prefix in prefixes for page in PAGES} == {None}


def test_records_by_number_are_no_versions() -> None:
    chooser = VariantChooser(f"{H}/")
    show(chooser, *(f"/users/{n}/" for n in range(60)))
    show(chooser, *(f"/book/{n // 10}.{n % 10}/" for n in range(60)), pages=PAGES[:3])
    show(chooser, "/api/v1/", "/api/v2/", pages=PAGES[:7])
    show(chooser, "/guide/", "/guide/dev/", pages=PAGES[:7])
    assert chooser.choices() == ()


def test_folders_that_share_a_few_names_are_no_versions() -> None:
    chooser = VariantChooser(f"{H}/")
    show(chooser, "/1.0/", pages=(*PAGES, *(f"a{n}" for n in range(50))))
    show(chooser, "/2.0/", pages=(*(f"b{n}" for n in range(50)), *PAGES))
    assert chooser.choices() == ()


def test_a_corner_of_the_site_is_no_version_of_it() -> None:
    """As core::arch::hexagon::v64 and v128 are: not releases but widths of a vector, with the same 481 functions."""
    chooser = VariantChooser(f"{H}/")
    show(chooser, "/core/", pages=tuple(f"struct.s{n}" for n in range(1_000)))
    show(chooser, "/core/arch/v64/", "/core/arch/v128/", pages=tuple(f"fn.{n}" for n in range(100)))
    assert chooser.choices() == ()


@pytest.mark.parametrize(("older", "newer"), [("9", "10"), ("v2", "v3")])
def test_plain_numbers_are_versions_where_they_hold_the_documentation(older: str, newer: str) -> None:
    chooser = VariantChooser(f"{H}/docs/")
    pages = tuple(f"page-{n}" for n in range(30))
    show(chooser, "/", pages=pages)
    show(chooser, f"/docs/{older}/", f"/docs/{newer}/", pages=pages)
    assert refusals(chooser, f"/docs/{older}/x", f"/docs/{newer}/x") == [VERSION, None]


def test_programming_languages_beside_pages_without_one() -> None:
    chooser = VariantChooser(f"{H}/")
    show(chooser, "/", "/ts/", "/fr/")
    assert chooser.choices() == ()
    chooser.page_language(f"{H}/ts/intro", "en")
    chooser.page_language(f"{H}/fr/intro", "fr-FR")
    assert refusals(chooser, "/intro", "/ts/intro", "/fr/intro") == [None, None, LANGUAGE]


def test_one_shared_page_is_no_evidence() -> None:
    chooser = VariantChooser(f"{H}/")
    show(chooser, "/1.0/", "/2.0/", pages=("license",))
    assert chooser.choices() == ()


def test_an_alias_is_taken_too() -> None:
    chooser = VariantChooser(f"{H}/")
    show(chooser, "/latest/", "/3.2/", "/3.1/")
    assert refusals(chooser, "/3.2/x", "/3.1/x") == [VERSION, VERSION]
    chooser.redirected(f"{H}/latest/intro", f"{H}/3.2/intro")
    assert refusals(chooser, "/3.2/x", "/3.1/x") == [None, VERSION]
    assert chooser.choices()[0].taken == ("3.2", "latest")


def test_an_alias_that_was_met_before_the_choice() -> None:
    chooser = VariantChooser(f"{H}/")
    chooser.redirected(f"{H}/latest/", f"{H}/3.2/")
    show(chooser, "/latest/", "/3.2/", "/3.1/")
    assert refusals(chooser, "/3.2/x", "/latest/x", "/3.1/x") == [None, None, VERSION]


def test_what_was_asked_for_before_the_evidence_is_refused_when_asked_again() -> None:
    chooser = VariantChooser(f"{H}/")
    assert (chooser.refusal(f"{H}/1.0/early"), chooser.revision) == (None, 0)
    show(chooser, "/1.0/", "/2.0/")
    assert (chooser.refusal(f"{H}/1.0/intro"), chooser.revision) == (VERSION, 1)


def test_asking_twice_changes_nothing() -> None:
    once, twice = VariantChooser(f"{H}/"), VariantChooser(f"{H}/")
    show(once, "/1.0/", "/2.0/")
    show(twice, "/1.0/", "/1.0/", "/2.0/", "/1.0/", "/2.0/")
    assert once.choices() == twice.choices() != ()


def test_a_crawl_that_goes_on_keeps_its_choices() -> None:
    before = VariantChooser(f"{H}/")
    show(before, "/1.0/", "/2.0/", "/en/", "/fr/")
    after = VariantChooser(f"{H}/", choices=before.choices())
    assert after.choices() == before.choices()
    assert refusals(after, "/1.0/x", "/2.0/x", "/fr/x", "/en/x") == [VERSION, None, LANGUAGE, None]


def test_all_variants_are_taken_on_request() -> None:
    chooser = VariantChooser(f"{H}/", all_variants=True)
    show(chooser, "/1.0/", "/2.0/", "/en/", "/fr/")
    chooser.alternates([("en", f"{H}/a"), ("fr", f"{H}/b")])
    assert refusals(chooser, "/1.0/x", "/fr/x", "/b") == [None, None, None]


def test_the_start_is_never_refused() -> None:
    chooser = VariantChooser(f"{H}/docs/intro")
    chooser.alternates([("fr", f"{H}/docs/intro"), ("en", f"{H}/guide")])
    assert chooser.refusal(f"{H}/docs/intro") is None
