// Embedders in words, and what a form says of one as a request.

import type { EmbedderKind, EmbedderRequest, EmbeddingEstimate, ModelShape } from "../wire";
import { count, counted, duration } from "./format";

export const KIND_NAMES: Readonly<Record<EmbedderKind, string>> = {
  local: "On this machine",
  openai: "OpenAI, or a server that speaks its API",
  none: "None: search finds by words",
};

/** How much of what search can see has a vector; 100 where there is nothing yet. */
export function coverage({ texts, embedded, failed }: Pick<ModelShape, "texts" | "embedded" | "failed">): number {
  return texts === 0 ? 100 : (100 * (embedded + failed)) / texts;
}

/** "1,204 of 1,210 texts have a vector, 2 were refused". */
export function coverageText({ texts, embedded, failed }: Pick<ModelShape, "texts" | "embedded" | "failed">): string {
  if (texts === 0) return "There are no texts yet.";
  const refused = failed === 0 ? "" : `, ${count(failed)} ${failed === 1 ? "was" : "were"} refused`;
  return `${count(embedded)} of ${counted(texts, "text")} ${texts === 1 ? "has" : "have"} a vector${refused}`;
}

/** What the change would take, as facts to read one after the other. */
export function estimateFacts(estimate: EmbeddingEstimate): readonly { readonly label: string; readonly value: string }[] {
  const about = estimate.is_exact ? "" : "about ";
  return [
    { label: "Texts without a vector", value: count(estimate.texts) },
    { label: "Tokens", value: `${about}${count(estimate.tokens)}` },
    { label: "Cost", value: costText(estimate) },
    { label: "Time", value: estimate.texts === 0 ? "none" : `about ${duration(estimate.seconds)}` },
  ];
}

function costText({ cost_usd: cost }: EmbeddingEstimate): string {
  if (cost === null) return "not known: give a price";
  if (cost === 0) return "free";
  return cost < 0.01 ? "less than $0.01" : `$${cost.toFixed(2)}`;
}

export interface EmbedderForm {
  readonly kind: EmbedderKind;
  readonly model: string;
  readonly dimensions: string;
  readonly baseUrl: string;
  readonly price: string;
}

/** The request. What is empty is left to the server; limits are those of `base`, so that a change of model keeps them. */
export function embedderRequest(form: EmbedderForm, base: EmbedderRequest | null): EmbedderRequest {
  if (form.kind !== "openai") return { kind: form.kind };
  const limits = base?.kind === "openai" ? base : null;
  return {
    ...limits,
    kind: "openai",
    model: form.model.trim(),
    dimensions: form.dimensions.trim() === "" ? null : Number(form.dimensions),
    base_url: form.baseUrl.trim() === "" ? null : form.baseUrl.trim(),
    price_per_million: form.price.trim() === "" ? null : Number(form.price),
  };
}
