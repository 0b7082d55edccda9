// How an element is found again: CSS selectors that go through open shadow roots, as Playwright reads them. Each one that is
// returned matches its element, and by an index of the whole page no other.

const TEST_IDS = ["data-testid", "data-test-id", "data-test", "data-qa", "data-cy", "data-automation-id"];
const TELLING = [
  "href", "placeholder", "title", "alt", "value", "for", "role", "aria-controls", "data-action", "data-id", "data-key",
  "data-value", "data-target", "data-name", "autocomplete", "type", "src",
];
// Ids that frameworks count up or draw by lot: another visit may find others.
const GENERATED = new RegExp(
  "\\d{4,}|[0-9a-f]{8,}|[-_:]\\d+$|^[a-z]{0,2}\\d+$|^(:r|«r|ember\\d|uid)"
    + "|^(react-|radix-|mui-|headlessui-|ext-gen|yui_|__bvid|select2-|cdk-|mat-|jsx-)",
  "i",
);
const ANCHORS = new Set(["main", "nav", "header", "footer", "aside", "search"]);
const MOST_CHARACTERS = 150;
const MOST_STEPS = 40;
const MOST_ANCHORS = 6;

class Index {
  #roots;
  #held = new Map();

  constructor(roots) {
    this.#roots = roots;
  }

  everywhere(selector) {
    return this.#roots.flatMap((root) => [...select(root, selector)]);
  }

  // The elements of this tag whose attribute has this value.
  holders(name, tag, value) {
    let held = this.#held.get(name);
    if (held === undefined) this.#held.set(name, (held = this.#gather(name)));
    return held.get(`${tag} ${name === "type" ? value.toLowerCase() : value}`) ?? [];
  }

  #gather(name) {
    const held = new Map();
    for (const element of this.everywhere(`[${name}]`)) {
      const value = attribute(element, name);
      const key = `${localName(element)} ${name === "type" ? value.toLowerCase() : value}`;
      const found = held.get(key);
      if (found) found.push(element);
      else held.set(key, [element]);
    }
    return held;
  }
}

class Locators {
  #paths = new Map();
  #places = new Map();
  #anchors = new Map();
  #found = new Map();

  constructor(roots) {
    this.index = new Index(roots);
  }

  find(element) {
    return this.#byId(element, false) ?? this.#byAttribute(element) ?? this.#byId(element, true) ?? this.#byPath(element);
  }

