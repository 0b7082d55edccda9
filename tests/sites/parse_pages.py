"""Pages to be parsed: one for each kind of thing that is read of a page, with the traps that go with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.sites import Site
from tests.sites.written import HTML, Answer, Answers, written_site


def page(body: str, *, head: str = "", attributes: str = 'lang="en"') -> str:
    return (
        f'<!doctype html><html {attributes}><head><meta charset="utf-8"><title>A page</title>{head}</head>'
        f"<body>{body}</body></html>"
    )


CONTROLS = page(
    """
<form id="order" action="/order?x=1" method="post" aria-label="Order"><h2>Your order</h2>
 <label>Plain <input name="plain" value="some text" required placeholder="Say it" title="A hint"></label>
 <label>Mail <input type="email" name="mail" aria-describedby="mail-help" aria-invalid="true"></label>
 <span id="mail-help">We never write.</span>
 <label>Secret <input type="password" name="secret" value="hunter2"></label>
 <label>Card <input name="card" autocomplete="section-a cc-number" value="4111111111111111"></label>
 <label>Dotted <input name="dotted" style="-webkit-text-security: disc" value="1234"></label>
 <label>Many <textarea name="many" readonly>one
two</textarea></label>
 <label>One of <select name="one"><option value="a">Apples<option value="b" selected>Pears<option disabled>Figs</select></label>
 <label>Some of <select name="some" multiple size="3"><option selected>x<option selected>y<option>z</select></label>
 <label>Listed <input name="listed" list="list"></label><datalist id="list"><option value="l1">First</datalist>
 <label><input type="checkbox" name="yes" value="on1" checked> Yes</label>
 <label><input type="checkbox" name="maybe" id="maybe"> Maybe</label>
 <label><input type="radio" name="size" value="s"> Small</label>
 <label><input type="radio" name="size" value="l" checked> Large</label>
 <label>Amount <input type="number" name="amount" value="3"></label>
 <label>Volume <input type="range" name="volume" value="40"></label>
 <label>Day <input type="date" name="day" value="2026-01-31"></label>
 <label>Paint <input type="color" name="paint" value="#ff0000"></label>
 <label>Letter <input type="file" name="letter"></label>
 <input type="hidden" name="token" value="t">
 <fieldset disabled><label>Barred <input name="barred"></label></fieldset>
 <input type="image" alt="Picture" src="data:," name="picture">
 <button type="reset">Clear</button><button>Send</button>
</form>
<input form="order" aria-label="Far away" name="far">
<a href="/next#part">A link</a> <a>No link</a><a name="anchor"></a>
<map name="m"><area href="/area" alt="An area" coords="0,0,50,50"></map><img usemap="#m" width="100" height="50" alt="Map">
<svg width="60" height="20"><a href="/drawn"><text y="15">Drawn link</text></a></svg>
<details><summary>More</summary><button>Folded away</button></details>
<details open><summary>Less</summary><button>Unfolded</button></details>
<div contenteditable="true" aria-label="Editor"><b>bold</b> text</div>
<div role="button foo" aria-pressed="mixed" tabindex="0">Toggle</div>
<div role="switch" aria-checked="true" tabindex="0">Light</div>
<ul role="tablist"><li role="tab" aria-selected="true">Tab one</li></ul>
<ul role="menu"><li role="menuitem" aria-haspopup="true" aria-expanded="false">File</li></ul>
<div role="slider" aria-valuenow="7" aria-label="Dial" tabindex="0"></div>
<div role="combobox" aria-controls="box" aria-label="Choose" tabindex="0">Now</div>
<ul id="box" role="listbox" aria-label="Choices"><li role="option" data-value="n" aria-selected="true">Now<li role="option">Then</ul>
<div onclick="void 0">Clicked</div>
<div style="cursor: pointer">Pointed at</div>
<div style="cursor: pointer"><a href="/inner">Card link</a></div>
<div tabindex="0">Reached by tab</div><div tabindex="-1">Not reached</div>
<div aria-disabled="true"><button>Greyed</button></div>
<button style="opacity: 0">Unseen</button>
<button style="visibility: hidden">Not there</button><button style="display: none">Neither</button>
<div aria-hidden="true"><button>Silent</button></div><div inert><button>Inert</button></div>
<a href="#skip" style="position: absolute; left: -9999px">Skip</a>
<div style="height: 0; overflow: hidden"><button>Collapsed</button></div>
<div style="height: 20px; overflow: auto"><p style="height: 100px"></p><button>Scrolled to</button></div>
<button style="position: absolute; width: 1px; height: 1px; overflow: hidden; clip: rect(0 0 0 0)">For readers</button>
<video controls width="200" height="60" aria-label="Film"></video>
<div style="height: 2000px"></div><button autofocus>Far below</button>
<script>document.querySelector('#maybe').indeterminate = true;</script>
"""
)

PARTS = page(
    """
