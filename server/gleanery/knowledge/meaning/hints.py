"""What the names of classes and ids say of where an element stands: all that pages without landmarks have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from gleanery.knowledge.meaning.lexicon import taken_apart, words_of

MenuKind = Literal["primary", "section", "contents", "breadcrumbs", "footer", "skip", "other"]

_WORDS_OF_MENUS: Mapping[MenuKind, str] = {
    "breadcrumbs": "breadcrumb breadcrumbs crumb crumbs breadcrumblist",
    "contents": "toc contents tableofcontents",
    "footer": "footer foot colophon",
    "section": "sidebar sidenav sidemenu leftnav submenu subnav",
    "primary": "nav navbar navigation menu mainnav mainmenu topnav topbar navlist tabs",
}
_BY_HINT: Mapping[str, MenuKind] = {word: kind for kind, words in _WORDS_OF_MENUS.items() for word in words.split()}


@lru_cache(4096)
def kind_by_hints(hints: str) -> MenuKind | None:
    """The menu that the class names and ids of a link and its ancestors name first, from the inside."""
    return next((_BY_HINT[word] for word in words_of(taken_apart(hints)) if word in _BY_HINT), None)
