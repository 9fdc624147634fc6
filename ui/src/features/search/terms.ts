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

/** Returns the direction that most letters of a text have; that of its first letter when they are even. */
export function directionOf(text: string): "ltr" | "rtl" | "auto" {
  const rtl = text.match(/[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC]/g)?.length ?? 0;
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  if (rtl * 2 === letters) return "auto";
  return rtl * 2 > letters ? "rtl" : "ltr";
}
