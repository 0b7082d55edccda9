// Choices that outlive the tab. Where the browser refuses storage they last as long as the page.

export function readPreference(name: string): string | null {
  try {
    return localStorage.getItem(`gleanery.${name}`);
  } catch {
    return null;
  }
}

export function keepPreference(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`gleanery.${name}`);
    else localStorage.setItem(`gleanery.${name}`, value);
  } catch {
    // nothing is lost but the choice
  }
}
