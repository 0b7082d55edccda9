import { type Raw, text } from "../../params";

export interface SourcesParams {
  readonly q?: string;
  readonly tag?: string;
}

export function sourcesParams(raw: Raw): SourcesParams {
  return { ...text("q", raw.q), ...text("tag", raw.tag) };
}
