"""Which pages a filter lets by, as SQL: by sources, what is visible, sites, paths, languages and versions."""

from __future__ import annotations

from typing import Any

from gleanery.store.search_store import PageFilter
from gleanery.store.sqlite_rows import marks

# Scheme and host of a page's URL are in lower case, and its host is followed by a slash where it has a path.
_AFTER_SCHEME = "substr(page.url, instr(page.url, '://') + 3)"
_HOST = f"substr({_AFTER_SCHEME}, 1, instr({_AFTER_SCHEME} || '/', '/') - 1)"
_PATH = f"substr({_AFTER_SCHEME}, instr({_AFTER_SCHEME} || '/', '/'))"


def page_join(rows: str, pages: PageFilter) -> tuple[str, list[Any]]:
    """A JOIN of the page of each row, where the filter lets it by, and its values."""
    table, conditions, values = chosen_pages(pages)
    # The plus keeps SQLite from going through all rows of the sources for the few that are asked for.
    conditions += [f"page.page_row = {rows}.page_row", f"+{rows}.source_id IN ({marks(pages.source_ids)})"]
    values += pages.source_ids
    for group in filter(None, pages.code_languages):
        conditions.append(f"{rows}.language IN ({marks(group)})")
        values += group
    return f"JOIN {table} ON {' AND '.join(conditions)}", values


def chosen_pages(pages: PageFilter) -> tuple[str, list[str], list[Any]]:
    """The table, the conditions and their values, of the pages that the filter lets by as far as sources don't decide."""
    table, conditions, values = "visible_page AS page", list[str](), list[Any]()
    if pages.generation is not None:
        table, conditions = "page", ["page.born <= ?", "page.died > ?"]
        values = [pages.generation, pages.generation]
    for groups, one, values_of in (
        (pages.languages, "(lower(page.language) || '-') LIKE ? ESCAPE '\\'", _language_values),
        (pages.versions, "(page.version || '.') LIKE ? ESCAPE '\\'", _version_values),
        (pages.paths, _BELOW_PATH, _path_values),
        (pages.sites, _ON_SITE, _site_values),
    ):
        for group in filter(None, groups):
            conditions.append(f"({' OR '.join([one] * len(group))})")
            values += [value for alternative in group for value in values_of(alternative)]
    return table, conditions, values


def pages_of_sources(pages: PageFilter) -> tuple[str, list[str], list[Any]]:
    """The same with the sources."""
    table, conditions, values = chosen_pages(pages)
    return table, [*conditions, f"page.source_id IN ({marks(pages.source_ids)})"], [*values, *pages.source_ids]


# What can be told without taking the URL apart comes first: of 10,000 pages most are not asked for.
_ON_SITE = f"(instr(page.url, ?) AND ({_HOST} = ? OR {_HOST} LIKE ? ESCAPE '\\') AND substr({_PATH}, 1, length(?)) = ?)"


def _site_values(site: str) -> tuple[str, str, str, str, str]:
    host, slash, path = site.partition("://")[2 if "://" in site else 0].partition("/")
    host = host.lower()
    return host + slash + path, host, f"%.{_literal(host)}", slash + path, slash + path


_BELOW_PATH = f"(instr(page.url, ?) AND substr({_PATH}, 1, length(?)) = ?)"


def _path_values(path: str) -> tuple[str, str, str]:
    rooted = path if path.startswith("/") else f"/{path}"
    return rooted, rooted, rooted


def _language_values(tag: str) -> tuple[str]:
    return (f"{_literal(tag.lower())}-%",)


def _version_values(version: str) -> tuple[str]:
    return (f"{_literal(version)}.%",)


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
