// Numbers, times and sizes in words. Pure: "now" is always given.

const NUMBER = new Intl.NumberFormat("en");
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DAY_AND_TIME = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const DAY_AND_YEAR = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

export function count(value: number): string {
  return NUMBER.format(value);
}

/** "1 page", "1,080 pages". */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${NUMBER.format(value)} ${value === 1 ? one : many}`;
}

/** With a small first letter, to stand within a sentence. */
export function lowered(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** "3 Nov, 14:05". */
export function dateAndTime(at: string | number): string {
  return DAY_AND_TIME.format(new Date(at));
}

/** What is to come: "in 9 s", "in 5 h 3 min"; from a day on "3 Nov, 14:05", and the day alone where it is another year's. */
export function upcoming(at: string, now: number): string {
  const seconds = (Date.parse(at) - now) / 1000;
  if (seconds < 86_400) return `in ${duration(Math.max(0, seconds))}`;
  const isThisYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return isThisYear ? dateAndTime(at) : DAY_AND_YEAR.format(new Date(at));
}

export function clock(at: string | number): string {
  return CLOCK.format(new Date(at));
}

/** A length of time: "0.4 s", "9 s", "2 min 11 s", "3 h 5 min". */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.max(0, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return whole % 60 === 0 ? `${whole / 60} min` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** "just now", "2 min ago", "5 h ago", "3 Nov", "3 Nov 2024". */
export function ago(at: string, now: number): string {
  const seconds = (now - Date.parse(at)) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`;
  const date = new Date(at);
  return date.getFullYear() === new Date(now).getFullYear() ? DAY.format(date) : DAY_AND_YEAR.format(date);
}

export function bytes(size: number): string {
  if (size < 1000) return counted(size, "byte");
  const units = ["kB", "MB", "GB", "TB"];
  let value = size / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? ""}`;
}

/** A URL without what every URL has: "docs.example.org/guide". */
export function shortUrl(url: string): string {
  return url.replace(/^https?:\/\//, "").replace(/\/$/, "");
}

/** Its path and what follows, for where the host is known; "/" for the root. */
export function pathOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { pathname, search, hash } = new URL(url);
  return `${pathname}${search}${hash}`;
}
