/** What the viewer should look for besides the query when a hit is opened: the words that matched, as they stand on the page. */
import type { Hit } from "../../api/types";

/** Returns the matched words of a hit that the query does not have itself, at most six. */
export function formsToFind(hit: Pick<Hit, "snippets">, q: string): string {
  const asked = q.toLowerCase().split(/[\s"():]+/);
  const words: string[] = [];
  for (const snippet of hit.snippets) {
    for (const fragment of snippet.fragments) {
      const word = fragment.text.trim();
      const isNew = !asked.includes(word.toLowerCase()) && !words.some((one) => one.toLowerCase() === word.toLowerCase());
      if (fragment.hit && word !== "" && isNew) words.push(word);
    }
  }
  return words.slice(0, 6).map((word) => (/\s/.test(word) ? `"${word.replaceAll('"', "")}"` : word)).join(" ");
}
