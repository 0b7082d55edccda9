"""A parsed page: what a browser saw of it, and what it means. One set of models, since the page's own scripts, the store and
clients meet it as the same JSON.

All lengths and places are CSS pixels from the top left corner of the page, which are the pixels of its screenshot too.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

State = bool | Literal["mixed"]
Evidence = Literal["control", "role", "editable", "onclick", "focus", "listener", "pointer"]


class Value(BaseModel):
    """Frozen, and knows no field beyond its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class Size(Value):
    width: int = Field(ge=0)
    height: int = Field(ge=0)


class Box(Value):
    x: float
    y: float
    width: float = Field(ge=0)
    height: float = Field(ge=0)


class Locator(Value):
    """How an element is found again: `frames` are CSS selectors of the iframes that lead to it, from the outside, `selector` is
    a CSS selector that goes into open shadow roots, as Playwright's `locator` does. Both were tried: they find it, and it alone.
    `by` is what it goes by."""

    selector: str
    frames: tuple[str, ...] = ()
    by: Literal["id", "test_id", "name", "label", "attribute", "path"] = "path"


class Option(Value):
    """A choice of a select, a list box, or an input with a data list."""

    label: str
    value: str
    is_selected: bool = False
    is_enabled: bool = True


class InteractiveElement(Value):
    """Something that a user can act on. `role` and `name` are those of the browser's accessibility tree. `value` is what stands
    in it, never a password. `states` has those of ARIA that it has: checked, selected, expanded, pressed, readonly, invalid,
    busy, multiline, multiselectable, focused, haspopup, current. `options` are the first of them, `option_count` says how
    many there are. `evidence` is what says that it can be acted on: it is a control of HTML, has the role of one, can be written
    in, has an `onclick`, can have the focus, a script listens there for clicks and the like, or it shows the hand of the mouse and
    nothing more. `is_in_viewport` is as the page stood when it was parsed, not scrolled. `shown_box` is the part of `box` that
    the screenshot shows where the rest is scrolled out of something, of no size where all of it is; unset: all of it is shown.
    `autocomplete`, `field_name`, `html_id` and `rel` are the attributes as they stand (`field_name` is `name`, or `ng-model` and
    the like). `hints` are class names and ids of the element and its nearest ancestors, for the rules alone: they are not kept."""

    element_id: str = Field(description="`e1`, `e2`, … in the order of the document.")
    frame_id: str = "f0"
    role: str
    name: str
    description: str = ""
    tag: str
    evidence: Evidence = "control"
    input_type: str | None = None
    value: str | None = None
    placeholder: str | None = None
    href: str | None = None
    rel: str | None = None
    autocomplete: str | None = None
    field_name: str | None = None
    html_id: str | None = None
    hints: str = Field("", exclude=True)
    states: Mapping[str, State] = Field(default_factory=dict)
    is_required: bool = False
    is_visible: bool
    is_enabled: bool
    is_in_viewport: bool
    options: tuple[Option, ...] = ()
    option_count: int = 0
    form_id: str | None = None
    landmark_id: str | None = None
    box: Box | None = None
    shown_box: Box | None = None
    locator: Locator


class Landmark(Value):
    """A region of the page by ARIA: banner, navigation, main, complementary, contentinfo, search, form, region, and the dialogs
    that stand open: dialog, alertdialog."""

    landmark_id: str
    frame_id: str = "f0"
    role: str
    name: str = ""
    box: Box | None = None
    text_characters: int = 0
    link_count: int = 0


class Heading(Value):
    level: int = Field(ge=1, le=6)
    text: str
    frame_id: str = "f0"
    landmark_id: str | None = None
    box: Box | None = None


class Frame(Value):
    """`f0` is the page itself. `reason` says why another one could not be looked into."""

    frame_id: str
    parent_id: str | None
    url: str
    name: str = ""
    title: str = ""
    box: Box | None = None
    is_read: bool = True
    reason: str | None = None


class Node(Value):
    """An element of the compact tree: wrappers that say nothing are left out. `attributes` are those that help to understand
    it, `text` its own, cut. A shadow root is a node with the tag `#shadow-root`, a frame's document one with `#document`."""

    tag: str
    role: str | None = None
    name: str | None = None
    attributes: Mapping[str, str] = Field(default_factory=dict)
    text: str = ""
    element_id: str | None = None
    children: tuple[Node, ...] = ()


