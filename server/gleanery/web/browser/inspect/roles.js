// Roles and names: the browser's own, from its accessibility tree. Where that can't be had, a plain guess by tag.

const WIDGETS = new Set([
  "button", "checkbox", "combobox", "link", "listbox", "menuitem", "menuitemcheckbox", "menuitemradio", "option", "radio",
  "scrollbar", "searchbox", "slider", "spinbutton", "switch", "tab", "textbox", "treeitem",
]);
const LANDMARKS = new Set([
  "banner", "navigation", "main", "complementary", "contentinfo", "search", "form", "region", "dialog", "alertdialog",
]);
const FIELDS = new Set([
  "checkbox", "combobox", "listbox", "radio", "searchbox", "slider", "spinbutton", "switch", "textbox",
]);
const CONTROLS = new Set(["a", "area", "button", "input", "select", "textarea", "summary", "video", "audio"]);
const SECTIONS = new Set(["header", "nav", "main", "aside", "footer", "form", "search", "section"]);

const BY_TAG = {
  a: "link", area: "link", button: "button", select: "combobox", textarea: "textbox", summary: "button", header: "banner",
  nav: "navigation", main: "main", aside: "complementary", footer: "contentinfo", form: "form", search: "search",
  section: "region", video: "video", audio: "audio", table: "table", h1: "heading", h2: "heading", h3: "heading",
  h4: "heading", h5: "heading", h6: "heading",
};
// What has no role in ARIA, or none of its own in the tree.
const BY_TYPE = {
  button: "button", submit: "button", reset: "button", image: "button", file: "button", checkbox: "checkbox",
  radio: "radio", range: "slider", number: "spinbutton", search: "searchbox",
};

// Of which there is no doubt, as long as no other role is given.
const USUAL = {button: "button", textarea: "textbox", summary: "button", nav: "navigation", main: "main"};

// A section is a region when one of these names it.
const NAMING = ["aria-label", "aria-labelledby", "title"];

class Roles {
  constructor(hasTree) {
    this.hasTree = hasTree && "computedRole" in Element.prototype;
    this.role = this.hasTree ? get(Element.prototype, "computedRole") : () => "";
    // The tree knows no text of what is not laid out.
    this.hasUnnamed = false;
    this.name = this.hasTree ? get(Element.prototype, "computedName") : (element) => this.#plainName(element);
  }

  of(element) {
    const usual = hasAttribute(element, "role") ? undefined : this.#usual(element);
    if (usual !== undefined && isHtml(element)) return usual;
    const role = this.role(element);
    return role && role !== "generic" && role !== "none" ? role : this.#plain(element, role);
  }

  // Each question makes the browser bring its tree up to date: what is known without is not asked.
  #usual(element) {
    const tag = localName(element);
    return tag === "section" && !NAMING.some((name) => hasAttribute(element, name)) ? "generic" : USUAL[tag];
  }

  named(element, most) {
    return line(this.name(element) || (this.hasUnnamed ? this.#plainName(element) : ""), most);
  }

  #plain(element, role) {
    const said = (attribute(element, "role") || "").trim().split(/\s+/)[0].toLowerCase();
    if (!this.hasTree && said) return said;
    const tag = localName(element);
    if (tag === "input") return BY_TYPE[element.type] ?? "textbox";
    if (tag === "a" && !hasAttribute(element, "href")) return "generic";
    // What the tree calls generic is so: a header within an article, a section without a name.
    if (this.hasTree && role !== "" && !CONTROLS.has(tag)) return "generic";
    if (!this.hasTree && tag === "section") return this.#plainName(element) ? "region" : "generic";
    return (CONTROLS.has(tag) || !this.hasTree ? BY_TAG[tag] : undefined) ?? "generic";
  }

  #plainName(element) {
    const labelled = byIds(element, attribute(element, "aria-labelledby")).map((node) => textOf(node, 300)).join(" ");
    if (labelled) return labelled;
    const said = attribute(element, "aria-label") || labelOf(element) || attribute(element, "alt");
    if (said) return said;
    const tag = localName(element);
    if (tag === "input" && /^(submit|button|reset)$/.test(element.type)) return element.value || element.type;
    const text = FROM_TEXT.has(tag) || hasAttribute(element, "role") ? textOf(element, 300) : "";
    return text || attribute(element, "title") || attribute(element, "placeholder") || "";
  }
}

const FROM_TEXT = new Set(["a", "button", "summary", "h1", "h2", "h3", "h4", "h5", "h6"]);

function labelOf(element) {
  const labels = element.labels;
  return labels instanceof NodeList ? [...labels].map((label) => textOf(label, 300)).join(" ") : "";
}
