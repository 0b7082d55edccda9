// The compact tree: what has a meaning or says something. Wrappers are left out, what they hold moves up.

const WRAPPERS = new Set(["div", "tbody", "picture", "hgroup", "center", "font", "slot", "html", "g",
  "foreignObject"]);
const INLINE = new Set([
  "b", "i", "em", "strong", "span", "code", "small", "sub", "sup", "u", "s", "mark", "abbr", "cite", "q", "kbd", "samp",
  "var", "time", "br", "wbr", "bdi", "bdo", "ins", "del", "dfn", "data", "tt", "big", "strike", "nobr", "source", "track",
  "colgroup", "col", "hr", "option", "optgroup", "datalist",
  "text", "tspan",
]);
const SHOWN_ATTRIBUTES = new Set([
  "id", "name", "type", "href", "src", "alt", "title", "placeholder", "for", "lang", "dir", "datetime", "action", "method",
  "colspan", "rowspan", "role", "start", "autocomplete",
]);

class Tree {
  constructor(limits) {
    this.limits = limits;
    this.nodes = [];
    this.isCut = false;
  }

  visit(element, tag, context, found, frames) {
    if (context.isDrawn) return context;
    const frame = context.frame && context.frame.element === element ? context.frame : null;
    if (!frame && !this.#isTelling(element, tag, found)) return context;
    const node = this.#add(context.node, tag);
    if (node === null) return context;
    node.element = element;
    node.role = found.role ?? found.actor?.role ?? null;
    node.actor = found.actor;
    if (frame) frame.node = node;
    return tag === "svg" ? {...context, node, isDrawn: true} : {...context, node};
  }

  root(parent, tag) {
    return this.#add(parent, tag) ?? parent;
  }

  say(node, text) {
    if (node.text.length <= this.limits.treeText) node.text += ` ${text.slice(0, this.limits.treeText * 2)}`;
  }

  // What follows the last node that there was room for belongs to nobody.
  #add(parent, tag) {
    if (this.nodes.length >= this.limits.nodes) {
      this.isCut = true;
      return null;
    }
    const depth = parent ? parent.depth + 1 : 0;
    const within = depth > this.limits.treeDepth ? parent.within : parent;
    const node = {
      index: this.nodes.length, within, depth: Math.min(depth, this.limits.treeDepth), tag, text: "",
      element: null, role: null, actor: null,
    };
    this.nodes.push(node);
    return node;
  }

  #isTelling(element, tag, found) {
    if (element === documentBody || found.actor !== null) return true;
    if (found.role !== null && found.role !== "generic" && found.role !== "none" && found.role !== "presentation") return true;
    if (tag === "svg") return hasAttribute(element, "aria-label") || firstElementNamed(element, "title") !== null;
    if (tag === "img") return attribute(element, "alt") !== "";
    if (INLINE.has(tag)) return false;
    if (WRAPPERS.has(tag)) return hasOwnText(element);
    return true;
  }

  item(node, name) {
    return {
      parent: node.within ? node.within.index : null,
      tag: cut(node.tag, 100),
      role: node.role === "generic" ? null : node.role,
      name: name || null,
      attributes: node.element ? this.#attributes(node.element) : {},
      text: line(node.text, this.limits.treeText),
    };
  }

  #attributes(element) {
    const taken = {};
    for (const name of attributeNames(element).slice(0, 60)) {
      if (!SHOWN_ATTRIBUTES.has(name) && !/^aria-[a-z]{2,20}$/.test(name)) continue;
      taken[name] = line(attribute(element, name), this.limits.attribute);
    }
    return taken;
  }
}

function hasOwnText(element) {
  for (let child = firstChild(element); child; child = nextSibling(child)) {
    if (nodeType(child) === TEXT && /\S/.test(child.data)) return true;
  }
  return false;
}

function firstElementNamed(element, name) {
  for (let child = firstElementChild(element); child; child = nextElementSibling(child)) {
    if (localName(child) === name) return child;
  }
  return null;
}