<header><a href="/">Home</a><nav aria-label="Site"><a href="/a">A</a><a href="/b">B</a></nav></header>
<main><h1>Title ¶</h1>
 <article><header>Not a banner</header><h2>Part <em>one</em></h2><section>no name</section>
 <section aria-label="Named"><div role="heading" aria-level="4">By role</div></section>
 <h3 style="display: none">Gone</h3><aside><a href="/c">C</a></aside></article>
 <form><input aria-label="In a form without a name"></form><form aria-label="Ask"><input aria-label="Q"></form>
 <search><input aria-label="Find"></search>
 <table><caption>Sales</caption>
  <thead><tr><th rowspan="2">Town</th><th colspan="2">Sales</th></tr><tr><th>2024</th><th>2025</th></tr></thead>
  <tr><td rowspan="2">Ulm</td><td>1</td><td>2</td></tr><tr><td colspan="2">none</td></tr>
  <tr><td>Bonn<script>no()</script></td><td>3</td></tr></table>
 <table role="presentation"><tr><td>Laid</td><td>out</td></tr><tr><td>on</td><td>a table</td></tr></table>
 <table><tr><td><table><tr><th>k</th><td>v</td></tr><tr><th>l</th><td>w</td></tr></table></td></tr><tr><td>x</td></tr></table>
 <div role="table" aria-label="By roles"><div role="row"><b role="columnheader">H</b></div>
  <div role="row"><b role="cell">D</b></div></div>
 <section><h2>Loose</h2><input aria-label="Loose field"><button>Loose button</button></section>
</main>
<footer>End</footer>
""",
    head="""
<meta name="description" content=" What
 it is "><meta property="og:title" content="Shared"><meta name="robots" content="noindex">
