// What the document says of itself.

function headOf(limits, notes) {
  const {meta, graph} = metaOf(limits);
  return {
    title: line(fromDocument("title"), limits.name),
    language: line(attribute(documentElement, "lang") ?? attribute(documentElement, "xml:lang"), 50) || null,
    direction: getComputedStyle(documentElement).direction === "rtl" ? "rtl" : "ltr",
    charset: fromDocument("characterSet"),
    canonical: linked(limits, "canonical"),
    icon: linked(limits, "icon"),
    meta,
    open_graph: graph,
    json_ld: jsonLd(limits, notes),
    alternates: alternates(limits),
  };
}

function metaOf(limits) {
  const [meta, graph] = [{}, {}];
  for (const element of [...selectInDocument("meta")].slice(0, limits.meta)) {
    const name = line(attribute(element, "property") || attribute(element, "name") || attribute(element, "http-equiv"), 100);
    const content = attribute(element, "content");
    if (!name || content === null || name === "__proto__") continue;
    const into = name.toLowerCase().startsWith("og:") ? graph : meta;
    into[name] ??= line(content, limits.value);
  }
  return {meta, graph};
}

function linked(limits, relation) {
  const found = selectOneInDocument(`link[rel~="${relation}" i][href]`);
  return found ? cut(found.href, limits.href) : null;
}

function alternates(limits) {
  return [...selectInDocument('link[rel~="alternate" i][href]')].slice(0, limits.alternates).map((element) => {
    const taken = {href: cut(element.href, limits.href)};
    for (const name of ["hreflang", "type", "title", "media"]) {
      if (attribute(element, name)) taken[name] = line(attribute(element, name), 200);
    }
    return taken;
  });
}

function jsonLd(limits, notes) {
  const scripts = [...selectInDocument('script[type^="application/ld+json" i]')];
  const read = [];
  let refused = Math.max(0, scripts.length - limits.jsonLd);
  for (const script of scripts.slice(0, limits.jsonLd)) {
    const text = textContent(script);
    const value = text.length > limits.jsonLdCharacters ? undefined : parsed(text);
    if (value === undefined || depthOf(value) > 40) refused += 1;
    else read.push(value);
  }
  const left = `${counted(refused)} of ${counted(scripts.length)}`;
  if (refused) notes.push(`${left} JSON-LD blocks are broken, too long or too deep, and left out.`);
  return read;
}

// Strings in it go out well-formed, like all others.
function parsed(text) {
  try {
    const clean = text.trim().replace(/^<!\[CDATA\[|\]\]>$|^<!--|-->$/g, "");
    return JSON.parse(clean, (_, value) => (typeof value === "string" ? value.toWellFormed() : value));
  } catch {
    return undefined;
  }
}

function depthOf(value) {
  let depth = 0;
  let level = [value];
  while (level.length && depth <= 41) {
    depth += 1;
    level = level.filter((one) => one !== null && typeof one === "object").flatMap((one) => Object.values(one));
  }
  return depth;
}
