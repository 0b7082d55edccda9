// One walk over all nodes, through open shadow roots, in the order of the document: finds what can be acted on, landmarks,
// headings and frames, and builds the compact tree. Nothing is changed, so that no layout is computed twice.

const NEVER_SHOWN = new Set(["script", "style", "template", "noscript", "head", "link", "meta", "title", "base", "param"]);
const HEADING = /^h[1-6]$/;
// The link to itself that a heading often ends with.
const SELF_LINK = /\s*[¶§]$|\s+#$/;
const MOST_ROUNDS = 5;

// Why an element is taken that could have been made to be acted on by nothing else: what is in it is a part of it.
const SURE = new Set(["control", "role", "editable"]);

// What an element gets to know of those around it. `within` is the thing that can be acted on, `maybe` one that only shows
// the hand of the mouse or listens for what is in it, `node` that of the tree; `isHidden` is so to readers, `isSeen` to eyes.
const START = {
  landmark: null, form: null, within: null, maybe: null, node: null, frame: null,
  pointer: false, isHidden: false, isSeen: true, isBarred: false, isDrawn: false,
};

class Walk {
  constructor(limits, roles, {owners, listening}, tree) {
    this.limits = limits;
    this.roles = roles;
    this.owners = owners;
    this.listening = listening;
    this.tree = tree;
    this.roots = [document];
    this.actors = [];
    this.landmarks = [];
    this.landmarkCount = 0;
    this.headings = [];
    this.headingCount = 0;
    this.frames = [];
    this.tables = [];
    this.tableCount = 0;
    this.forms = [];
    this.count = 0;
    this.depth = 0;
    this.shadowRootCount = 0;
    this.closedCount = 0;
    this.isCut = false;
    this.isStopped = false;
    this.modal = selectOneInDocument("dialog:modal");
  }

  // False when it met something that Chromium leaves out for as long as it is not scrolled to: asked about a part of that, it
  // lays out all of it, each time anew, and says where it would be if all else before were left out too. Whether it leaves it
  // out just now changes from frame to frame. See `showParts`.
  run(mayStop) {
    this.mayStop = mayStop;
    const stack = [documentElement, START, 1];
    while (stack.length && !this.isStopped) {
      const depth = stack.pop();
      const context = stack.pop();
      const node = stack.pop();
      const next = node === documentElement ? null : nextSibling(node);
      if (next) stack.push(next, context, depth);
      const type = nodeType(node);
      if (type === TEXT) this.#text(node, context);
      else if (type === ELEMENT) this.#enter(node, context, depth, stack);
    }
    return !this.isStopped;
  }

