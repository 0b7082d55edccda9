// The folders that a crawl would take, as a tree whose branches can be switched off. Pure.
// A branch that is off becomes an exclude pattern of the crawl; what is off is kept as the topmost branches that are.

import type { BranchShape, EstimateShape } from "../../wire";

/** The server names so many folders of one, and counts the pages of others with those of the folder itself. */
const MOST_CHILDREN = 50;

export interface Branch {
  /** Its path; for the pages right in a folder that path with a star. */
  readonly id: string;
  readonly label: string;
  readonly pages: number;
  /** What leaves it out of a crawl. */
  readonly pattern: string;
  /** Pages that belong to none of the children and can't be switched off without them. */
  readonly rest: number;
  readonly children: readonly Branch[];
}

export type Off = ReadonlySet<string>;
export type Check = boolean | "mixed";

/** From the first folder on that has more than one other. */
export function scopeOf(root: BranchShape): Branch {
  let top = root;
  for (let only = top.children[0]; only !== undefined && only.pages === top.pages; only = top.children[0]) top = only;
  return branchOf(top, top.path);
}

function branchOf({ path, pages, children }: BranchShape, label: string): Branch {
  const own = pages - children.reduce((sum, child) => sum + child.pages, 0);
  const folders = children.map((child) => branchOf(child, child.path.slice(path.length)));
  const isOwnApart = children.length > 0 && children.length < MOST_CHILDREN && own > 0;
  const inside = { id: `${path}*`, label: "pages right in this folder", pages: own, pattern: `${globOf(path)}*`, rest: 0, children: [] };
  return {
    id: path,
    label,
    pages,
    pattern: `${globOf(path)}**`,
    rest: children.length === 0 || isOwnApart ? 0 : own,
    children: isOwnApart ? [inside, ...folders] : folders,
  };
}

/** The path, which is unescaped, as it stands in a pattern. A pattern with "://" would be one of whole URLs. */
function globOf(path: string): string {
  const escaped = path.replace(/[%?#]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  return escaped.replaceAll("://", "*//");
}

/** How each branch stands, by its id. */
export function checksOf(top: Branch, off: Off): ReadonlyMap<string, Check> {
  const checks = new Map<string, Check>();
  const visit = (branch: Branch, isOff: boolean): Check => {
    const isOffHere = isOff || off.has(branch.id);
    const below = branch.children.map((child) => visit(child, isOffHere));
    const check = isOffHere ? false : below.every((some) => some === true) ? true : "mixed";
    checks.set(branch.id, check);
    return check;
  };
  visit(top, false);
  return checks;
}

/** What is off once the branch is switched. A folder with nothing on in it is off itself. */
export function switched(top: Branch, off: Off, id: string, isOn: boolean): Off {
  const offIn = (branch: Branch, isOff: boolean): readonly string[] => {
    const isOffHere = isOff || off.has(branch.id);
    if (branch.id === id) return isOn ? [] : [branch.id];
    if (!id.startsWith(branch.id)) return isOffHere ? [branch.id] : branch.children.flatMap((child) => offIn(child, false));
    const below = branch.children.flatMap((child) => offIn(child, isOffHere));
    const isAllOff = branch.rest === 0 && branch.children.every((child) => below.includes(child.id));
    return isAllOff ? [branch.id] : below;
  };
  return new Set(offIn(top, false));
}

/** How many pages of the branch are left. */
export function pagesLeft(branch: Branch, off: Off): number {
  if (off.has(branch.id)) return 0;
  if (branch.children.length === 0) return branch.pages;
  return branch.rest + branch.children.reduce((sum, child) => sum + pagesLeft(child, off), 0);
}

/** The exclude patterns of what is off, in the tree's order. */
export function patternsOf(branch: Branch, off: Off): readonly string[] {
  return off.has(branch.id) ? [branch.pattern] : branch.children.flatMap((child) => patternsOf(child, off));
}

/** The estimate of what is left. The start is always taken, and never more than the crawl may store. */
export function estimateOf(estimate: EstimateShape, top: Branch, off: Off): EstimateShape {
  if (off.size === 0 || estimate.pages === 0) return estimate;
  const most = estimate.pages < top.pages ? estimate.pages : Infinity;
  const pages = Math.min(most, Math.max(1, pagesLeft(top, off)));
  const share = pages / estimate.pages;
  return {
    ...estimate,
    pages,
    seconds: estimate.seconds * share,
    tokens: Math.round(estimate.tokens * share),
    embed_seconds: estimate.embed_seconds * share,
    cost_usd: estimate.cost_usd === null ? null : estimate.cost_usd * share,
  };
}