<link rel="canonical" href="/parts"><link rel="shortcut icon" href="/i.png">
<link rel="alternate" hreflang="de" href="/de"><link rel="alternate" type="application/rss+xml" href="/feed" title="News">
<script type="application/ld+json">{"@type": "Thing", "name": "half \\ud800 char", "n": [1, null]}</script>
<script type="application/ld+json">{broken</script>
""",
    attributes='lang="en-GB" dir="ltr"',
)

LOCATORS = page(
    """
<style>button, a, input, x-box, svg { margin: 2px }</style>
<button id="plain">by id</button><button id="1st one">digits and a space</button><button id="a.b:c[d]">punctuation</button>
<button id="ünï-✓">letters</button><button id='quo"te'>quote</button><button id="back\\slash">backslash</button>
<button id="twice">first twin</button><button id="twice">second twin</button>
<button id="ember1234" data-testid="test-me">by test id</button><button id=":r7:">generated</button>
<button id="radix-:r3:">also generated</button>
<input name="a'b&quot;c" value="name with quotes"><input name="x >> y"><input name="`tick">
<input type="radio" name="r" value="1"><input type="radio" name="r" value="2"><input type="radio" name="r">
<button aria-label="labelled">l</button><button aria-label="same">s1</button><button aria-label="same">s2</button>
<button title="line
break">odd attribute</button><button title="text=engine">looks like an engine</button>
<a href="/one?a=1&amp;b=2">href</a><a href="/two">two in body</a><nav><a href="/two">two in nav</a></nav>
<a href="/dup">d1</a><a href="/dup">d2</a><a href="javascript:void(0)">js1</a><a href="javascript:void(0)">js2</a>
<ul><li><button>p1</button></li><li><button>p2</button><button>p3</button></li></ul>
<div id="anchor"><p><button>anchored</button></p></div>
<svg width="200" height="40"><a href="/svg"><text y="20">svg</text></a><foreignObject width="90" height="30" x="60">
 <button xmlns="http://www.w3.org/1999/xhtml">foreign</button></foreignObject><a><text tabindex="0" y="38">t1</text></a></svg>
<o:p tabindex="0">prefixed</o:p><x-box><button slot="s">light</button><button>light two</button></x-box>
<x-box id="second"></x-box>
<form><input name="id" aria-label="clobbers id"><input name="parentNode" aria-label="clobbers parent">
 <input name="getAttribute" aria-label="clobbers getAttribute"><input name="children"><button>in the trap</button></form>
<script>
for (const host of document.querySelectorAll('x-box')) {
  const root = host.attachShadow({mode: 'open'});
  root.innerHTML = '<div><button>shady</button><button id="plain2">shady id</button></div><button>top</button>'
    + '<slot name="s"></slot><slot></slot><x-deep></x-deep>';
  const deep = root.querySelector('x-deep').attachShadow({mode: 'open'});
  deep.innerHTML = '<p><a href="/deep">deep</a></p><input name="deep-input">';
}
</script>
"""
)

XHTML = """<?xml version="1.0" encoding="utf-8"?>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:v="urn:v" xml:lang="fr"><head><title>X</title></head>
<body><p><button>lower</button></p><v:Thing tabindex="0">not html</v:Thing><div id="d" onclick="1">clicked</div>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="90" height="20">
<a xlink:href="/old"><text y="15">old link</text></a></svg></body></html>"""

CLOBBERED = page(
    """
<img name="documentElement"><img name="body"><img name="querySelectorAll"><form name="title"></form>
<form name="activeElement"></form><iframe name="getElementById" hidden></iframe>
<h1>Still read</h1><button>Still found</button>
<script>
Element.prototype.getAttribute = () => 'lie'; Element.prototype.querySelectorAll = () => { throw 1; };
Object.defineProperty(Element.prototype, 'computedName', {get: () => 'a lie'});
JSON.stringify = () => 'lie'; Array.prototype.push = () => { throw 2; }; Map.prototype.get = () => 'lie';
Document.prototype.querySelectorAll = () => []; window.getComputedStyle = () => ({display: 'none'});
</script>
"""
)

MODAL = page(
    "<a href='/behind'>Behind</a><dialog><button>In front</button></dialog>"
    "<script>document.querySelector('dialog').showModal()</script>"
)

TREE = page(
    """
<div><div><main><div><h1>The <em>title</em></h1></div><p>Some <b>text</b> <a href="/x">a <i>link</i></a> in parts</p>
<ul><li>one</li><li><span>two</span></li></ul><div></div><p style="visibility: hidden">unseen</p><p aria-hidden="true">mute</p>
<img alt="A picture" src="data:,"><script>no()</script><p></p>
<x-card><template shadowrootmode="open"><p>in the shade</p><slot></slot></template><p>in the light</p></x-card></main></div></div>
"""
)

INNER = page(
    "<h2>Inside</h2><label>Inner field <input name='q'></label><button>Inner button</button><div style='height: 900px'></div>"
)
DEEPER = page("<p><iframe src='/inner' style='border: 3px solid; padding: 5px' width='300' height='100'></iframe></p>")
# Each thing of a colour is a button of that name, in one place of its own.
_PAINT = """<style>button { border: 0; color: transparent; width: 60px; height: 20px; padding: 0; margin: 5px; display: block;
 border-radius: 0; outline: 0 } iframe { border: 7px solid black; padding: 11px; margin: 20px }</style>"""


def painted(body: str, attributes: str = "") -> str:
    buttons = body
    for name in PAINTS:
        buttons = buttons.replace(f"<{name}>", f"<{name} style=''>")
        buttons = buttons.replace(f"<{name} style='", f"<button style='background: {name}; ")
        buttons = buttons.replace(f"</{name}>", f"{name}</button>")
    return page(_PAINT + buttons, attributes=attributes)


PAINTS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "cyan": (0, 255, 255)}
PAINTED = {
    "tall": painted("<red></red><div style='height: 3000px'></div><lime></lime>"),
    "scrolled": painted(
        "<red></red><div style='height: 500px'></div><lime></lime><div style='height: 3000px'></div>"
        "<script>scrollTo(0, 450)</script>"
    ),
    "fixed": painted(
        "<red style='position: fixed; bottom: 10px; right: 10px'></red><lime style='position: sticky; top: 0'></lime>"
        "<blue style='position: fixed; top: 40px; left: 300px'></blue><div style='height: 3000px'></div>"
        "<script>scrollTo(0, 450)</script>"
    ),
    "viewport-heights": painted(
        "<div style='height: 100vh'></div><red></red><div style='height: 100vh'></div><lime></lime>"
    ),
    "right-to-left": painted(
        "<red></red><div style='width: 2500px; height: 20px'></div><lime style='margin-right: 2000px'></lime>",
        'dir="rtl"',
    ),
    "wide": painted(
        "<red></red><div style='width: 2500px; height: 20px'></div><lime style='margin-left: 2000px'></lime>"
    ),
    "zoomed": painted("<red></red><div style='zoom: 1.5'><lime></lime></div>", 'style="zoom: 1.25"'),
    "transformed": painted(
        "<red style='transform: translate(50px, 20px) scale(2)'></red><div style='transform: scale(0.5)'><lime></lime></div>"
    ),
    "animated": painted(
        "<style>@keyframes go { from { margin-left: 0 } to { margin-left: 500px } }</style>"
        "<red style='animation: go 30s infinite'></red><lime style='animation: go 30s forwards'></lime>"
    ),
    "framed": painted(
        "<div style='height: 300px'></div><red></red><iframe src='/painted/inner'></iframe>"
        "<div style='height: 2000px'></div><script>scrollTo(0, 200)</script>"
    ),
    "scaled-frame": painted(
        "<red></red><iframe src='/painted/inner' style='transform: scale(0.75); zoom: 1.2'></iframe>"
    ),
    "other-frame": painted("<red></red><iframe src='{other}/painted/inner'></iframe>"),
}
PAINTED_INNER = painted(
    "<div style='height: 30px'></div><blue></blue><script>scrollTo(0, 10)</script><div style='height: 900px'></div>"
)

FRAMES = page(
    """
<h1>Frames</h1><button>Outer</button>
<iframe id="one" name="one" title="First" src="/inner" width="400" height="150"
 style="border: 7px solid; padding: 11px; margin: 20px"></iframe>
<iframe src="/deeper" style="transform: scale(0.5); transform-origin: 0 0; border: 4px solid" width="500" height="200"></iframe>
<iframe srcdoc="<button>Written in place</button>" sandbox></iframe>
<iframe src="{other}/inner" title="Elsewhere"></iframe>
<iframe src="/inner" style="display: none"></iframe>
<iframe src="/refuses" title="Refuses"></iframe>
<x-holder></x-holder><h2>After</h2>
<script>
document.querySelector('x-holder').attachShadow({mode: 'open'}).innerHTML = '<iframe src="/inner" width="200" height="90"></iframe>';
</script>
"""
)


@asynccontextmanager
async def parse_site(other: str = "") -> AsyncIterator[Site]:
    """`other` is the address of another site, framed by this one."""
    answers: Answers = {
        "/controls": CONTROLS,
        "/parts": PARTS,
        "/locators": LOCATORS,
        "/xhtml": Answer(XHTML, "application/xhtml+xml"),
        "/clobbered": CLOBBERED,
        "/modal": MODAL,
        "/tree": TREE,
        **{f"/painted/{name}": text.replace("{other}", other) for name, text in PAINTED.items()},
        "/painted/inner": PAINTED_INNER,
        "/inner": INNER,
        "/deeper": DEEPER,
        "/frames": FRAMES.replace("{other}", other),
        "/refuses": Answer(page("no"), HTML, headers={"X-Frame-Options": "DENY"}),
    }
    async with written_site(answers) as site:
        yield site
