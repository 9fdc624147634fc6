/** What the viewer should look for when a hit is opened: the words that matched, as they stand on the page. */
import type { Hit } from "../../api/types";

/** Returns the matched words of a hit, at most six; the query itself when the server marked nothing. */
export function wordsToFind(hit: Pick<Hit, "snippets">, q: string): string {
  const words: string[] = [];
  for (const snippet of hit.snippets) {
    for (const fragment of snippet.fragments) {
      const word = fragment.text.trim();
      if (fragment.hit && word !== "" && !words.some((one) => one.toLowerCase() === word.toLowerCase())) words.push(word);
    }
  }
  if (words.length === 0) return q;
  return words.slice(0, 6).map((word) => (/\s/.test(word) ? `"${word.replaceAll('"', "")}"` : word)).join(" ");
}
