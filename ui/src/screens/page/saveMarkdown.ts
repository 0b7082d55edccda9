// Saves a page as a file that is named after its address.

import { fileNameOf } from "../../text/fileName";
import type { PageShape } from "../../wire";

export function saveMarkdown({ markdown, url }: PageShape): void {
  const address = URL.createObjectURL(new Blob([markdown], { type: "text/markdown;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = fileNameOf(url);
  link.click();
  URL.revokeObjectURL(address);
}