  #byId(element, isGenerated) {
    const id = attribute(element, "id");
    if (!id || id.length > MOST_CHARACTERS || isOdd(id) || GENERATED.test(id) !== isGenerated) return null;
    const selector = `#${CSS.escape(id)}`;
    return this.#isOnly(selector, element) ? {selector, by: "id"} : null;
  }

  #isOnly(selector, element) {
    const found = this.#all(selector);
    return found.length === 1 && found[0] === element;
  }

  #all(selector) {
    if (!this.#found.has(selector)) this.#found.set(selector, this.index.everywhere(selector));
    return this.#found.get(selector);
  }

  #byAttribute(element) {
    if (!hasAttributes(element)) return null;
    for (const name of TEST_IDS) {
      const found = this.#byOne(element, name, "test_id");
      if (found) return found;
    }
    return this.#byOne(element, "name", "name") ?? this.#byNameAndValue(element)
      ?? this.#byOne(element, "aria-label", "label") ?? this.#byTelling(element);
  }

  #byTelling(element) {
    for (const name of TELLING) {
      const found = this.#byOne(element, name, "attribute");
      if (found) return found;
    }
    return null;
  }

  #byOne(element, name, by) {
    const value = attribute(element, name);
    if (!value || value.length > MOST_CHARACTERS || isOdd(value)) return null;
    const tag = localName(element);
    const selector = `${CSS.escape(tag)}[${name}=${quoted(value)}]`;
    const holders = this.index.holders(name, tag, value);
    if (!matches(element, selector)) return null;
    if (holders.length === 1) return {selector, by};
    const anchor = holders.length <= 8 ? this.#anchorFor(element, holders) : null;
    return anchor === null ? null : {selector: `${anchor} ${selector}`, by};
  }

  // Radios and check boxes of a group share their name.
  #byNameAndValue(element) {
    const [name, value] = [attribute(element, "name"), attribute(element, "value")];
    if (!name || !value || name.length + value.length > MOST_CHARACTERS || isOdd(name) || isOdd(value)) return null;
    const tag = localName(element);
    const selector = `${CSS.escape(tag)}[name=${quoted(name)}][value=${quoted(value)}]`;
    const holders = this.index.holders("name", tag, name).filter((other) => attribute(other, "value") === value);
    return holders.length === 1 && matches(element, selector) ? {selector, by: "name"} : null;
  }

  // The nearest element around this one that is found by itself, and holds none of the others.
  #anchorFor(element, holders) {
    let tries = 0;
    for (let at = composedParent(element); at && tries < MOST_ANCHORS; at = composedParent(at)) {
      const selector = this.#anchor(at);
      if (selector === null) continue;
      tries += 1;
      if (holders.every((other) => other === element || !isWithin(other, at))) return selector;
    }
    return null;
  }

  #anchor(element) {
    if (!this.#anchors.has(element)) this.#anchors.set(element, this.#anchorOf(element));
    return this.#anchors.get(element);
  }

  #anchorOf(element) {
    const found = this.#byId(element, false);
    if (found) return found.selector;
    const tag = localName(element);
    return ANCHORS.has(tag) && this.#isOnly(tag, element) ? tag : null;
  }

  #byPath(element) {
    const path = this.#path(element);
    if (path.steps > MOST_STEPS || path.text.length > 1500) return this.#byNumber(element);
    return path.isMixed && !this.#isOnlyBy(path, element) ? this.#byNumber(element) : {selector: path.text, by: "path"};
  }

  // Steps from the nearest anchor, or from the top. A path is mixed when shadow hosts are on it: their two kinds of children
  // may be taken for one another.
  #path(element) {
    const anchored = composedParent(element);
    return this.#step(element, anchored === null ? null : this.#pathTo(anchored));
  }

  #pathTo(element) {
    const chain = [];
    let at = element;
    while (at && !this.#paths.has(at)) {
      chain.push(at);
      if (this.#anchor(at) !== null) break;
      at = composedParent(at);
    }
    let path = at ? this.#paths.get(at) ?? null : null;
    for (const one of chain.reverse()) {
      const anchor = this.#anchor(one);
      path = anchor === null ? this.#step(one, path) : {text: anchor, own: anchor, outer: null, steps: 1, isMixed: false};
      if (shadowRoot(one) !== null) path = {...path, isMixed: true};
      this.#paths.set(one, path);
    }
    return path;
  }

  #step(element, outer) {
    const own = this.#place(element);
    if (outer === null) return {text: own, own, outer, steps: 1, isMixed: false};
    return {text: `${outer.text} > ${own}`, own, outer, steps: outer.steps + 1, isMixed: outer.isMixed};
  }

  // Whether the path, as Playwright follows it through shadow roots, leads to this element alone.
  #isOnlyBy(path, element) {
    const follows = (end) => {
      let at = end;
      for (let step = path; step; step = step.outer) {
        if (at === null || !matches(at, step.own)) return false;
        at = composedParent(at);
      }
      return true;
    };
    return this.#all(path.own).every((other) => other === element || !follows(other));
  }

  // Tag, and number among its siblings where it has some of the same tag.
  #place(element) {
    const parent = parentNode(element);
    if (!this.#places.has(parent)) this.#places.set(parent, placesIn(parent));
    return this.#places.get(parent).get(element);
  }

  #byNumber(element) {
    const tag = CSS.escape(localName(element));
    const found = this.#all(tag);
    return {selector: found.length === 1 ? tag : `${tag} >> nth=${found.indexOf(element)}`, by: "path"};
  }
}

function placesIn(parent) {
  const kinds = new Map();
  const places = new Map();
  let first = null;
  for (let at = firstChild(parent); at; at = nextSibling(at)) {
    if (nodeType(at) !== ELEMENT) continue;
    first ??= at;
    const tag = localName(at);
    const alike = kinds.get(tag);
    if (alike) alike.push(at);
    else kinds.set(tag, [at]);
  }
  for (const [tag, alike] of kinds) {
    const isPlain = alike.every((one) => namespace(one) === namespace(alike[0]));
    alike.forEach((one, i) => places.set(one, alike.length === 1 ? CSS.escape(tag) : `${CSS.escape(tag)}:nth-of-type(${i + 1})`));
    if (!isPlain) alike.forEach((one) => places.set(one, `${CSS.escape(tag)}:nth-child(${childNumber(one, first)})`));
  }
  return places;
}

function childNumber(element, first) {
  let number = 1;
  for (let at = first; at !== element; at = nextElementSibling(at)) number += 1;
  return number;
}

// Line breaks and the like in an attribute: no selector goes by it.
function isOdd(value) {
  return /[\u0000-\u001f\u007f]/.test(value) || !value.isWellFormed();
}

function quoted(value) {
  return `"${value.replace(/["\\]/g, "\\$&")}"`;
}
