"""The JavaScript that runs in pages: what is taken from them before they start, and how their text is taken at the end."""

from __future__ import annotations

import json

# Runs before any script of the page, in every frame. A page has nobody to talk to here: its questions are answered at
# once, it opens no windows, and it can't look for addresses of this network by WebRTC.
PREPARE = """
(() => {
  const nothing = () => undefined;
  for (const [name, value] of Object.entries({
    alert: nothing, confirm: () => false, prompt: () => null, print: nothing, open: () => null,
  })) {
    try { Object.defineProperty(window, name, {value, writable: true, configurable: true}); } catch {}
  }
  for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection', 'RTCDataChannel']) {
    try { delete window[name]; } catch {}
  }
})();
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

# The document as it stands: `html` is null when it is longer than `limit`. Scripts that have run, styles and what is
# only for readers without scripts are left out; shadow trees are written where they are shown (slots filled), in an
# inert document, so that no custom element comes to life by being copied.
SNAPSHOT = """
(limit) => {
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
  for (const node of document.querySelectorAll('script, style, noscript')) if (isSpent(node)) node.remove();
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

HEAD = "(taken) => ({url: taken.url, type: taken.type, isBlank: taken.isBlank, size: taken.html === null ? -1 : taken.html.length})"

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
