// What a stored page is called as a file.

const MOST = 80;

/** "docs.example.org-guide-install.md": only letters, digits, points and dashes, whatever the address holds. */
export function fileNameOf(url: string): string {
  const { host, pathname } = URL.canParse(url) ? new URL(url) : { host: "", pathname: url };
  const path = decoded(pathname).replace(/\.(html?|php|aspx?)$/i, "");
  const name = `${host}${path}`.replace(/[^\p{L}\p{N}.]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "");
  return `${name.slice(0, MOST).replace(/[\uD800-\uDBFF]$/, "") || "page"}.md`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
