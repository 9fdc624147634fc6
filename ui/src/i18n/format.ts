/** Numbers, sizes, dates and spans of time as the language writes them: the only door to Intl. */

export interface Format {
  number(value: number): string;
  /** A text such as `1.3` or `2026` with the digits of the language, otherwise as it is. */
  digits(text: string): string;
  percent(share: number): string;
  bytes(count: number): string;
  date(instant: string | undefined): string;
  dateTime(instant: string | undefined): string;
  /** A span such as "2 min 5 s", from seconds. */
  span(seconds: number): string;
  list(items: string[]): string;
}

/** A number and its unit stay on one line. */
const together = (text: string) => text.replaceAll(" ", "\u00a0");

const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** Picks the unit in which a count of bytes reads best: at most four figures. */
export function scaleBytes(count: number): { value: number; unit: (typeof units)[number] } {
  let value = count;
  let step = 0;
  while (value >= 1000 && step < units.length - 1) {
    value /= 1000;
    step += 1;
  }
  return { value, unit: units[step] ?? "byte" };
}

const cache = new Map<string, Format>();

/** Returns the formats of a locale such as `ar-u-nu-arab`. */
export function createFormat(locale: string): Format {
  const known = cache.get(locale);
  if (known !== undefined) return known;
  const number = new Intl.NumberFormat(locale);
  const plain = new Intl.NumberFormat(locale, { useGrouping: false });
  const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
  const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
  const minute = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  const list = new Intl.ListFormat(locale, { type: "conjunction" });
  // The short form of a byte takes no plural in some languages.
  const part = (value: number, unit: string, digits = 0) =>
    together(new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: unit === "byte" ? "long" : "short", maximumFractionDigits: digits }).format(value));
  const instant = (text: string | undefined, show: Intl.DateTimeFormat) => {
    const date = text === undefined ? undefined : new Date(text);
    return date === undefined || Number.isNaN(date.getTime()) ? "" : show.format(date);
  };
  const format: Format = {
    number: (value) => number.format(value),
    digits(text) {
      const shown = text.replace(/[0-9]/g, (digit) => plain.format(Number(digit)));
      // Arabic digits have no direction of their own: without a mark the plus of `1.1+` would stand before the number.
      return shown !== text && shown.endsWith("+") ? `\u200f${shown}` : shown;
    },
    percent: (share) => together(percent.format(share)),
    bytes(count) {
      const { value, unit } = scaleBytes(count);
      return part(value, unit, value < 10 && unit !== "byte" ? 1 : 0);
    },
    date: (text) => instant(text, day),
    dateTime: (text) => instant(text, minute),
    span(seconds) {
      const whole = Math.max(0, Math.round(seconds));
      if (whole < 60) return part(whole, "second");
      if (whole < 3600) return [part(Math.floor(whole / 60), "minute"), part(whole % 60, "second")].join(" ");
      return [part(Math.floor(whole / 3600), "hour"), part(Math.floor((whole % 3600) / 60), "minute")].join(" ");
    },
    list: (items) => list.format(items),
  };
  cache.set(locale, format);
  return format;
}

/** Reads a whole number typed with Latin or Arabic digits; `undefined` when it is none. */
export function parseWhole(text: string): number | undefined {
  const latin = text.trim().replace(/[٠-٩]/g, (digit) => String(digit.charCodeAt(0) - 0x660)).replace(/[۰-۹]/g, (digit) => String(digit.charCodeAt(0) - 0x6f0));
  return /^\d{1,9}$/.test(latin) ? Number(latin) : undefined;
}
