/** What the jump box offers: places of the application, dossiers by number and title, papers, and the search for what was typed. */
import type { Hit, Summary } from "../api/types";
import type { Translate } from "../i18n";

export type Offer =
  | { kind: "place"; label: string; to: "/dossiers" | "/search" }
  | { kind: "dossier"; id: string; number: string; title: string }
  | { kind: "paper"; id: string; doc: string; number: string; title: string }
  | { kind: "search"; q: string };

export type Place = Extract<Offer, { kind: "place" }>;

/** Lists the places one can go to. */
export const places = (t: Translate): Place[] => [
  { kind: "place", label: t("common:key.dossiers"), to: "/dossiers" },
  { kind: "place", label: t("common:key.search"), to: "/search" },
];

const folded = (text: string) => text.normalize("NFKD").replace(/[\p{M}\u0640]/gu, "").toLowerCase();

/** Puts the offers in order: without a text the places, with one the dossiers, the papers by name, the places of that name, and the search itself. */
export function offersOf(text: string, all: readonly Place[], dossiers: readonly Pick<Summary, "id" | "name" | "title">[], hits: readonly Pick<Hit, "id" | "base" | "name" | "title" | "dossier">[]): Offer[] {
  if (text === "") return [...all];
  const offers: Offer[] = dossiers.map(({ id, name, title }) => ({ kind: "dossier", id, number: name, title: title || name }));
  for (const hit of hits) {
    const title = hit.title || hit.name;
    if (hit.base !== "document" || !hit.dossier) continue;
    offers.push({ kind: "paper", id: hit.dossier.id, doc: hit.id, number: hit.dossier.name, title });
  }
  offers.push(...all.filter(({ label }) => folded(label).includes(folded(text))));
  offers.push({ kind: "search", q: text });
  return offers;
}
