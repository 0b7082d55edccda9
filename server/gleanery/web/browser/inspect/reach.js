// How the DOM is reached. A form or a document whose fields are called `children`, `parentNode` or `querySelector` hides
// its own properties behind them, in an isolated world too: so everything goes through the getters of the prototypes.

const call = (prototype, name) => Function.prototype.call.bind(prototype[name]);
const get = (prototype, name) => Function.prototype.call.bind(Object.getOwnPropertyDescriptor(prototype, name).get);

const attribute = call(Element.prototype, "getAttribute");
const hasAttribute = call(Element.prototype, "hasAttribute");
const attributeNames = call(Element.prototype, "getAttributeNames");
const hasAttributes = call(Element.prototype, "hasAttributes");
const matches = call(Element.prototype, "matches");
const rectOf = call(Element.prototype, "getBoundingClientRect");
const isShown = call(Element.prototype, "checkVisibility");
const below = call(Element.prototype, "getElementsByTagName");
const selectIn = call(Element.prototype, "querySelectorAll");
const localName = get(Element.prototype, "localName");
const namespace = get(Element.prototype, "namespaceURI");
const shadowRoot = get(Element.prototype, "shadowRoot");
const clientLeft = get(Element.prototype, "clientLeft");
const clientTop = get(Element.prototype, "clientTop");
const clientWidth = get(Element.prototype, "clientWidth");
const clientHeight = get(Element.prototype, "clientHeight");
const scrollWidth = get(Element.prototype, "scrollWidth");
const scrollHeight = get(Element.prototype, "scrollHeight");
const firstChild = get(Node.prototype, "firstChild");
const nextSibling = get(Node.prototype, "nextSibling");
const parentNode = get(Node.prototype, "parentNode");
const parentElement = get(Node.prototype, "parentElement");
const textContent = get(Node.prototype, "textContent");
const nodeType = get(Node.prototype, "nodeType");
const ownerDocument = get(Node.prototype, "ownerDocument");
const rootOf = call(Node.prototype, "getRootNode");
const firstElementChild = get(Element.prototype, "firstElementChild");
const nextElementSibling = get(Element.prototype, "nextElementSibling");
const offsetParentOfHtml = get(HTMLElement.prototype, "offsetParent");
const offsetParent = (element) => (element instanceof HTMLElement ? offsetParentOfHtml(element) : null);
const hasTabIndex = (element) => hasAttribute(element, "tabindex");

const HTML = "http://www.w3.org/1999/xhtml";
const ELEMENT = 1;
const TEXT = 3;
// A page may have thrown away its root.
const documentElement = get(Document.prototype, "documentElement")(document) ?? document.createElementNS(HTML, "html");
const documentBody = get(Document.prototype, "body")(document);
const selectInDocument = call(Document.prototype, "querySelectorAll").bind(null, document);
const selectInFragment = call(DocumentFragment.prototype, "querySelectorAll");
const selectOneInDocument = call(Document.prototype, "querySelector").bind(null, document);
const elementsById = call(Document.prototype, "getElementById");
const fromDocument = (name) => get(Document.prototype, name)(document);

const select = (root, selector) => (root === document ? selectInDocument(selector) : selectInFragment(root, selector));
const isShadowRoot = (node) => node instanceof ShadowRoot;
const isHtml = (element) => namespace(element) === HTML;

// The parent in the tree that goes through shadow roots, as Playwright's selectors see it.
function composedParent(element) {
  const parent = parentNode(element);
  if (parent === null) return null;
  if (nodeType(parent) === ELEMENT) return parent;
  return isShadowRoot(parent) ? parent.host : null;
}

function closest(element, accepts) {
  for (let at = element; at; at = composedParent(at)) if (accepts(at)) return at;
  return null;
}

function byIds(element, ids) {
  const root = rootOf(element);
  const find = isShadowRoot(root) ? (id) => root.getElementById(id) : (id) => elementsById(document, id);
  return (ids || "").split(/\s+/).filter(Boolean).slice(0, 20).map(find).filter(Boolean);
}
