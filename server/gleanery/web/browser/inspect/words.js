// Text as it goes out: without control characters, in one line, cut at a length with "…".

function whole(text) {
  return String(text ?? "").toWellFormed();
}

function cut(text, most) {
  const all = whole(text);
  return all.length <= most ? all : `${all.slice(0, most - 1).toWellFormed().replace(/\ufffd$/, "")}…`;
}

function line(text, most) {
  const some = String(text ?? "").slice(0, most * 4 + 1000);
  return cut(some.replace(/[\s\u0000-\u001f\u007f-\u009f\u200b\ufeff]+/g, " ").trim(), most);
}

// The text of an element without what is never read to anybody.
function textOf(element, most) {
  const parts = [];
  let length = 0;
  const gather = (node) => {
    const stack = [node];
    while (stack.length && length < most * 4) {
      const at = stack.pop();
      if (nodeType(at) === TEXT) {
        parts.push(at.data);
        length += at.data.length;
        continue;
      }
      if (nodeType(at) !== ELEMENT || UNREAD.has(localName(at))) continue;
      const children = [];
      for (let child = firstChild(at); child; child = nextSibling(child)) children.push(child);
      if (BREAKS.has(localName(at))) parts.push(" ");
      for (let i = children.length - 1; i >= 0; i--) stack.push(children[i]);
    }
  };
  gather(element);
  return line(parts.join(""), most);
}

const UNREAD = new Set(["script", "style", "template", "noscript", "head", "select", "textarea", "datalist"]);
const BREAKS = new Set(["br", "p", "div", "li", "dt", "dd", "tr", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6", "pre"]);

function things(number, one, many) {
  return `${counted(number)} ${number === 1 ? one : many}`;
}

function counted(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}
