/** What this browser remembers between visits: theme, language and whether single-letter keys work. Nothing of the office's papers. */
import { changeLanguage } from "../i18n";
import { createStore } from "./store";

export type Theme = "system" | "light" | "dark" | "contrast";
export const themes: readonly Theme[] = ["system", "light", "dark", "contrast"];

export interface Preferences {
  theme: Theme;
  language: string;
  singleKeys: boolean;
}

const place = "cartulary.preferences";

function read(): Preferences {
  let kept: Partial<Preferences> = {};
  try {
    kept = JSON.parse(localStorage.getItem(place) ?? "{}") as Partial<Preferences>;
  } catch {
    // Storage is shut or damaged: the defaults hold.
  }
  return {
    theme: themes.includes(kept.theme as Theme) ? (kept.theme as Theme) : "system",
    language: typeof kept.language === "string" ? kept.language : document.documentElement.lang,
    singleKeys: kept.singleKeys !== false,
  };
}

export const preferences = createStore<Preferences>(read());

const darker = matchMedia("(prefers-color-scheme: dark)");
const stronger = matchMedia("(prefers-contrast: more)");

function applyTheme(): void {
  const { theme } = preferences.get();
  const system = stronger.matches ? "contrast" : darker.matches ? "dark" : "light";
  document.documentElement.dataset["theme"] = theme === "system" ? system : theme;
}

/** Keeps one preference and lets it take effect at once. */
export function prefer(change: Partial<Preferences>): void {
  preferences.set((old) => ({ ...old, ...change }));
  try {
    localStorage.setItem(place, JSON.stringify(preferences.get()));
  } catch {
    // It holds for this visit.
  }
  applyTheme();
  if (change.language !== undefined) void changeLanguage(change.language);
}

/** Follows the system's theme while the preference says so. */
export function startPreferences(): void {
  applyTheme();
  darker.addEventListener("change", applyTheme);
  stronger.addEventListener("change", applyTheme);
}
