"""What a page is for, weighed from what it says of itself, its address, its forms and its shape."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gleanery.knowledge.meaning.action_words import Act
from gleanery.knowledge.meaning.evidence import Evidence, Verdict
from gleanery.knowledge.meaning.facts import Facts
from gleanery.knowledge.meaning.pages import number_in_url
from gleanery.knowledge.meaning.shape import SHORT, Shape
from gleanery.model.parses import FormMeaning, FormPurpose, NavigationMenu, PageKind, Pagination

K = PageKind

_START = dict.fromkeys(PageKind, 0.0) | {PageKind.OTHER: 1.5}
_CLIENT_ERROR = 400
_BY_TYPE: Mapping[PageKind, tuple[str, ...]] = {
    K.ARTICLE: (
        "Article",
        "NewsArticle",
        "BlogPosting",
        "Report",
        "ScholarlyArticle",
        "SocialMediaPosting",
        "Recipe",
        "HowTo",
    ),
    K.DOCUMENTATION: ("TechArticle", "APIReference"),
    K.PRODUCT: (
        "Product",
        "ProductGroup",
        "Offer",
        "AggregateOffer",
        "SoftwareApplication",
        "Book",
        "Vehicle",
        "Hotel",
    ),
    K.LISTING: ("CollectionPage", "ItemList", "OfferCatalog", "Blog"),
    K.SEARCH_RESULTS: ("SearchResultsPage",),
    K.CHECKOUT: ("CheckoutPage",),
    K.MEDIA: (
        "VideoObject",
        "AudioObject",
        "ImageGallery",
        "MediaGallery",
        "MusicRecording",
        "PodcastEpisode",
        "VideoGallery",
        "Movie",
    ),
    K.DISCUSSION: ("DiscussionForumPosting", "QAPage", "Conversation"),
}
_BY_OG: Mapping[str, PageKind] = {
    "article": K.ARTICLE,
    "product": K.PRODUCT,
    "og:product": K.PRODUCT,
    "product.item": K.PRODUCT,
}
_DOCUMENTERS = re.compile(
    r"sphinx|docusaurus|mkdocs|doxygen|javadoc|vitepress|vuepress|gitbook|antora|asciidoc|docbook|mdbook|rustdoc|hugo.*docsy|jsdoc|typedoc|yard|"
    r"docutils|pdoc|ford|texinfo|makeinfo|latex2html|hevea|groff|nextra|starlight|just the docs|"
    r"docfx|epydoc|ghc-haddock|haddock|redoc|swagger",
    re.IGNORECASE,
)
_PRICE = re.compile(
    r"(?:[$€£¥₹]|\b(?:USD|EUR|GBP|CHF|zł|kr|R\$))\s?\d[\d.,]{0,15}|\d[\d.,]{0,15}\s?(?:€|£|\$|zł|kr\b|₽|円|元|USD|EUR|CHF)"
)
_QUERY_NAMES = frozenset(
    {
        "q",
        "query",
        "s",
        "search",
        "keyword",
        "keywords",
        "k",
        "term",
        "text",
        "wd",
        "suche",
        "buscar",
        "search_query",
        "searchterm",
    }
)
_HOME = re.compile(r"/?(?:index\.\w+|home|[a-z]{2}(?:[-_][a-z]{2})?)?/?", re.IGNORECASE)
_DATED = re.compile(
    r"/(?:19|20)\d\d/(?:0?[1-9]|1[0-2])(?:/|-)|/(?:blog|news|article|articles|post|posts|story|artikel|actualites|noticias)/[^/]{8,}"
)
_CHALLENGERS = re.compile(
    r"challenges\.cloudflare\.com|hcaptcha\.com|recaptcha|captcha-delivery|perimeterx|px-captcha|arkoselabs|datadome|/captcha",
    re.I,
)
_SECTION = re.compile(r"^\s*(?:\d+(?:\.\d+)+\.?|chapter \d+|§)\s", re.IGNORECASE)
_BYLINE = re.compile(
    r"\b(?:published|posted on|written by|min read|minutes? read|"
    r"veröffentlicht|publié le|publicado|pubblicato|gepubliceerd)\b|\bby [A-Z]\w+ [A-Z]\w+",
    re.I,
)


def kind_of(
    facts: Facts, forms: Sequence[FormMeaning], menus: Sequence[NavigationMenu], pagination: Pagination | None
) -> Verdict[PageKind]:
    page = Shape(facts, forms, menus, pagination)
    evidence: Evidence[PageKind] = Evidence(_START)
    for weigh in (_weigh_data, _weigh_failure, _weigh_forms, _weigh_reading, _weigh_lists, _weigh_shop, _weigh_places):
        weigh(page, evidence)
    return evidence.verdict()


def _weigh_data(page: Shape, evidence: Evidence[PageKind]) -> None:
    """What the page says of itself, to machines."""
    facts = page.facts
    for kind, types in _BY_TYPE.items():
        named = sorted(facts.types.intersection(types))
        evidence.add(kind, 2.2, f"it says that it is a {', '.join(named)}", when=bool(named))
    if facts.og_type in _BY_OG:
        evidence.add(_BY_OG[facts.og_type], 1.6, f"its Open Graph type is {facts.og_type}")
    is_media = facts.og_type.startswith(("video", "music"))
    evidence.add(K.MEDIA, 2.0, f"its Open Graph type is {facts.og_type[:40]}", when=is_media)
    is_dated = bool(
        facts.meta("article:published_time", "article:author", "citation_title", "parsely-pub-date", "sailthru.date")
    )
    evidence.add(K.ARTICLE, 1.2, "it tells when it was published", when=is_dated)
    evidence.add(K.PRODUCT, 1.5, "it tells a price", when=bool(facts.meta("product:price:amount", "og:price:amount")))
    generator = facts.main.generator or facts.meta("generator")
    evidence.add(K.DOCUMENTATION, 2.4, f"it was made by {generator[:60]}", when=bool(_DOCUMENTERS.search(generator)))


def _weigh_failure(page: Shape, evidence: Evidence[PageKind]) -> None:
    facts = page.facts
    status = facts.navigation.status
    evidence.add(K.ERROR, 6.0, f"the answer's status is {status}", when=status >= _CLIENT_ERROR)
    evidence.add(K.ERROR, 2.4, "its heading tells of an error", when=Act.ERROR in facts.heading_acts and page.is_short)
    evidence.add(K.ERROR, 2.0, "its title tells of an error", when=Act.ERROR in facts.title_acts and page.is_short)
    frames = " ".join(frame.url[:300] for frame in facts.inspected.dom.frames[1:])
    asks = Act.CHALLENGE in page.says and page.is_short
    evidence.add(K.CHALLENGE, 4.0, "it asks whether a person is there", when=asks)
    is_gate = bool(_CHALLENGERS.search(frames)) and page.words < 60 and not page.own_forms
    evidence.add(K.CHALLENGE, 3.0, "it holds a captcha and little else", when=is_gate)


def _weigh_forms(page: Shape, evidence: Evidence[PageKind]) -> None:
    """A form makes a page only where nothing else does."""
    facts, share = page.facts, page.share_of_forms
    for kind, purposes, act in (
        (K.LOGIN, (FormPurpose.LOGIN,), Act.LOGIN),
        (K.SIGN_UP, (FormPurpose.SIGN_UP,), Act.SIGN_UP),
        (K.CHECKOUT, (FormPurpose.CHECKOUT, FormPurpose.PAYMENT), Act.CHECKOUT),
    ):
        sure = page.weight_of(*purposes)
        word = act.value.replace("_", " ")
        evidence.add(kind, 3.2 * sure * share, f"a form in its content is for that ({word})", when=sure > 0)
        evidence.add(kind, 1.2, f"its title or heading says “{word}”", when=act in page.says)
        evidence.add(kind, 1.0, f"its address says “{word}”", when=act in facts.path_acts)
    evidence.add(K.CHECKOUT, 1.5, "it asks for a card", when=page.weight_of(FormPurpose.PAYMENT) > 0.5)
    evidence.add(K.CHECKOUT, 0.8, "its title or heading says “pay”", when=Act.PAY in page.says)
    both = page.weight_of(FormPurpose.LOGIN) and page.weight_of(FormPurpose.SIGN_UP)
    evidence.add(K.LOGIN, 0.6, "who is known comes first", when=bool(both) and Act.SIGN_UP not in page.says)
    asking = [form for purpose, form in page.own_forms.items() if purpose in _ASKING]
    fields = max((len(form.fields) for form in asking), default=0)
    asks = fields > 0
    evidence.add(K.FORM, 2.0 * share, "a form in its content", when=asks)
    evidence.add(K.FORM, 1.2 * share, "several fields to fill", when=asks and fields >= 3)
    for act in (Act.CONTACT, Act.RESET, Act.SETTINGS, Act.UPLOAD):
        evidence.add(K.FORM, 1.0, f"its title or heading says “{act.value}”", when=act in page.says and asks)


_ASKING = frozenset(
    {
        FormPurpose.CONTACT,
        FormPurpose.UPLOAD,
        FormPurpose.SETTINGS,
        FormPurpose.PASSWORD_RESET,
        FormPurpose.OTHER,
        FormPurpose.NEWSLETTER,
        FormPurpose.COMMENT,
    }
)


def _weigh_reading(page: Shape, evidence: Evidence[PageKind]) -> None:
    facts, main = page.facts, page.facts.main
    headings = facts.inspected.dom.headings
    evidence.add(K.ARTICLE, 1.5, "much to read", when=page.is_long)
    evidence.add(K.ARTICLE, 0.6, "hardly any links in it", when=page.is_long and page.links < 0.03 * page.words)
    evidence.add(K.ARTICLE, 0.6, "something to read", when=not page.is_long and not page.is_short)
    evidence.add(K.ARTICLE, 1.2, "its address looks like an article's", when=bool(_DATED.search(facts.path)))
    evidence.add(K.ARTICLE, 0.9, "it tells who wrote it, or when", when=bool(_BYLINE.search(main.markdown[:1500])))
    evidence.add(
        K.ARTICLE, 0.5, "it can be commented on", when=page.weight_of(FormPurpose.COMMENT) > 0 and not page.is_short
    )
    evidence.add(K.DOCUMENTATION, 1.0, "much to read", when=page.is_long)
    evidence.add(K.DOCUMENTATION, 1.2, "its address says so", when=Act.DOCS in facts.path_acts)
    evidence.add(K.DOCUMENTATION, 1.0, "its title says so", when=Act.DOCS in facts.title_acts)
    evidence.add(
        K.DOCUMENTATION, min(1.6, 0.8 + 0.2 * main.code_count), "it has code examples", when=main.code_count > 0
    )
    has_contents = any(menu.kind == "contents" for menu in page.menus)
    evidence.add(K.DOCUMENTATION, 0.8, "it has a table of its contents", when=has_contents)
    has_section = any(menu.kind == "section" and menu.link_count >= 6 for menu in page.menus)
    evidence.add(K.DOCUMENTATION, 0.8, "a menu of its section stands beside it", when=has_section)
    numbered = sum(bool(_SECTION.match(heading.text)) for heading in headings)
    evidence.add(K.DOCUMENTATION, 1.2, "its sections are numbered", when=numbered >= 1)
    evidence.add(
        K.DOCUMENTATION,
        0.8,
        "it has a next and a previous page",
        when=bool(main.next_url or main.previous_url) and not _has_numbers(page),
    )


def _weigh_lists(page: Shape, evidence: Evidence[PageKind]) -> None:
    facts = page.facts
    links = page.links
    density = links / max(1, page.words)
    evidence.add(K.LISTING, 1.6, "its content is mostly links", when=links >= 10 and density > 0.12)
    evidence.add(K.LISTING, 1.0, "many links", when=links >= 25 and not page.is_long)
    evidence.add(K.LISTING, 1.8, "it has numbered pages", when=_has_numbers(page))
    evidence.add(K.LISTING, 1.0, "it can show more", when=bool(page.pagination and page.pagination.has_more_button))
    evidence.add(K.LISTING, 1.2, "it can be filtered or sorted", when=page.weight_of(FormPurpose.FILTER) > 0.4)
    linked = _linked_headings(facts)
    evidence.add(K.LISTING, min(2.2, 0.35 * linked), "several of its headings are links", when=linked >= 3)
    is_page = number_in_url(facts.navigation.final_url) is not None
    evidence.add(K.LISTING, 1.0, "its address is that of a page of a list", when=is_page)
    query = next((value for name, value in facts.query.items() if name.lower() in _QUERY_NAMES and value.strip()), "")
    evidence.add(K.SEARCH_RESULTS, 2.4, "its address holds a query", when=bool(query))
    evidence.add(K.SEARCH_RESULTS, 2.0, "its title or heading tells of results", when=Act.RESULTS in page.says)
    evidence.add(K.SEARCH_RESULTS, 0.8, "its title or heading says “search”", when=Act.SEARCH in page.says)
    evidence.add(K.SEARCH_RESULTS, 0.7, "its address says “search”", when=Act.SEARCH in facts.path_acts)
    in_title = bool(query) and query.lower() in f"{facts.inspected.head.title} {facts.heading}".lower()
    evidence.add(K.SEARCH_RESULTS, 1.0, "its title names the query", when=in_title)
    replies = page.button_acts.get(Act.COMMENT, 0) + page.button_acts.get(Act.VOTE, 0)
    reply_links = sum(
        Act.COMMENT in facts.acts(each) for each in facts.speaking if each.href and facts.is_content(each)
    )
    evidence.add(K.DISCUSSION, 1.8, "its posts can be answered one by one", when=replies + reply_links >= 4)
    is_forum = bool(
        re.search(
            r"/(?:forum|forums|thread|threads|topic|topics|discussion|discussions|questions?|t|viewtopic|comments|issues)(?:/|\b)",
            facts.path,
        )
    )
    evidence.add(K.DISCUSSION, 1.6, "its address looks like a discussion's", when=is_forum)
    evidence.add(K.DISCUSSION, 0.8, "an answer can be written", when=page.weight_of(FormPurpose.COMMENT) > 0.4)


def _linked_headings(facts: Facts) -> int:
    names = {link.name.casefold() for link in facts.content_links}
    return sum(heading.text.casefold() in names for heading in facts.inspected.dom.headings if heading.level > 1)


def _has_numbers(page: Shape) -> bool:
    return page.pagination is not None and len(page.pagination.pages) >= 2


def _weigh_shop(page: Shape, evidence: Evidence[PageKind]) -> None:
    facts = page.facts
    carts = page.button_acts.get(Act.CART, 0) or _small_orders(page)
    prices = len(set(_PRICE.findall(facts.main.markdown[:20_000])))
    evidence.add(K.PRODUCT, 2.4, "it can be put into a cart or bought", when=1 <= carts <= 2)
    evidence.add(K.PRODUCT, 0.8, "it tells a price", when=1 <= prices <= 6)
    evidence.add(K.LISTING, 1.2, "several things can be bought", when=carts > 2)
    evidence.add(K.LISTING, 0.8, "many prices", when=prices > 6)
    evidence.add(K.CHECKOUT, -1.5, "it only puts something into a cart", when=_small_orders(page) > 0)
    is_product = bool(
        re.search(
            r"/(?:product|products|produkt|produit|producto|prodotto|produto|item|dp|p|artikel)/[^/]+", facts.path
        )
    )
    evidence.add(K.PRODUCT, 1.0, "its address looks like a product's", when=is_product)
    players = page.button_acts.get(Act.PLAY, 0)
    sliders = sum(element.role == "slider" for element in facts.visible)
    evidence.add(K.MEDIA, 1.2, "it can be played", when=players > 0)
    evidence.add(K.MEDIA, 1.0, "a player's controls", when=players > 1 or (players > 0 and sliders > 0))
    is_media = bool(
        re.search(
            r"/(?:watch|video|videos|embed|gallery|galleries|photos?|listen|episode|podcast|track|album)(?:/|\b)",
            facts.path,
        )
    )
    evidence.add(K.MEDIA, 1.2, "its address looks like a medium's", when=is_media)


def _small_orders(page: Shape) -> int:
    """Forms that ask how many, and nothing about who buys."""
    orders = [form for form in page.forms if form.purpose is FormPurpose.CHECKOUT and len(form.fields) <= 4]
    return sum(any(field.purpose == "quantity" for field in form.fields) for form in orders)


def _weigh_places(page: Shape, evidence: Evidence[PageKind]) -> None:
    facts = page.facts
    is_root = bool(_HOME.fullmatch(facts.path)) and not facts.query
    evidence.add(K.HOME, 3.4, "its address is the site's own", when=is_root and facts.navigation.status < _CLIENT_ERROR)
    is_gate = page.is_short and page.weight_of(FormPurpose.LOGIN, FormPurpose.SIGN_UP) > 0.5
    evidence.add(K.HOME, -2.0, "it is a door", when=is_gate)
    evidence.add(K.LISTING, -1.5, "it is the site's front page", when=is_root)
    evidence.add(
        K.HOME,
        0.8,
        "it describes the site or who runs it",
        when=bool(facts.types & {"WebSite", "Organization", "LocalBusiness"}),
    )
    evidence.add(K.HOME, 0.4, "its Open Graph type is website", when=facts.og_type == "website" and is_root)
    evidence.add(K.HOME, -1.5, "it has hardly any links", when=len(facts.links) < 4)
    is_in = any(Act.LOGOUT in facts.acts(each) for each in facts.speaking)
    evidence.add(K.DASHBOARD, 1.8, "someone is logged in", when=is_in)
    evidence.add(K.DASHBOARD, 1.6, "its title or heading says so", when=Act.DASHBOARD in page.says)
    evidence.add(K.DASHBOARD, 1.0, "its address says so", when=Act.DASHBOARD in facts.path_acts)
    controls = sum(each.role in _CONTROLS for each in facts.visible)
    evidence.add(K.DASHBOARD, 0.9, "many controls and little to read", when=controls >= 8 and page.words < 2 * SHORT)


_CONTROLS = frozenset(
    {"button", "tab", "switch", "combobox", "menuitem", "gridcell", "checkbox", "slider", "treeitem", "option"}
)
