// The inspection of one frame: `dom` and `elements` gather, `take` hands out what they found in parts.

class Inspection {
  #parts = [];

  constructor(limits, hasTree) {
    this.limits = limits;
    this.roles = new Roles(hasTree);
    this.notes = [];
    this.owners = new Map();
    this.listening = new Set();
    this.hideBelow = () => undefined;
  }

  own(element, key) {
    this.owners.set(element, key);
  }

  // Takes note of what listens for clicks and the like; the places of those nodes that are of another document.
  hear(nodes) {
    const foreign = [];
    nodes.forEach((node, place) => {
      if (ownerDocument(node) === document) this.listening.add(node);
      else if (node !== document) foreign.push(place);
    });
    return foreign;
  }

  dom(includeTree, isTop) {
    stopAnimations();
    let walk = this.#newWalk(includeTree);
    if (!walk.run(true)) {
      const {left, hideBelow} = showParts(this.limits.shown);
      if (left) this.notes.push(partly(this.limits.shown));
      this.roles.hasUnnamed = left > 0;
      if (isTop) this.hideBelow = hideBelow;
      walk = this.#newWalk(includeTree);
      walk.run(false);
    }
    this.walk = walk;
    this.actors = walk.actors.filter((actor) => !actor.isDropped);
    this.tree = walk.tree;
    if (isTop) this.#give("head", headOf(this.limits, this.notes));
    this.#count();
    return walk.frames.map(({element}) => ({key: this.owners.get(element), is_shown: isShown(element)}));
  }

  #newWalk(includeTree) {
    return new Walk(this.limits, this.roles, this, includeTree ? new Tree(this.limits) : null);
  }

  elements() {
    const visibility = new Visibility();
    const locators = new Locators(this.walk.roots);
    const elements = new Elements(this.limits, this.roles, visibility, locators);
    const forms = new Forms(this.limits, this.roles, this.walk);
    const actors = this.actors.slice(0, this.limits.elements);
    const items = actors.map((actor) => elements.item(actor));
    forms.assign(actors, items);
    this.#countLinks();
    items.forEach((item) => this.#give("element", item));
    forms.items().forEach((form) => this.#give("form", form));
    this.walk.landmarks.forEach((landmark) => this.#give("landmark", this.#landmark(landmark)));
    this.walk.headings.forEach((heading) => this.#give("heading", this.#heading(heading)));
    this.walk.frames.forEach((frame) => this.#give("frame", this.#frame(frame, locators, visibility)));
    this.#giveTables();
    this.#giveTree(actors);
    if (forms.count > this.limits.forms) this.notes.push(bounded("forms", forms.count, this.limits.forms));
    this.#give("summary", this.#summary());
    this.#parts.reverse();
    this.hideBelow(this.limits.picture);
  }

  // The next part: items as JSON, as many as fit; null after the last.
  take(most) {
    if (!this.#parts.length) return null;
    const taken = [];
    let length = 0;
    while (this.#parts.length && (!taken.length || length + this.#parts.at(-1).length < most)) {
      length += this.#parts.at(-1).length;
      taken.push(this.#parts.pop());
    }
    return `[${taken.join(",")}]`;
  }

  #give(kind, item) {
    this.#parts.push(JSON.stringify([kind, slim(item)]));
  }

  #count() {
    const {walk, limits, notes} = this;
    const say = (what, count, most) => count > most && notes.push(bounded(what, count, most));
    say("interactive elements", this.actors.length, limits.elements);
    say("headings", walk.headingCount, limits.headings);
    say("landmarks", walk.landmarkCount, limits.landmarks);
    if (walk.isCut) {
      notes.push(`The page has ${counted(walk.count)} elements; what follows the first ${counted(limits.walked)} is left out.`);
    }
    if (!this.roles.hasTree) notes.push("The browser's accessibility tree could not be read: roles and names are guessed by tag.");
    if (walk.modal) notes.push("A modal dialog is open: what lies behind it can't be acted on and is left out.");
    const closed = things(walk.closedCount, "custom element shows", "custom elements show");
    if (walk.closedCount) notes.push(`${closed} what can't be read: a closed shadow root.`);
    if (this.tree?.isCut) notes.push(`The tree has the first ${counted(limits.nodes)} nodes.`);
  }

  #countLinks() {
    for (const actor of this.actors) {
      if (actor.role !== "link") continue;
      for (let at = actor.context.landmark; at; at = at.outer) at.links += 1;
    }
    for (const landmark of [...this.walk.landmarks].reverse()) if (landmark.outer) landmark.outer.text += landmark.text;
  }

  #landmark({element, role, name, at, text, links}) {
    return {at, role, name, box: boxOf(element), text_characters: text, link_count: links};
  }

  #heading({element, level, text, at, landmark}) {
    return {at, level, text, landmark: landmark?.index ?? null, box: boxOf(element)};
  }

  #frame({element, at, node, isHidden}, locators, visibility) {
    const {selector, by} = locators.find(element);
    return {
      key: this.owners.get(element),
      at,
      src: element.src ? cut(element.src, this.limits.href) : null,
      name: line(attribute(element, "name"), this.limits.name),
      title: line(attribute(element, "title") ?? attribute(element, "aria-label"), this.limits.name),
      box: boxOf(element),
      inner: innerBox(element),
      is_visible: !isHidden && visibility.isVisible(element, rectOf(element)),
      node: node?.index ?? null,
      selector,
      by,
    };
  }

  #giveTables() {
    const tables = new Tables(this.limits, this.roles);
    tables.items(this.walk.tables).forEach((table) => this.#give("table", table));
    if (tables.count > this.limits.tables) this.notes.push(bounded("tables", tables.count, this.limits.tables));
    if (tables.cutCount) this.notes.push(`${things(tables.cutCount, "table is", "tables are")} cut.`);
  }

  #giveTree(actors) {
    if (!this.tree) return;
    const numbers = new Map(actors.map((actor, i) => [actor, i]));
    const names = new Map(this.walk.landmarks.map((landmark) => [landmark.element, landmark.name]));
    for (const node of this.tree.nodes) {
      const actor = node.actor && numbers.has(node.actor) ? node.actor : null;
      const name = actor ? this.roles.named(node.element, this.limits.attribute) : names.get(node.element);
      this.#give("node", {...this.tree.item(node, name), actor: actor ? numbers.get(actor) : null});
    }
  }

  #summary() {
    const {walk} = this;
    return {
      url: cut(fromDocument("URL"), this.limits.href),
      element_count: Math.max(walk.count, below(documentElement, "*").length + 1),
      depth: walk.depth,
      shadow_root_count: walk.shadowRootCount,
      actor_count: this.actors.length,
      is_cut: walk.isCut || Boolean(this.tree?.isCut)
        || walk.headingCount > this.limits.headings || walk.landmarkCount > this.limits.landmarks,
      viewport: {width: innerWidth, height: innerHeight},
      page_size: pageSize(),
      scroll: [scrollX + ORIGIN, scrollY],
      notes: this.notes,
    };
  }
}

