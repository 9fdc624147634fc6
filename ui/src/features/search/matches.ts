/** Where the words that were asked for stand in the names and data of a hit: only what is there is shown, nothing is guessed. */
import { findTerms, fold, termsOf, type Match } from "../../viewer/fold";

/** An ending makes another form of a word, more letters make another word. */
const longestEnding = 3;

/** Finds the words of a query in a text, in their form or with a short ending. */
export function matchesIn(text: string, q: string): Match[] {
  return findTerms(fold(text), termsOf(q)).filter(({ end }) => (/^[\p{L}\p{N}\p{M}]*/u.exec(text.slice(end))?.[0].length ?? 0) <= longestEnding);
}

/** Names the properties in which words of the query stand, with what they hold as it is shown. */
export function matchingProperties(properties: Record<string, unknown>, q: string, shown: (id: string, value: unknown) => string): { id: string; text: string }[] {
  return Object.entries(properties)
    .filter(([, value]) => value !== null && value !== undefined && (typeof value !== "object" || Array.isArray(value)))
    .map(([id, value]) => ({ id, text: shown(id, value) }))
    .filter(({ text }) => matchesIn(text, q).length > 0);
}
