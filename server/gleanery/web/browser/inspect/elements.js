// What can be acted on, in detail.

const TEXT_TYPES = new Set([
  "text", "search", "email", "tel", "url", "number", "range", "date", "datetime-local", "month", "week", "time", "color",
]);
const SECRET = /(^|\s)(cc-[a-z-]+|current-password|new-password|one-time-code)(\s|$)/i;
const ARIA_STATES = ["checked", "selected", "expanded", "pressed", "readonly", "invalid", "busy", "multiline", "current"];
const HINTED = 4;

class Elements {
  constructor(limits, roles, visibility, locators) {
    this.limits = limits;
    this.roles = roles;
    this.visibility = visibility;
    this.locators = locators;
    this.focused = fromDocument("activeElement");
  }

  item(actor) {
    const {element, tag, role} = actor;
    const name = this.#name(element, tag);
    const options = this.#options(element, tag);
    const shown = (tag === "area" ? imageOf(element) : null) ?? element;
    const rect = shown === element ? rectOf(element) : areaRect(element, shown);
    return {
      at: actor.at,
      form: null,
      landmark: actor.context.landmark?.index ?? null,
      role: role === "generic" || role === "none" ? this.#roleless(actor) : role,
      name,
      description: this.#description(element, name),
      tag: cut(tag, 100),
      evidence: actor.why,
      input_type: tag === "input" || tag === "button" ? element.type : null,
      value: this.#value(element, tag, role),
      placeholder: this.#placeholder(element),
      href: this.#href(element, tag),
      ...this.#said(element),
      states: this.#states(element, tag, role),
      is_required: element.required === true || attribute(element, "aria-required") === "true",
      is_visible: this.visibility.isVisible(shown, rect),
      is_enabled: !actor.context.isBarred && !matches(element, ":disabled"),
      is_in_viewport: isInViewport(rect),
      options: options.slice(0, this.limits.options).map((option) => this.#option(option)),
      option_count: options.length,
      box: rect.width > 0 || rect.height > 0 ? boxIn(rect) : null,
      shown_box: this.visibility.shownBox(shown, rect),
      locator: this.locators.find(element),
    };
  }

  // Something that reacts, and doesn't say as what.
  #roleless(actor) {
    return actor.tag === "video" || actor.tag === "audio" ? actor.tag : "generic";
  }

