"""The JavaScript that runs in pages: what they find changed when they start, and how their text is taken at the end."""

from __future__ import annotations

import json

# A page can't look for addresses of this network by WebRTC.
_NO_RTC = """
  for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'RTCDataChannel']) {
    try { delete window[name]; } catch {}
  }
"""

# Runs before any script of the page, in every frame. A page has nobody to talk to here: its questions are answered at
# once, and it opens no windows.
PREPARE = (
    """
(() => {
  const nothing = () => undefined;
  for (const [name, value] of Object.entries({
    alert: nothing, confirm: () => false, prompt: () => null, print: nothing, open: () => null,
  })) {
    try { Object.defineProperty(window, name, {value, writable: true, configurable: true}); } catch {}
  }
"""
    + _NO_RTC
    + "})();"
)

# The same for a page that is watched: its questions are told on the console as well, after TOKEN, which no script of the
# page can know; windows are opened, but not without end. What is used is taken before the page can change it.
_PREPARE_WATCHED = (
    """
(() => {
  const token = TOKEN, most = 20, say = console.debug.bind(console);
  const cut = Function.prototype.call.bind(String.prototype.slice);
  const define = Object.defineProperty, apply = Reflect.apply;
  const nothing = () => undefined;
  let told = 0;
  const tell = (kind, message) => {
    if (++told <= most) say(token + kind + '\\n' + cut(message === undefined ? '' : `${message}`, 0, 500));
  };
  const put = (object, name, value) => {
    try { define(object, name, {value, writable: true, configurable: true}); } catch {}
  };
  put(window, 'alert', (message) => { tell('alert', message); });
  put(window, 'confirm', (message) => { tell('confirm', message); return false; });
  put(window, 'prompt', (message) => { tell('prompt', message); return null; });
  put(window, 'print', () => { tell('print'); });
  const open = window.open;
  let opened = 0;
  put(window, 'open', (...wanted) => ++opened <= most ? apply(open, window, wanted) : null);
  const asks = (object, name, what) => {
    const plain = object && object[name];
    if (plain) put(object, name, function (...wanted) {
      tell('permission', typeof what === 'string' ? what : what(...wanted));
      return apply(plain, this, wanted);
    });
  };
  const owner = (name) => window[name] && window[name].prototype;
  asks(window.Notification, 'requestPermission', 'notifications');
  asks(owner('Geolocation'), 'getCurrentPosition', 'geolocation');
  asks(owner('Geolocation'), 'watchPosition', 'geolocation');
  asks(owner('MediaDevices'), 'getUserMedia', (wanted) => wanted && wanted.video ? 'camera' : 'microphone');
  asks(owner('MediaDevices'), 'getDisplayMedia', 'screen');
  asks(owner('Clipboard'), 'read', 'clipboard');
  asks(owner('Clipboard'), 'readText', 'clipboard');
  asks(owner('Navigator'), 'requestMIDIAccess', 'midi');
  asks(owner('StorageManager'), 'persist', 'persistent-storage');
  for (const [name, what] of [['Bluetooth', 'bluetooth'], ['USB', 'usb'], ['Serial', 'serial'], ['HID', 'hid']]) {
    asks(owner(name), name === 'Serial' ? 'requestPort' : 'requestDevice', what);
  }
  // Whether a page wants to keep its reader is known once it has been asked; it is left all the same.
  let leaving = null;
  const left = () => {
    if (leaving && (leaving.defaultPrevented || leaving.returnValue)) tell('beforeunload', leaving.returnValue);
    leaving = null;
  };
  addEventListener('beforeunload', (event) => { leaving = event; setTimeout(left, 0); });
  addEventListener('pagehide', left);
  // Each line of a console costs more to carry than to write. A getter, since the place that is told of a line is that
  // of the function which called it.
  let lines = 0;
  for (const name of ['assert', 'debug', 'dir', 'error', 'info', 'log', 'table', 'trace', 'warn']) {
    let plain = console[name];
    try {
      define(console, name, {
        configurable: true, enumerable: true,
        get: () => ++lines > 300 ? nothing : plain,
        set: (value) => { plain = value; },
      });
    } catch {}
  }
"""
    + _NO_RTC
    + "})();"
)


def prepare_watched(token: str) -> str:
    """Runs before any script of the page, in every frame: its questions are answered at once, and told after `token`."""
    return _PREPARE_WATCHED.replace("TOKEN", json.dumps(token), 1)


# Whether a text is a CSS selector.
IS_SELECTOR = """
(text) => { try { document.createDocumentFragment().querySelector(text); return true; } catch { return false; } }
"""

# What tells a page of content from one that only wants its reader proven human; see `blocked.PageSigns`.
SIGNS = """
() => {
  const body = document.body, text = (body && body.innerText) || '';
  const isSmall = document.getElementsByTagName('*').length < 500;
  const fields = document.querySelectorAll('input:not([type=hidden]), select, textarea:not([name$="-response"])');
  return {
    isBlank: !text.trim() && !(body && body.childElementCount),
    url: location.href, title: document.title.slice(0, 300), text: text.slice(0, 2000), length: text.length,
    fields: fields.length, markup: isSmall ? document.documentElement.outerHTML.slice(0, 50000) : '',
  };
}
"""

