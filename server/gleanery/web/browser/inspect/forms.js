// Forms with their fields, and groups of fields that are in none.

const GROUPS = new Set(["fieldset", "dialog", "search", "section", "article", "main", "aside", "header", "footer", "nav", "body"]);
// What is there for nothing else: all of its buttons are for its fields.
const OWN_TAGS = new Set(["dialog", "search"]);
const OWN_ROLES = new Set(["form", "search", "dialog", "alertdialog"]);
const SUBMITS = new Set(["submit", "image"]);

class Forms {
  #numbers = new Map();
  #forms = [];

  constructor(limits, roles, walked) {
    this.limits = limits;
    this.roles = roles;
    for (const form of walked.forms) this.#add(form.element, form, false);
    this.headings = walked.headings;
  }

  get count() {
    return this.#forms.length;
  }

  // Notes to which form each of `actors` belongs; `items` are what is told of them.
  assign(actors, items) {
    actors.forEach((actor, i) => {
      const owner = this.#owner(actor);
      if (owner !== null) this.#join(this.#numbers.get(owner), actor, items[i], i);
    });
    const loose = actors.map((actor, i) => [actor, i]).filter(([, i]) => items[i].form === null);
    const lasts = new Map(loose.filter(([actor]) => FIELDS.has(actor.role)).map(([actor, i]) => [groupOf(actor.element), i]));
    for (const [actor, i] of loose) this.#group(actor, items[i], i, lasts);
  }

  // Fields without a form are one with the nearest thing that holds them; the first button after the last of them is theirs,
  // and all others too in what is there for them alone.
  #group(actor, item, i, lasts) {
    const isField = FIELDS.has(actor.role);
    if (!isField && actor.role !== "button") return;
    const group = groupOf(actor.element);
    if (!lasts.has(group) || (!isField && !this.#numbers.has(group))) return;
    if (!this.#numbers.has(group)) this.#add(group, {heading: this.#headingBefore(actor), at: actor.at}, true);
    const number = this.#numbers.get(group);
    if (this.#forms[number].isDone) return;
    this.#join(number, actor, item, i);
    this.#forms[number].isDone = i > lasts.get(group) && !isOwn(group);
  }

  items() {
    return this.#forms.slice(0, this.limits.forms).map((form) => ({
      at: form.at,
      name: this.#name(form.element),
      action: form.isImplicit ? null : cut(resolved(attribute(form.element, "action") ?? ""), this.limits.href),
      method: form.isImplicit ? "get" : methodOf(form.element),
      is_implicit: form.isImplicit,
      fields: form.fields,
      submits: form.submits.length ? form.submits : form.buttons.slice(-1),
      heading: this.#heading(form),
      box: boxOf(form.element),
    }));
  }

  #add(element, {heading, at}, isImplicit) {
    this.#numbers.set(element, this.#forms.length);
    this.#forms.push({element, heading, at, isImplicit, fields: [], submits: [], buttons: [], isDone: false});
  }

  #owner(actor) {
    const {element, context} = actor;
    const own = element instanceof HTMLElement && "form" in element ? element.form : null;
    if (own && this.#numbers.has(own)) return own;
    if (own === null && hasAttribute(element, "form")) return null;
    return context.form?.element ?? null;
  }

  #join(number, actor, item, i) {
    const form = this.#forms[number];
    if (number >= this.limits.forms) return;
    item.form = number;
    const isFile = actor.element.type === "file";
    if (FIELDS.has(actor.role) || isFile) form.fields.push(i);
    else if (actor.role === "button" && this.#submits(actor, form)) form.submits.push(i);
    else if (actor.role === "button" && actor.element.type !== "reset") form.buttons.push(i);
  }

  #submits(actor, form) {
    return !form.isImplicit && (actor.tag === "button" || actor.tag === "input") && SUBMITS.has(actor.element.type);
  }

  #name(element) {
    const labels = byIds(element, attribute(element, "aria-labelledby")).map((node) => textOf(node, 300));
    const said = attribute(element, "aria-label") || labels.join(" ");
    return line(said || attribute(element, "name") || attribute(element, "id") || "", this.limits.name);
  }

  // A heading or legend within, else the last heading before.
  #heading(form) {
    const within = selectIn(form.element, "legend, h1, h2, h3, h4, h5, h6, [role='heading']")[0];
    if (within) return textOf(within, this.limits.name);
    return form.heading ? form.heading.text : "";
  }

  #headingBefore(actor) {
    return this.headings.findLast((heading) => heading.at < actor.at) ?? null;
  }
}

function groupOf(element) {
  const isGroup = (at) => GROUPS.has(localName(at)) || attribute(at, "role") === "group" || isOwn(at);
  return closest(element, isGroup) ?? documentElement;
}

function isOwn(element) {
  return OWN_TAGS.has(localName(element)) || OWN_ROLES.has(attribute(element, "role"));
}

function methodOf(element) {
  const said = (attribute(element, "method") ?? "").toLowerCase();
  return said === "post" || said === "dialog" ? said : "get";
}