  #text(node, context) {
    const text = node.data;
    if (context.isHidden || !context.isSeen || !/\S/.test(text)) return;
    if (context.landmark) context.landmark.text += text.trim().length;
    if (context.node) this.tree.say(context.node, text);
  }

  #enter(element, context, depth, stack) {
    this.count += 1;
    if (depth > this.depth) this.depth = depth;
    const tag = localName(element);
    if (NEVER_SHOWN.has(tag)) return this.#skip(element);
    if (this.count > this.limits.walked) {
      this.isCut = true;
      return this.#skip(element);
    }
    const inner = this.#visit(element, tag, context);
    if (inner === null) return this.#skip(element);
    const light = firstChild(element);
    if (light) stack.push(light, inner, depth + 1);
    const shadow = shadowRoot(element);
    if (shadow) this.#shadow(shadow, inner, depth, stack);
    else if (light === null && tag.includes("-") && isClosed(element)) this.closedCount += 1;
  }

  #skip(element) {
    this.count += below(element, "*").length;
  }

  #shadow(shadow, context, depth, stack) {
    this.shadowRootCount += 1;
    this.roots.push(shadow);
    const first = firstChild(shadow);
    const inner = context.node && this.tree ? {...context, node: this.tree.root(context.node, "#shadow-root")} : context;
    if (first) stack.push(first, inner, depth + 1);
  }

  // The context of the element's children; null when nothing of it is shown.
  #visit(element, tag, context) {
    const style = getComputedStyle(element);
    if (style.display === "none" && tag !== "area") return null;
    if (this.mayStop && style.contentVisibility === "auto") {
      this.isStopped = true;
      return null;
    }
    let inner = context;
    if (!context.isBarred && attribute(element, "aria-disabled") === "true") inner = {...inner, isBarred: true};
    const isSilent = context.isHidden || this.#isSilent(element);
    if (isSilent !== context.isHidden) inner = {...inner, isHidden: isSilent};
    if (this.owners.has(element)) inner = {...inner, frame: this.#frame(element, inner)};
    if (isSilent) return inner;
    const isSeen = style.visibility === "visible";
    if (isSeen !== context.isSeen) inner = {...inner, isSeen};
    const found = {role: null, level: null, actor: null};
    if (isSeen) inner = this.#act(element, tag, style, inner, found);
    inner = this.#place(element, tag, inner, found, isSeen);
    if (this.tree && isSeen) inner = this.tree.visit(element, tag, inner, found, this.frames);
    return inner;
  }

  #isSilent(element) {
    return hasAttributes(element) && (attribute(element, "aria-hidden") === "true" || hasAttribute(element, "inert"));
  }

  #frame(element, context) {
    const frame = {element, at: this.count, landmark: context.landmark, isHidden: context.isHidden, node: null};
    this.frames.push(frame);
    return frame;
  }

  // Takes the element when it can be acted on.
  #act(element, tag, style, context, found) {
    const isPointer = style.cursor === "pointer";
    const inner = isPointer === context.pointer ? context : {...context, pointer: isPointer};
    const why = this.#whyActs(element, tag, isPointer && !context.pointer, inner, found);
    if (why === null || (tag !== "area" && !isShown(element)) || (this.modal && !isWithin(element, this.modal))) return inner;
    const actor = {element, tag, role: found.role ?? this.#role(element, tag), at: this.count, context: inner, why, isDropped: false};
    found.actor = actor;
    this.actors.push(actor);
    const isMaybe = why === "pointer" || (why === "listener" && !isPointer);
    // One that listens for all that is in it is not what a hand goes for, unless it shows that to the mouse.
    if (inner.maybe && (!isMaybe || inner.maybe.why === "listener")) inner.maybe.isDropped = true;
    return isMaybe ? {...inner, maybe: actor} : {...inner, within: actor, maybe: null};
  }

  #role(element, tag) {
    const isLink = tag === "a" && isHtml(element) && hasAttribute(element, "href") && !hasAttribute(element, "role");
    return isLink ? "link" : this.roles.of(element);
  }

  #whyActs(element, tag, startsPointer, context, found) {
    if (CONTROLS.has(tag) && this.#isControl(element, tag)) return "control";
    return this.#otherwise(element, startsPointer, context, found);
  }

  #isControl(element, tag) {
    if (!isHtml(element)) return hasAttribute(element, "href") || hasAttribute(element, "xlink:href");
    if (tag === "a" || tag === "area") return hasAttribute(element, "href");
    if (tag === "input") return element.type !== "hidden";
    if (tag === "video" || tag === "audio") return hasAttribute(element, "controls");
    if (tag === "summary") return localName(parentElement(element) ?? element) === "details";
    return true;
  }

  #otherwise(element, startsPointer, context, found) {
    if (hasAttributes(element)) {
      if (hasAttribute(element, "role")) {
        found.role = this.roles.of(element);
        if (WIDGETS.has(found.role)) return "role";
      }
      if (isEditingHost(element)) {
        found.role = found.role && found.role !== "generic" ? found.role : "textbox";
        return "editable";
      }
      if (hasAttribute(element, "onclick") && element !== documentElement && element !== documentBody) return "onclick";
      if (hasTabIndex(element) && element.tabIndex >= 0) return "focus";
    }
    if (localName(element) === "label" || element === documentElement || element === documentBody) return null;
    if (this.listening.has(element) && !SURE.has(context.within?.why)) return "listener";
    return startsPointer && !context.within ? "pointer" : null;
  }

  // Takes the element when it is a landmark, a heading, a form or a table.
  #place(element, tag, context, found, isSeen) {
    let inner = context;
    const isNamed = hasAttribute(element, "role");
    if (SECTIONS.has(tag) || (isNamed && found.actor === null)) {
      found.role ??= this.roles.of(element);
      if (LANDMARKS.has(found.role)) inner = this.#landmark(element, found, inner);
    }
    if (tag === "form") {
      const form = {element, heading: this.headings.at(-1) ?? null, at: this.count};
      this.forms.push(form);
      inner = {...inner, form};
    }
    if (isSeen && (HEADING.test(tag) || found.role === "heading")) this.#heading(element, tag, inner, found);
    const isTable = tag === "table" || found.role === "table" || found.role === "grid" || found.role === "treegrid";
    if (isTable && ++this.tableCount <= this.limits.tables * 4) this.tables.push({element, at: this.count});
    return inner;
  }

  #landmark(element, found, context) {
    const name = this.roles.named(element, this.limits.name);
    if (found.role === "form" && !name) return context;
    this.landmarkCount += 1;
    if (this.landmarks.length >= this.limits.landmarks) return context;
    const landmark = {
      element, role: found.role, name, at: this.count, index: this.landmarks.length, outer: context.landmark, text: 0, links: 0,
    };
    this.landmarks.push(landmark);
    return {...context, landmark};
  }

  #heading(element, tag, context, found) {
    if (found.role === null && hasAttribute(element, "role")) found.role = this.roles.of(element);
    if (found.role !== null && found.role !== "heading") return;
    found.role = "heading";
    this.headingCount += 1;
    const said = Number.parseInt(attribute(element, "aria-level") ?? "", 10);
    found.level = Math.min(6, Math.max(1, said || Number(HEADING.test(tag) ? tag[1] : 2)));
    if (this.headings.length >= this.limits.headings || !isShown(element)) return;
    const text = textOf(element, this.limits.name).replace(SELF_LINK, "") || this.roles.named(element, this.limits.name);
    this.headings.push({element, level: found.level, text, at: this.count, landmark: context.landmark});
  }
}