class Dom(Value):
    """`element_count` counts all elements of the page, its frames and shadow roots; `tree` is there when it was asked for."""

    element_count: int
    depth: int = 0
    shadow_root_count: int = 0
    landmarks: tuple[Landmark, ...] = ()
    headings: tuple[Heading, ...] = ()
    frames: tuple[Frame, ...] = ()
    tree: Node | None = None
    is_cut: bool = False


class Form(Value):
    """A form as it stands in the page, or a group of fields that belongs to none (`is_implicit`). Ids are those of elements."""

    form_id: str
    frame_id: str = "f0"
    name: str = ""
    action: str | None = None
    method: str = "get"
    is_implicit: bool = False
    field_ids: tuple[str, ...] = ()
    submit_ids: tuple[str, ...] = ()
    heading: str = ""
    box: Box | None = None


class Table(Value):
    """A table of data, its cells as plain text. `row_count` and `column_count` are those of the page, `rows` the first of them."""

    caption: str = ""
    headers: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    row_count: int = 0
    column_count: int = 0
    frame_id: str = "f0"
    box: Box | None = None
    is_cut: bool = False


class Head(Value):
    """What the document says of itself. `meta` has names and properties, without those of `open_graph` (`og:…`)."""

    title: str = ""
    language: str | None = None
    direction: Literal["ltr", "rtl"] = "ltr"
    charset: str = ""
    canonical: str | None = None
    icon: str | None = None
    meta: Mapping[str, str] = Field(default_factory=dict)
    open_graph: Mapping[str, str] = Field(default_factory=dict)
    json_ld: tuple[Any, ...] = ()
    alternates: tuple[Mapping[str, str], ...] = ()


class Inspected(Value):
    """What is read of a page that is open: everything but what it means and how it got there."""

    head: Head
    dom: Dom
    elements: tuple[InteractiveElement, ...] = ()
    element_count: int = Field(0, description="Interactive elements of the page; `elements` has the first of them.")
    forms: tuple[Form, ...] = ()
    tables: tuple[Table, ...] = ()
    viewport: Size
    page_size: Size
    notes: tuple[str, ...] = Field((), description="What was bounded, or could not be read, in words.")


class ConsoleMessage(Value):
    level: Literal["error", "warning"]
    text: str
    url: str | None = None
    line: int | None = None


class FailedRequest(Value):
    url: str
    kind: str = Field(description="What it was for: document, script, image, fetch, …")
    reason: str
    status: int | None = None


class DialogSeen(Value):
    """A question that the page asked, and how it was answered: nobody is there to ask."""

    kind: Literal["alert", "confirm", "prompt", "beforeunload", "print", "permission"]
    message: str
    answer: str


class Incidents(Value):
    """What happened while the page was open."""

    console: tuple[ConsoleMessage, ...] = ()
    console_count: int = 0
    failed_requests: tuple[FailedRequest, ...] = ()
    failed_request_count: int = 0
    dialogs: tuple[DialogSeen, ...] = ()
    popups: tuple[str, ...] = ()
    downloads: tuple[str, ...] = ()
    request_count: int = 0
    bytes_received: int = 0


class Navigation(Value):
    """How the page came: the document that is shown, and the URLs on the way there. `redirects` are without the
    route that a script draws."""

    url: str
    final_url: str
    status: int
    content_type: str = ""
    redirects: tuple[str, ...] = ()
    headers: Mapping[str, str] = Field(default_factory=dict)
    user_agent: str = ""


class PageKind(StrEnum):
    """What a page is for, as a whole."""

    ARTICLE = "article"
    DOCUMENTATION = "documentation"
    LISTING = "listing"
    SEARCH_RESULTS = "search_results"
    PRODUCT = "product"
    LOGIN = "login"
    SIGN_UP = "sign_up"
    FORM = "form"
    CHECKOUT = "checkout"
    HOME = "home"
    DASHBOARD = "dashboard"
    MEDIA = "media"
    DISCUSSION = "discussion"
    ERROR = "error"
    CHALLENGE = "challenge"
    OTHER = "other"