# Resolves once nothing was added to the document for `quiet` ms, or after `most` ms.
DOM_QUIET = """
([quiet, most]) => new Promise(resolve => {
  let timer = setTimeout(done, quiet);
  const observer = new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(done, quiet); });
  const end = setTimeout(done, most);
  function done() { observer.disconnect(); clearTimeout(timer); clearTimeout(end); resolve(true); }
  observer.observe(document, {childList: true, subtree: true});
})
"""

# Resolves once the page has been painted anew: what scrolls hears of it with the next frame.
PAINTED = "() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true))))"

# The document as it stands: `html` is null when it is longer than `limit`. Scripts that have run, styles and what is
# only for readers without scripts are left out, of a copy when the page is to be kept; shadow trees are written where
# they are shown (slots filled), in an inert document, so that no custom element comes to life by being copied.
SNAPSHOT = """
([limit, keepsPage]) => {
  const elements = document.getElementsByTagName('*');
  const taken = {url: location.href, type: document.contentType, html: null, isBlank: false};
  if (elements.length > 400000 || !document.documentElement) {
    taken.isBlank = !document.documentElement;
    taken.html = taken.isBlank ? '' : null;
    return taken;
  }
  const ran = /^$|^module$|^importmap$|^speculationrules$|^(text|application)\\/((x-)?(java|ecma)script|json)$/i;
  const isSpent = (node) => {
    const name = node.localName;
    return name === 'style' || name === 'noscript'
      || (name === 'script' && ran.test((node.getAttribute('type') || '').split(';')[0].trim()));
  };
  const strip = (within) => {
    for (const node of within.querySelectorAll('script, style, noscript')) if (isSpent(node)) node.remove();
  };
  if (!keepsPage) strip(document);
  let hasShadow = false;
  for (const node of elements) if (node.shadowRoot) { hasShadow = true; break; }
  const inert = document.implementation.createHTMLDocument('');
  const copy = (node) => {
    if (node.localName === 'template') return inert.importNode(node, true);
    const made = node.localName === 'slot' ? inert.createDocumentFragment() : inert.importNode(node, false);
    let children = node.childNodes;
    if (node.shadowRoot) children = node.shadowRoot.childNodes;
    else if (node.localName === 'slot' && node.assignedNodes && node.assignedNodes().length) children = node.assignedNodes();
    for (const child of children) if (!(child.nodeType === 1 && isSpent(child))) made.appendChild(copy(child));
    return made;
  };
  let root = document.documentElement;
  if (hasShadow) { try { root = copy(root); } catch {} }
  if (keepsPage && root === document.documentElement) strip(root = inert.importNode(root, true));
  const body = root.querySelector('body');
  taken.isBlank = !(body || root).textContent.trim();
  const doctype = document.doctype ? new XMLSerializer().serializeToString(document.doctype) : '';
  const html = doctype + root.outerHTML;
  if (html.length <= limit) taken.html = html;
  return taken;
}
"""

# A part of a snapshot that stayed in the page, never ending between the two halves of a character.
SLICE = """
(taken, [start, size]) => {
  let end = Math.min(start + size, taken.html.length);
  const last = taken.html.charCodeAt(end - 1);
  if (end < taken.html.length && last >= 0xd800 && last < 0xdc00) end += 1;
  return [taken.html.slice(start, end), end];
}
"""

# What is said of a snapshot, with all of its text if that is no longer than `most`.
HEAD = """
(taken, most) => {
  const {url, type, isBlank, html} = taken;
  return {url, type, isBlank, size: html === null ? -1 : html.length, html: html !== null && html.length <= most ? html : null};
}
"""

# The largest part of the page that scrolls by itself, as a selector; null when the page scrolls as a whole.
SCROLLER = """
() => {
  let best = null, area = 0;
  for (const node of document.querySelectorAll('div, main, section, ul, ol, article, table, tbody')) {
    if (node.scrollHeight < node.clientHeight * 1.2 + 40 || node.clientHeight < 100) continue;
    if (!/auto|scroll/.test(getComputedStyle(node).overflowY)) continue;
    const size = node.clientHeight * node.clientWidth;
    if (size > area) { best = node; area = size; }
  }
  if (!best) return null;
  const path = [];
  for (let node = best; node && node !== document.documentElement; node = node.parentElement) {
    path.unshift(`${CSS.escape(node.localName)}:nth-child(${[...node.parentElement.children].indexOf(node) + 1})`);
  }
  return ['html', ...path].join(' > ');
}
"""


def click(selector: str) -> str:
    """The body of an async function that clicks the first match of a CSS selector, awaited for at most 5 s."""
    return f"""
const selector = {json.dumps(selector)};
const end = Date.now() + 5000;
let found = document.querySelector(selector);
while (!found && Date.now() < end) {{
  await new Promise(resolve => setTimeout(resolve, 50));
  found = document.querySelector(selector);
}}
if (!found) throw new Error('nothing matches ' + selector);
found.scrollIntoView();
found.click();
await new Promise(resolve => setTimeout(resolve, 50));
"""


def reporting(script: str) -> str:
    """`script` as the body of an async function whose failure is its value: `{failed: reason}`."""
    return f"try {{ await (async () => {{ {script}\n }})(); }} catch (error) {{ return {{failed: String(error)}}; }}"
