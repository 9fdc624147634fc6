/** The languages of the application: add one here and give it a folder of catalogues. */

export interface Language {
  /** BCP 47 code, also the name of the folder under `locales/`. */
  code: string;
  /** The language's own name for itself. */
  name: string;
  direction: "ltr" | "rtl";
  /** Locale given to Intl: the digits of the office are part of it. */
  locale: string;
}

export const languages: readonly Language[] = [
  { code: "en", name: "English", direction: "ltr", locale: "en-GB" },
  { code: "ar", name: "العربية", direction: "rtl", locale: "ar-u-nu-arab" },
];

const fallback: Language = { code: "en", name: "English", direction: "ltr", locale: "en-GB" };

/** Returns the language with this code, or English. */
export function languageOf(code: string): Language {
  return languages.find((one) => one.code === code) ?? fallback;
}