class FormPurpose(StrEnum):
    LOGIN = "login"
    SIGN_UP = "sign_up"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a purpose, not a password
    SEARCH = "search"
    FILTER = "filter"
    NEWSLETTER = "newsletter"
    CONTACT = "contact"
    COMMENT = "comment"
    CHECKOUT = "checkout"
    PAYMENT = "payment"
    UPLOAD = "upload"
    SETTINGS = "settings"
    CONSENT = "consent"
    OTHER = "other"


class FieldMeaning(Value):
    """A field of a form. `purpose` is a token of HTML's autofill detail (`email`, `current-password`, `street-address`, …)
    or `search`, `quantity`, `subject`, `message`, `file`, `captcha`, `coupon`, `remember-me`, `consent`, `sort`, `date`, `iban`,
    `house-number`, `other`."""

    element_id: str
    label: str
    purpose: str
    is_required: bool = False


class FormMeaning(Value):
    form_id: str
    purpose: FormPurpose
    confidence: float = Field(ge=0, le=1)
    fields: tuple[FieldMeaning, ...] = ()
    submit_id: str | None = None
    reasons: tuple[str, ...] = ()


class Link(Value):
    label: str
    href: str
    element_id: str | None = None
    is_current: bool = False


class NavigationMenu(Value):
    """`kind`: the site's main menu, one of the section, the page's own contents, breadcrumbs, the footer's, links that skip."""

    kind: Literal["primary", "section", "contents", "breadcrumbs", "footer", "skip", "other"]
    name: str = ""
    landmark_id: str | None = None
    links: tuple[Link, ...] = ()
    link_count: int = 0


class Pagination(Value):
    current: int | None = None
    total: int | None = None
    previous: Link | None = None
    next: Link | None = None
    pages: tuple[Link, ...] = ()
    has_more_button: bool = False


class CallToAction(Value):
    element_id: str
    label: str
    is_primary: bool
    reasons: tuple[str, ...] = ()


class Region(Value):
    """A part of the page that a person would point at. `kind`: header, navigation, main, sidebar, footer, dialog, banner, search."""

    kind: Literal["header", "navigation", "main", "sidebar", "footer", "dialog", "banner", "search"]
    name: str = ""
    landmark_id: str | None = None
    box: Box | None = None
    summary: str = ""


class Meaning(Value):
    """What the page is about and what can be done on it. `by` says who says so: rules, or rules and a chat model."""

    kind: PageKind
    confidence: float = Field(ge=0, le=1)
    reasons: tuple[str, ...] = ()
    summary: str = ""
    regions: tuple[Region, ...] = ()
    forms: tuple[FormMeaning, ...] = ()
    menus: tuple[NavigationMenu, ...] = ()
    pagination: Pagination | None = None
    calls_to_action: tuple[CallToAction, ...] = ()
    markdown: str = ""
    word_count: int = 0
    by: Literal["rules", "model"] = "rules"
    model: str | None = None
    notes: tuple[str, ...] = ()


class Screenshot(Value):
    """A PNG of the page, a pixel for each CSS pixel. `is_cut`: the page goes on below. Its corner is (`x`, `y`) of the page:
    (0, 0), unless it shows the viewport of a page that was scrolled."""

    width: int
    height: int
    x: int = 0
    y: int = 0
    size_bytes: int
    is_full_page: bool
    is_cut: bool = False


Milliseconds = Annotated[float, Field(ge=0)]


class Timing(Value):
    """How long the steps of a parse took."""

    waiting_ms: Milliseconds = 0.0
    browser_ms: Milliseconds = 0.0
    navigation_ms: Milliseconds = 0.0
    dom_ms: Milliseconds = 0.0
    elements_ms: Milliseconds = 0.0
    meaning_ms: Milliseconds = 0.0
    screenshot_ms: Milliseconds = 0.0


class ParsedPage(Value):
    """All of it, as it is stored and as clients get it."""

    navigation: Navigation
    head: Head
    viewport: Size
    page_size: Size
    dom: Dom
    elements: tuple[InteractiveElement, ...]
    element_count: int
    forms: tuple[Form, ...]
    tables: tuple[Table, ...]
    meaning: Meaning
    screenshot: Screenshot | None
    incidents: Incidents
    timing: Timing
    notes: tuple[str, ...] = ()
