// The API key of this tab, kept until the tab is closed, and whether the server has asked for one.

const NAME = "gleanery.key";

export class Session {
  private current: string | null;
  private isAsking = false;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly storage: Storage | null) {
    this.current = storage?.getItem(NAME) ?? null;
  }

  get key(): string | null {
    return this.current;
  }

  /** Whether a dialog should ask for the key. */
  get isKeyWanted(): boolean {
    return this.isAsking;
  }

  wantKey(): void {
    this.set(this.current, true);
  }

  keepKey(key: string): void {
    this.storage?.setItem(NAME, key);
    this.set(key, false);
  }

  forgetKey(): void {
    this.storage?.removeItem(NAME);
    this.set(null, false);
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  private set(key: string | null, isAsking: boolean): void {
    const isChanged = key !== this.current || isAsking !== this.isAsking;
    this.current = key;
    this.isAsking = isAsking;
    if (isChanged) for (const listener of this.listeners) listener();
  }
}

/** The storage; null where the browser refuses it. */
export function tabStorage(): Storage | null {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}
