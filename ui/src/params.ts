// What a page's URL says after the "?": read with care, since anybody can write it. Each page names its own in `params.ts`.

export type Raw = Readonly<Record<string, unknown>>;

export function text<Name extends string>(name: Name, value: unknown): { [_ in Name]?: string } {
  return typeof value === "string" && value !== "" ? ({ [name]: value } as { [_ in Name]: string }) : {};
}

export function oneOf<Name extends string, Value extends string>(
  name: Name,
  known: Readonly<Record<Value, true>>,
  value: unknown,
): { [_ in Name]?: Value } {
  const isKnown = typeof value === "string" && Object.hasOwn(known, value);
  return isKnown ? ({ [name]: value } as { [_ in Name]: Value }) : {};
}
