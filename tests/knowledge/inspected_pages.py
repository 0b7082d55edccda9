"""Small pages as the browser would read them, without one: `inspected(html)` takes what can be known from markup alone.

A page may say where things stand with `data-box="x y width height"`; otherwise everything stands in one column, a line each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from lxml import html as markup  # type: ignore[import-untyped]

from gleanery.errors import EmptyPage
from gleanery.knowledge.extract import extract_page
from gleanery.knowledge.meaning import NOTHING_FOUND, MainContent, meaning_of
from gleanery.model.parses import (
    Box,
    Dom,
    Form,
    Frame,
    Head,
    Heading,
    Inspected,
    InteractiveElement,
    Landmark,
    Locator,
    Meaning,
    Navigation,
    Option,
    Size,
)

_LINE = 30.0
_WIDTH = 1280
_LANDMARKS = {"nav": "navigation", "main": "main", "aside": "complementary", "search": "search"}
_ROLES = frozenset(
    "banner navigation main complementary contentinfo search form region dialog alertdialog".split()  # noqa: SIM905
)
_SECTIONS = frozenset({"article", "aside", "main", "nav", "section"})
_INPUT_ROLES = {
    "checkbox": "checkbox",
    "radio": "radio",
    "submit": "button",
    "button": "button",
    "image": "button",
    "reset": "button",
    "range": "slider",
    "number": "spinbutton",
    "search": "searchbox",
}
_WIDGETS = frozenset(
    "button link checkbox radio switch textbox searchbox combobox listbox slider spinbutton tab menuitem option treeitem".split()  # noqa: SIM905
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SILENT = frozenset({"script", "style", "template", "noscript", "title"})
_HINTED_ANCESTORS = 3


def meaning_of_html(text: str, url: str = "https://site.example/page", status: int = 200) -> Meaning:
    """What the rules make of a page with this markup."""
    navigation = Navigation(url=url, final_url=url, status=status, content_type="text/html")
    return meaning_of(inspected(text, url), navigation, main_content(text, url))


def main_content(text: str, url: str) -> MainContent:
    try:
        return MainContent.of(extract_page(text, url))
    except EmptyPage:
        return NOTHING_FOUND


def inspected(text: str, url: str = "https://site.example/page") -> Inspected:
    root = markup.document_fromstring(text)
    walk = _Walk(root, url)
    walk.below(root, None, None, is_visible=True)
    elements = tuple(walk.elements)
    return Inspected(
        head=_head(root, url),
        dom=Dom(
            element_count=sum(1 for _ in root.iter()),
            landmarks=tuple(walk.landmarks.values()),
            headings=tuple(walk.headings),
            frames=(Frame(frame_id="f0", parent_id=None, url=url), *walk.frames),
        ),
        elements=elements,
        element_count=len(elements),
        forms=tuple(walk.all_forms()),
        viewport=Size(width=_WIDTH, height=720),
        page_size=Size(width=_WIDTH, height=max(720, int(walk.y))),
        notes=(),
    )


@dataclass
class _Walk:
    root: Any
    url: str
    elements: list[InteractiveElement] = field(default_factory=list)
    landmarks: dict[str, Landmark] = field(default_factory=dict)
    headings: list[Heading] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    forms: dict[Any, Form] = field(default_factory=dict)
    y: float = 0.0

    def below(self, parent: Any, landmark_id: str | None, form: Any, *, is_visible: bool) -> None:
        for node in parent:
            if isinstance(node.tag, str) and node.tag not in _SILENT:
                self.node(node, landmark_id, form, is_visible=is_visible and not _is_hidden(node))

    def node(self, node: Any, landmark_id: str | None, form: Any, *, is_visible: bool) -> None:
        role = _landmark_role(node) if is_visible else None
        if role is not None:
            landmark_id = self._landmark(node, role)
        if node.tag == "form":
            form = node
            self._form(node)
        if node.tag in _HEADINGS and is_visible:
            level = _HEADINGS[node.tag]
            self.headings.append(
                Heading(level=level, text=_text(node), landmark_id=landmark_id, box=_box(node, self.y))
            )
        if node.tag == "iframe":
            source = urljoin(self.url, node.get("src") or "about:blank")
            self.frames.append(Frame(frame_id=f"f{len(self.frames) + 1}", parent_id="f0", url=source, is_read=False))
        widget = _role(node)
        before = self.y
        if widget is not None:
            self._element(node, widget, landmark_id, form, is_visible=is_visible)
        elif node.text and node.text.strip():
            self.y += _LINE * (1 + len(node.text) // 120)
        if widget is None or node.tag in ("a", "label"):
            self.below(node, landmark_id, form, is_visible=is_visible)
        if role is not None and landmark_id is not None:
            self._close(node, landmark_id, before)

    def _landmark(self, node: Any, role: str) -> str:
        landmark_id = f"l{len(self.landmarks) + 1}"
        self.landmarks[landmark_id] = Landmark(landmark_id=landmark_id, role=role, name=_label(node, self.root))
        return landmark_id

    def _close(self, node: Any, landmark_id: str, start: float) -> None:
        width = 250.0 if node.tag == "aside" else float(_WIDTH)
        box = _told_box(node) or Box(x=0, y=start - 1, width=width, height=self.y - start + 2)
        links = node.findall(".//a[@href]")
        known = self.landmarks[landmark_id]
        self.landmarks[landmark_id] = known.model_copy(
            update={"box": box, "text_characters": len(_text(node)), "link_count": len(links)}
        )

    def _form(self, node: Any) -> None:
        self.forms[node] = Form(
            form_id=f"form{len(self.forms) + 1}",
            name=node.get("aria-label") or node.get("name") or node.get("id") or "",
            action=urljoin(self.url, node.get("action")) if node.get("action") else None,
            method=(node.get("method") or "get").lower(),
            heading=_form_heading(node),
        )

    def _element(self, node: Any, role: str, landmark_id: str | None, form: Any, *, is_visible: bool) -> None:
        element_id = f"e{len(self.elements) + 1}"
        box = _box(node, self.y)
        self.y += _LINE if is_visible else 0.0
        owner = self._owner(node, role, form)
        kind = (node.get("type") or "text").lower() if node.tag == "input" else node.get("type")
        options = tuple(
            Option(label=_text(each), value=each.get("value") or _text(each)) for each in node.findall(".//option")
        )
        self.elements.append(
            InteractiveElement(
                element_id=element_id,
                role=role,
                name=_name(node, self.root),
                description=node.get("title") or "",
                tag=node.tag,
                input_type=kind,
                value=node.get("value") if kind != "password" else None,
                placeholder=node.get("placeholder"),
                href=_resolved(self.url, node.get("href")) if node.get("href") is not None else None,
                rel=node.get("rel"),
                autocomplete=node.get("autocomplete"),
                field_name=node.get("name"),
                html_id=node.get("id"),
                hints=_hints(node),
                states={"current": True} if node.get("aria-current") not in (None, "false") else {},
                is_required=node.get("required") is not None,
                is_visible=is_visible,
                is_enabled=node.get("disabled") is None,
                is_in_viewport=is_visible and box.y < 720,
                options=options[:100],
                option_count=len(options),
                form_id=owner,
                landmark_id=landmark_id,
                box=box if is_visible else None,
                locator=Locator(selector=f"#{element_id}"),
            )
        )
        if owner is not None:
            self._join(owner, element_id, node, role)

    def _owner(self, node: Any, role: str, form: Any) -> str | None:
        """Fields that belong to no form are one group together with the buttons beside them."""
        if form is not None:
            return self.forms[form].form_id
        group = None if role in ("link", "tab", "menuitem") else _group(node, role)
        if group is None:
            return None
        if group not in self.forms:
            heading = _form_heading(group)
            form_id = f"form{len(self.forms) + 1}"
            self.forms[group] = Form(
                form_id=form_id, name=group.get("aria-label") or "", is_implicit=True, heading=heading
            )
        return self.forms[group].form_id

    def _join(self, form_id: str, element_id: str, node: Any, role: str) -> None:
        key = next(key for key, form in self.forms.items() if form.form_id == form_id)
        form = self.forms[key]
        is_submit = role == "button" and (node.get("type") or "submit") not in ("reset",)
        if is_submit and (node.tag != "input" or node.get("type") in ("submit", "image", "button")):
            self.forms[key] = form.model_copy(update={"submit_ids": (*form.submit_ids, element_id)})
        elif role not in ("link", "button"):
            self.forms[key] = form.model_copy(update={"field_ids": (*form.field_ids, element_id)})

    def all_forms(self) -> Iterator[Form]:
        return (form for form in self.forms.values() if form.field_ids or form.submit_ids)


def _resolved(url: str, href: str) -> str:
    try:
        return urljoin(url, href)
    except ValueError:
        return href  # as browsers do


def _group(node: Any, role: str) -> Any:
    """The nearest ancestor that holds a field; of a button only one that is near."""
    for distance, ancestor in enumerate(node.iterancestors()):
        if ancestor.tag in ("body", "html", "main", "form") or (role == "button" and distance > 1):
            return None
        fields = [each for each in ancestor.iter("input", "textarea", "select") if each.get("type") != "hidden"]
        buttons = list(ancestor.iter("button"))
        if fields and (buttons or (role != "button" and len(fields) > 1)):
            return ancestor
    return None


def _role(node: Any) -> str | None:
    told = node.get("role")
    if told in _WIDGETS:
        return str(told)
    if node.tag == "a" and node.get("href") is not None:
        return "link"
    if node.tag in ("button", "summary"):
        return "button"
    if node.tag == "input":
        kind = (node.get("type") or "text").lower()
        return None if kind == "hidden" else _INPUT_ROLES.get(kind, "textbox")
    if node.tag == "select":
        return "combobox"
    if node.tag == "textarea" or node.get("contenteditable") == "true":
        return "textbox"
    return "button" if node.get("onclick") is not None else None


def _landmark_role(node: Any) -> str | None:
    told = node.get("role")
    if told in _ROLES:
        return str(told)
    if node.tag in _LANDMARKS:
        return _LANDMARKS[node.tag]
    if node.tag in ("header", "footer") and not any(each.tag in _SECTIONS for each in node.iterancestors()):
        return "banner" if node.tag == "header" else "contentinfo"
    if node.tag == "dialog" and node.get("open") is not None:
        return "dialog"
    is_named = node.get("aria-label") or node.get("aria-labelledby")
    if is_named and node.tag in ("section", "form"):
        return "region" if node.tag == "section" else "form"
    return None


def _is_hidden(node: Any) -> bool:
    style = (node.get("style") or "").replace(" ", "")
    is_closed = node.tag == "dialog" and node.get("open") is None
    return is_closed or node.get("hidden") is not None or "display:none" in style or node.get("aria-hidden") == "true"


def _name(node: Any, root: Any) -> str:
    named = _label(node, root)
    if named:
        return named
    if node.tag in ("input", "textarea", "select"):
        if (node.get("type") or "") in ("submit", "button", "reset"):
            return str(node.get("value") or node.get("title") or {"submit": "Submit"}.get(node.get("type"), ""))
        html_id = node.get("id")
        labels = [each for each in root.iter("label") if html_id and each.get("for") == html_id]
        labels += list(node.iterancestors("label"))
        text = " ".join(_text(each, without=node) for each in labels)
        return text or node.get("alt") or node.get("title") or node.get("placeholder") or ""
    images = " ".join(each.get("alt") or "" for each in node.iter("img"))
    return " ".join(f"{_text(node)} {images}".split()) or node.get("title") or ""


def _label(node: Any, root: Any) -> str:
    if node.get("aria-label"):
        return str(node.get("aria-label")).strip()
    ids = (node.get("aria-labelledby") or "").split()
    return " ".join(_text(each) for html_id in ids for each in root.iter() if each.get("id") == html_id)


def _form_heading(node: Any) -> str:
    """What it is headed with: inside, or right before it."""
    for each in node.iter("legend", *_HEADINGS):
        return _text(each)
    at = node
    for _ in range(3):
        before = at.getprevious()
        while before is not None:
            if before.tag in _HEADINGS:
                return _text(before)
            before = before.getprevious()
        at = at.getparent()
        if at is None or at.tag in ("body", "main"):
            break
    return ""


def _hints(node: Any) -> str:
    nodes = [node, *list(node.iterancestors())[:_HINTED_ANCESTORS]]
    return " ".join(
        f"{each.get('class') or ''} {each.get('id') or ''}" for each in nodes if each.tag not in ("body", "html")
    ).strip()


def _text(node: Any, without: Any = None) -> str:
    if without is not None and without.tag in ("select", "textarea"):
        own = [each.text_content() for each in node.iterchildren(tag="*") if each is not without]
        return " ".join(" ".join((node.text or "", *own, *(each.tail or "" for each in node.iterchildren()))).split())
    return " ".join(node.text_content().split())


def _told_box(node: Any) -> Box | None:
    told = node.get("data-box")
    if told is None:
        return None
    x, y, width, height = map(float, told.split())
    return Box(x=x, y=y, width=width, height=height)


def _box(node: Any, y: float) -> Box:
    return _told_box(node) or Box(x=20, y=y, width=8.0 * max(4, len(_text(node))), height=24)


def _head(root: Any, url: str) -> Head:
    meta: dict[str, str] = {}
    social: dict[str, str] = {}
    for each in root.iter("meta"):
        name = (each.get("name") or each.get("property") or "").lower()
        if name:
            (social if name.startswith("og:") else meta)[name] = each.get("content") or ""
    title = next((_text(each) for each in root.iter("title")), "")
    data = []
    for each in root.iter("script"):
        if each.get("type") == "application/ld+json":
            try:
                data.append(json.loads(each.text or ""))
            except ValueError:
                continue
    html = next(iter(root.iter("html")), root)
    return Head(title=title, language=html.get("lang"), meta=meta, open_graph=social, json_ld=tuple(data))
