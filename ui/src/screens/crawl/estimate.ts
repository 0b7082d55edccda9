// What a crawl takes, in words. Pure.

import { counted, duration } from "../../text/format";
import type { EstimateShape } from "../../wire";

const DOLLARS = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 2 });

export function pagesText({ pages, is_whole: isWhole }: EstimateShape): string {
  return `${counted(pages, "page")}${isWhole ? "" : " known so far"}`;
}

export function timeText({ seconds, embed_seconds: embedSeconds }: EstimateShape): string {
  const crawl = `${about(seconds)} until all is found by words`;
  return embedSeconds > 2 * Math.max(seconds, 1) ? `${crawl}, ${about(embedSeconds)} by meaning` : crawl;
}

export function about(seconds: number): string {
  return seconds < 1 ? "under a second" : `about ${duration(rounded(seconds))}`;
}

/** Two digits: it is a guess. */
function rounded(seconds: number): number {
  return seconds < 100 ? Math.round(seconds) : Number(seconds.toPrecision(2));
}

export function costText(estimate: EstimateShape): string {
  const { tokens, model, cost_usd: cost } = estimate;
  if (model === null) return "free: no model is set, search goes by words";
  const size = tokens === 0 ? "" : `, about ${counted(Number(tokens.toPrecision(2)), "token")}`;
  if (model.startsWith("local:")) return `free: vectors are made on this machine${size}`;
  const price = cost === null ? "at a price that isn't known" : moneyText(cost);
  return `${price} with ${model.replace(/^openai:/, "")}${size}`;
}

/** In a word or two. */
export function priceText({ model, cost_usd: cost }: EstimateShape): string {
  return cost === null ? "price unknown" : model === null || cost === 0 ? "free" : moneyText(cost);
}

function moneyText(dollars: number): string {
  if (dollars === 0) return "free";
  return dollars < 0.01 ? "under $0.01" : `about ${DOLLARS.format(dollars)}`;
}
