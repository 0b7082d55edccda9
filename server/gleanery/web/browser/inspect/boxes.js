// Where things are, in CSS pixels of this frame's page, and whether they can be seen there.

const NOTHING = {left: 0, top: 0, right: 0, bottom: 0};

function rounded(number) {
  return Math.round(number * 100) / 100;
}

// Where the page begins on the left: what overflows a page that is read from the right lies there.
const ORIGIN = (() => {
  const isFromRight = getComputedStyle(documentBody ?? documentElement).direction === "rtl";
  return isFromRight ? scrollWidth(documentElement) - clientWidth(documentElement) : 0;
})();

function boxOf(element) {
  return boxIn(rectOf(element));
}

function boxIn(rect) {
  return {
    x: rounded(rect.left + scrollX + ORIGIN),
    y: rounded(rect.top + scrollY),
    width: rounded(rect.width),
    height: rounded(rect.height),
  };
}

function overlap(one, other) {
  return {
    left: Math.max(one.left, other.left),
    top: Math.max(one.top, other.top),
    right: Math.min(one.right, other.right),
    bottom: Math.min(one.bottom, other.bottom),
  };
}

function hasArea(rect) {
  return rect.right - rect.left > 1 && rect.bottom - rect.top > 1;
}

class Visibility {
  #clips = new Map();
  #windows = new Map();

  // Whether the element shows something of itself, or would if the page and its parts were scrolled.
  isVisible(element, rect) {
    if (!isShown(element, {opacityProperty: true, visibilityProperty: true})) return false;
    if (!hasArea(rect)) return this.#paintsOutside(element);
    const style = getComputedStyle(element);
    if (/^(rect\(0|rect\(1px,? 1px,? 1px)/.test(style.clip) || /inset\((50%|100%)/.test(style.clipPath)) return false;
    if (this.#isOffPage(rect)) return false;
    const clip = this.#clipAround(element, style);
    return clip === null || hasArea(overlap(rect, clip));
  }

  // The part of the element that a picture shows, in a frame that is shown as a whole: null for all of it.
  shownBox(element, rect) {
    const holder = this.#holder(element, getComputedStyle(element));
    const around = holder === null ? null : this.#cutOf(holder, this.#windows, false);
    if (around === null) return null;
    const seen = overlap(rect, around);
    const [width, height] = [Math.max(0, seen.right - seen.left), Math.max(0, seen.bottom - seen.top)];
    if (width >= rect.width - 1 && height >= rect.height - 1) return null;
    return boxIn({left: seen.left, top: seen.top, width: height && width, height: width && height});
  }

  // An inline link may have no size of its own while what it holds has one.
  #paintsOutside(element) {
    const child = firstElementChild(element);
    return child !== null && hasArea(rectOf(child)) && isShown(child, {opacityProperty: true, visibilityProperty: true});
  }

  #isOffPage(rect) {
    return rect.bottom + scrollY <= 0 || rect.right + scrollX + ORIGIN <= 0;
  }

  // What cuts the element off for good: null for nothing. What scrolls doesn't, as long as it can be seen itself.
  #clipAround(element, style) {
    const next = this.#holder(element, style);
    return next === null ? null : this.#cutOf(next, this.#clips, true);
  }

  #holder(element, style) {
    if (style.position === "fixed") return null;
    return style.position === "absolute" ? offsetParent(element) : composedParent(element);
  }

  #cutOf(element, known, mayScroll) {
    const chain = [];
    let at = element;
    while (at && at !== documentElement && at !== documentBody && !known.has(at)) {
      chain.push(at);
      at = this.#holder(at, getComputedStyle(at));
    }
    let cut = at && known.has(at) ? known.get(at) : null;
    for (const one of chain.reverse()) {
      cut = this.#cutWith(one, cut, mayScroll);
      known.set(one, cut);
    }
    return cut;
  }

  #cutWith(element, outer, mayScroll) {
    const style = getComputedStyle(element);
    if (style.overflowX === "visible" && style.overflowY === "visible") return outer;
    const rect = rectOf(element);
    const seen = outer === null ? rect : overlap(rect, outer);
    if (!hasArea(seen)) return NOTHING;
    const scrolls = mayScroll && /auto|scroll/.test(style.overflowX + style.overflowY);
    return scrolls ? null : seen;
  }
}

// The image that an area is part of, null for none.
function imageOf(area) {
  const map = closest(area, (at) => localName(at) === "map");
  const name = map && attribute(map, "name");
  return name ? selectOneInDocument(`img[usemap=${quoted(`#${name}`)}]`) : null;
}

function areaRect(area, image) {
  const whole = rectOf(image);
  const numbers = (attribute(area, "coords") ?? "").split(",").map(Number.parseFloat).filter(Number.isFinite);
  if (numbers.length < 3) return whole;
  const [x, y, radius] = numbers;
  const isCircle = (attribute(area, "shape") ?? "").toLowerCase().startsWith("circ");
  const across = isCircle ? [x - radius, x + radius] : numbers.filter((_, i) => i % 2 === 0);
  const down = isCircle ? [y - radius, y + radius] : numbers.filter((_, i) => i % 2 === 1);
  const [left, top] = [Math.min(...across), Math.min(...down)];
  return new DOMRect(whole.left + left, whole.top + top, Math.max(...across) - left, Math.max(...down) - top);
}

function isInViewport(rect) {
  return rect.bottom > 0 && rect.right > 0 && rect.top < innerHeight && rect.left < innerWidth;
}

function pageSize() {
  const roots = [documentElement, documentBody].filter(Boolean);
  return {
    width: Math.ceil(Math.max(0, ...roots.map(scrollWidth), ...roots.map(clientWidth))),
    height: Math.ceil(Math.max(0, ...roots.map(scrollHeight), ...roots.map(clientHeight))),
  };
}
