// What stands in the fields of a form, before it is sent.

import { ApiError } from "./api";

export function isOf<Name extends string>(names: Readonly<Record<Name, true>>, value: string): value is Name {
  return Object.hasOwn(names, value);
}

export function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value.trim() : "";
}

/** Null where the field is empty. Throws an ApiError that names it where it is no number, as the server would. */
export function number(form: FormData, name: string): number | null {
  const written = text(form, name).replace(/(?<=\d)[ ,](?=\d{3}\b)/g, "");
  if (written === "") return null;
  const value = Number(written);
  if (Number.isFinite(value)) return value;
  throw new ApiError(422, { code: "invalid_field", message: `${name}: must be a number`, details: { field: name, reason: "must be a number" } });
}

export function list(form: FormData, name: string, separator: RegExp): string[] {
  return text(form, name)
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
