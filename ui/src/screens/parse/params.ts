import { type Raw, text } from "../../params";

/** `again` is the id of a parse whose options are taken, `url` what stands in the field. */
export interface ParseParams {
  readonly again?: string;
  readonly url?: string;
}

export function parseParams(raw: Raw): ParseParams {
  return { ...text("again", raw.again), ...text("url", raw.url) };
}