// Has everything laid out that is left out for as long as it is not scrolled to (`content-visibility: auto`), as it is in the
// picture of the whole page: parts of the page in their order, until they have `most` elements. They stay contained, as they
// are for whoever scrolls to them: otherwise margins would collapse. What lies in such a part is asked about only when the part
// itself is there. `left` says how many stay as they were; `hideBelow` leaves out again those that begin below a height, which
// no picture shows: painting them costs more than all the rest.
function showParts(most) {
  const shown = [];
  const left = new Set();
  let count = 0;
  for (let parts = skippedParts(), round = 0; parts.length && round < MOST_ROUNDS; round++) {
    for (const part of parts) {
      if (round === 0 && count >= most) {
        left.add(part);
        continue;
      }
      if (round === 0) count += below(part, "*").length;
      shown.push([part, part.style.contentVisibility, part.style.getPropertyPriority("content-visibility")]);
      part.style.setProperty("contain", contained(getComputedStyle(part).contain), "important");
      part.style.setProperty("content-visibility", "visible", "important");
    }
    parts = skippedParts().filter((part) => !left.has(part));
  }
  const hideBelow = (height) => {
    const hidden = shown.filter(([part]) => boxOf(part).y >= height);
    for (const [part, said, priority] of hidden) part.style.setProperty("content-visibility", said, priority);
  };
  return {left: left.size, hideBelow};
}

// A value of `contain` with what `content-visibility: auto` brings.
function contained(said) {
  if (said === "strict" || said === "content") return said;
  return [...new Set([...said.split(" "), "layout", "style", "paint"])].filter((word) => word !== "none").join(" ");
}

function skippedParts() {
  const parts = [];
  const stack = [documentElement];
  while (stack.length) {
    const node = stack.pop();
    const next = node === documentElement ? null : nextSibling(node);
    if (next) stack.push(next);
    if (nodeType(node) !== ELEMENT) continue;
    if (getComputedStyle(node).contentVisibility === "auto" && node.style instanceof CSSStyleDeclaration) {
      parts.push(node);
      continue;
    }
    for (const inner of [firstChild(node), shadowRoot(node) && firstChild(shadowRoot(node))]) if (inner) stack.push(inner);
  }
  return parts;
}

function isEditingHost(element) {
  const said = attribute(element, "contenteditable");
  if (said === null || said.toLowerCase() === "false") return false;
  const parent = parentElement(element);
  return !(parent && parent.isContentEditable);
}

// A custom element that shows something, and has nothing that we see.
function isClosed(element) {
  const rect = rectOf(element);
  return matches(element, ":defined") && rect.width > 1 && rect.height > 1;
}

function isWithin(element, ancestor) {
  return closest(element, (at) => at === ancestor) !== null;
}