// What is told when it is empty too.
const KEPT = new Set(["name", "text", "value"]);

// Without what is nothing, or an empty list or map: our models know that by themselves.
function slim(item) {
  const told = {};
  for (const [name, value] of Object.entries(item)) {
    if (value === null || value === undefined || value === false && name === "is_required") continue;
    if (typeof value === "object" && Object.keys(value).length === 0) continue;
    if (value !== "" || KEPT.has(name)) told[name] = value;
  }
  return told;
}

function bounded(what, count, most) {
  return `The page has ${counted(count)} ${what}; the first ${counted(most)} are listed.`;
}

function partly(most) {
  return `The page leaves out what is not scrolled to; what follows the parts with its first ${counted(most)} elements is where the browser expects it.`;
}

// As they are stopped for the picture: at their end, or before they began when they have none.
function stopAnimations() {
  for (const animation of call(Document.prototype, "getAnimations")(document)) {
    try {
      if (animation.effect.getComputedTiming().endTime === Infinity) animation.cancel();
      else animation.finish();
    } catch {
      // One that has no end that could be reached.
    }
  }
}

function hideCaret() {
  const focused = fromDocument("activeElement");
  if (focused === null || focused === documentBody || !(focused.style instanceof CSSStyleDeclaration)) return;
  focused.style.setProperty("caret-color", "transparent", "important");
}

// Where the document of a frame lies: within borders and padding, scaled as its element is.
function innerBox(element) {
  const rect = rectOf(element);
  const style = getComputedStyle(element);
  const scale = (size, whole) => (whole > 0 ? size / whole : 1);
  const x = scale(rect.width, element.offsetWidth);
  const y = scale(rect.height, element.offsetHeight);
  const [left, top] = [Number.parseFloat(style.paddingLeft) || 0, Number.parseFloat(style.paddingTop) || 0];
  const [right, bottom] = [Number.parseFloat(style.paddingRight) || 0, Number.parseFloat(style.paddingBottom) || 0];
  return {
    x: rounded(rect.left + scrollX + ORIGIN + (clientLeft(element) + left) * x),
    y: rounded(rect.top + scrollY + (clientTop(element) + top) * y),
    width: Math.max(0, rounded((clientWidth(element) - left - right) * x)),
    height: Math.max(0, rounded((clientHeight(element) - top - bottom) * y)),
  };
}

globalThis.gleanery = (limits, hasTree) => new Inspection(limits, hasTree);
globalThis.pageView = async () => {
  stopAnimations();
  hideCaret();
  await Promise.race([fromDocument("fonts").ready, new Promise((resolve) => setTimeout(resolve, 1000))]);
  return {
    ...pageSize(), left: Math.round(scrollX + ORIGIN), top: Math.round(scrollY), viewWidth: innerWidth, viewHeight: innerHeight,
  };
};
