/** Catalogues loaded by language and area, the hook that reads them, and the direction of the page. */
import { createInstance, type BackendModule, type i18n as I18n } from "i18next";
import { useMemo, useSyncExternalStore } from "react";
import { createFormat, type Format } from "./format";
import { languageOf, type Language } from "./languages";
import { harmless } from "../ui/harmless";

type Catalogue = Record<string, unknown>;

const loaders = import.meta.glob<{ default: Catalogue }>("./locales/*/*.json");

/** Reads `locales/<language>/<area>.json`, a chunk of its own, when it is first asked for. */
const backend: BackendModule = {
  type: "backend",
  init() {},
  read(language, area, done) {
    const load = loaders[`./locales/${language}/${area}.json`];
    if (load === undefined) return done(new Error(`no catalogue ${language}/${area}`), false);
    load().then((file) => done(null, file.default), (fault: unknown) => done(fault as Error, false));
  },
};

/** Areas that every screen needs. */
const always = ["common", "errors", "session"];

const instance: I18n = createInstance();
let revision = 0;
const listeners = new Set<() => void>();
const changed = () => {
  revision += 1;
  for (const listener of listeners) listener();
};

/** Starts with the language of this browser; resolves when the first texts are there. */
export async function startI18n(code: string): Promise<void> {
  instance.on("languageChanged", changed);
  await instance.use(backend).init({
    lng: languageOf(code).code,
    fallbackLng: false,
    ns: always,
    defaultNS: "common",
    interpolation: { escapeValue: false },
    returnNull: false,
    showSupportNotice: false,
  } as Parameters<I18n["init"]>[0]);
  instance.store.on("added", changed);
  applyDirection();
}

/** Loads the catalogues of an area before its screen is shown. */
export async function loadAreas(...areas: string[]): Promise<void> {
  await instance.loadNamespaces(areas);
}

/** Changes the language in place; nothing that was typed is lost. */
export async function changeLanguage(code: string): Promise<void> {
  await instance.changeLanguage(languageOf(code).code);
  applyDirection();
}

function applyDirection(): void {
  const { code, direction } = languageOf(instance.language);
  document.documentElement.lang = code;
  document.documentElement.dir = direction;
}

export type Params = Record<string, string | number | undefined>;
export type Translate = (key: string, params?: Params) => string;

/** Wraps a value in first-strong isolates, so that a Latin name inside an Arabic sentence moves nothing around it; nothing in it ends them. */
const isolate = (value: string) => `\u2068${harmless(value)}\u2069`;

function translator(language: Language, format: Format): Translate {
  return (key, params) => {
    if (params === undefined) return instance.t(key, { lng: language.code });
    const shown: Record<string, string | number> = {};
    for (const [name, value] of Object.entries(params)) {
      if (name === "count") shown[name] = value as number;
      else if (value !== undefined) shown[name] = typeof value === "number" ? format.number(value) : isolate(value);
    }
    if (typeof params["count"] === "number") shown["n"] = format.number(params["count"]);
    return instance.t(key, { ...shown, lng: language.code });
  };
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

/** Gives the texts, the formats and the language of now; the component is drawn again when they change. */
export function useI18n(): { t: Translate; format: Format; language: Language } {
  const seen = useSyncExternalStore(subscribe, () => revision);
  return useMemo(() => {
    void seen;
    const language = languageOf(instance.language);
    const format = createFormat(language.locale);
    return { language, format, t: translator(language, format) };
  }, [seen]);
}

/** Picks what an office or a module calls something in the language of now; its first name when it has none. */
export function nameOfNow(name: string, names: Record<string, string> | undefined): string {
  return names?.[languageOf(instance.language).code] ?? name;
}

/** Whether a text stands under this key, for codes that the server may add before we have words for them. */
export function hasText(key: string): boolean {
  return instance.exists(key);
}
