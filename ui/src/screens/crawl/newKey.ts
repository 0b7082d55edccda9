/** An idempotency key. `crypto.randomUUID` is missing on plain http of another machine, random values are not. */
export function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