  // Chromium names a file by what is chosen too, and a film by what goes wrong with it.
  #name(element, tag) {
    const isOdd = element.type === "file" || tag === "video" || tag === "audio" || tag === "area";
    const said = isOdd ? labelOf(element) || attribute(element, "aria-label") || attribute(element, "alt") : "";
    const name = line(said, this.limits.name) || this.roles.named(element, this.limits.name);
    return name || line(attribute(element, "aria-label") || attribute(element, "title"), this.limits.name)
      || (typeof element.value === "string" ? "" : textOf(element, this.limits.name));
  }

  #description(element, name) {
    const described = byIds(element, attribute(element, "aria-describedby")).map((node) => textOf(node, this.limits.name));
    const said = described.join(" ") || attribute(element, "aria-description") || attribute(element, "title") || "";
    const description = line(said, this.limits.name);
    return description === name ? "" : description;
  }

  #value(element, tag, role) {
    const most = this.limits.value;
    if (tag === "select") return line([...element.selectedOptions].map((option) => option.label).join(", "), most);
    if (tag === "textarea") return isSecret(element) ? null : cut(element.value, most);
    if (tag === "input") return this.#inputValue(element, most);
    if (isEditingHost(element)) return line(textContent(element), most);
    const said = attribute(element, "aria-valuetext") ?? attribute(element, "aria-valuenow");
    if (said !== null) return line(said, most);
    return role === "combobox" || role === "textbox" ? line(textContent(element), most) : null;
  }

  #inputValue(element, most) {
    if (TEXT_TYPES.has(element.type)) return isSecret(element) ? null : cut(element.value, most);
    const isChoice = element.type === "checkbox" || element.type === "radio";
    return isChoice && hasAttribute(element, "value") ? cut(attribute(element, "value"), most) : null;
  }

  #placeholder(element) {
    const said = attribute(element, "placeholder") ?? attribute(element, "aria-placeholder");
    return said === null ? null : line(said, this.limits.name);
  }

  #href(element, tag) {
    if (tag !== "a" && tag !== "area") return null;
    if (isHtml(element)) return hasAttribute(element, "href") ? cut(element.href, this.limits.href) : null;
    const said = attribute(element, "href") ?? attribute(element, "xlink:href");
    return said === null ? null : cut(resolved(said), this.limits.href);
  }

  // Attributes as they stand, by which rules tell what it is for.
  #said(element) {
    const short = (name) => {
      const said = attribute(element, name);
      return said ? line(said, this.limits.name) : null;
    };
    const field = short("name") ?? short("ng-model") ?? short("formcontrolname");
    const attributes = {rel: short("rel"), autocomplete: short("autocomplete"), field_name: field, html_id: short("id")};
    return {...attributes, hints: this.#hints(element)};
  }

  #hints(element) {
    const words = [];
    for (let at = element, i = 0; at && i < HINTED && at !== documentElement; at = parentElement(at), i++) {
      if (hasAttributes(at)) words.push(attribute(at, "class") ?? "", attribute(at, "id") ?? "");
    }
    return line(words.join(" "), this.limits.name);
  }

  #states(element, tag, role) {
    const states = {};
    if (tag === "input" && (element.type === "checkbox" || element.type === "radio")) {
      states.checked = element.indeterminate ? "mixed" : element.checked;
    }
    if (tag === "summary") states.expanded = parentElement(element).open === true;
    if (tag === "select" && element.multiple) states.multiselectable = true;
    if (tag === "textarea" || (isEditingHost(element) && role === "textbox")) states.multiline = true;
    if (element.readOnly === true && (tag === "textarea" || TEXT_TYPES.has(element.type) || element.type === "password")) {
      states.readonly = true;
    }
    for (const name of hasAttributes(element) ? ARIA_STATES : []) {
      const said = attribute(element, `aria-${name}`)?.trim().toLowerCase();
      if (said && said !== "undefined") states[name] ??= said === "mixed" ? "mixed" : said !== "false";
    }
    if (this.#isInvalid(element)) states.invalid = true;
    const popup = attribute(element, "aria-haspopup");
    if (popup && popup !== "false") states.haspopup = true;
    if (element === this.focused || isFocusedIn(element)) states.focused = true;
    return states;
  }

  #isInvalid(element) {
    return element.willValidate === true && matches(element, ":user-invalid");
  }

  #options(element, tag) {
    if (tag === "select") return [...element.options];
    if (tag === "input") return element.list ? [...element.list.options] : [];
    const role = attribute(element, "role");
    if (role !== "listbox" && role !== "combobox") return [];
    const owned = byIds(element, `${attribute(element, "aria-owns") ?? ""} ${attribute(element, "aria-controls") ?? ""}`);
    return [element, ...owned].flatMap((root) => [...selectIn(root, '[role="option"]')]);
  }

  #option(option) {
    const isNative = option instanceof HTMLOptionElement;
    return {
      label: line(isNative ? option.label : textOf(option, this.limits.name), this.limits.name),
      value: cut(isNative ? option.value : attribute(option, "data-value") ?? "", this.limits.name),
      is_selected: isNative ? option.selected : attribute(option, "aria-selected") === "true",
      is_enabled: isNative ? !matches(option, ":disabled") : attribute(option, "aria-disabled") !== "true",
    };
  }
}

// Passwords, card numbers and codes stay where they are; dots in place of letters say that it is one of them.
function isSecret(element) {
  if (element.type === "password" || SECRET.test(attribute(element, "autocomplete") ?? "")) return true;
  return getComputedStyle(element).webkitTextSecurity !== "none";
}

function isFocusedIn(element) {
  const root = rootOf(element);
  return isShadowRoot(root) && root.activeElement === element;
}

function resolved(href) {
  try {
    return new URL(href, fromDocument("URL")).href;
  } catch {
    return href;
  }
}
