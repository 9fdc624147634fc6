/** Text made comparable: letters without case, marks, presentation forms or tatweel, with the way back to the original. */

export interface Folded {
  text: string;
  /** For each character of `text`, where it begins in the original. */
  from: number[];
  /** For each character of `text`, where it ends in the original. */
  to: number[];
}

const same: Record<string, string> = { "\u0649": "\u064A", "\u0629": "\u0647", "\u0671": "\u0627", "\u06CC": "\u064A", "\u06A9": "\u0643", "\u2019": "'", "\u2010": "-", "\u2011": "-" };
/** Marks, tatweel, soft hyphen, zero-width signs and bidi controls say nothing in a search. */
const silent = /[\p{M}\u0640\u00AD\u200B-\u200F\u202A-\u202E\u2060-\u2069\uFEFF]/u;

/** A hyphen that parts a word at the end of a line: a small letter before it, another after the line. */
const parted = /(?<=\p{Ll})[-\u2010\u00AD][ \t]*\r?\n[ \t]*(?=\p{Ll})/gu;

/** Finds what parts words at the ends of lines, as the server joins them: where it begins, and where the word goes on. Of a compound only the line's end goes. */
function partings(original: string): Map<number, { start: number; end: number }> {
  const found = new Map<number, { start: number; end: number }>();
  for (const { index, 0: sign } of original.matchAll(parted)) {
    const first = /[\p{L}\p{N}\-\u2010]+$/u.exec(original.slice(0, index))?.[0] ?? "";
    const second = /^[\p{L}\p{N}\-\u2010]+/u.exec(original.slice(index + sign.length))?.[0] ?? "";
    const isCompound = sign[0] !== "\u00AD" && (first.length < 2 || /[-\u2010]/.test(first) || /[-\u2010]./.test(second) || original.toLowerCase().includes(`${first}-${second}`.toLowerCase()));
    const start = isCompound ? index + 1 : index;
    found.set(start, { start, end: index + sign.length });
  }
  return found;
}

/** Folds a text. Runs of white space become one space, and a word that is parted at the end of a line is one word. */
export function fold(original: string): Folded {
  let text = "";
  const from: number[] = [];
  const to: number[] = [];
  const gaps = original.includes("\n") ? partings(original) : undefined;
  let at = 0;
  let silentUntil = 0;
  for (const sign of original) {
    const end = at + sign.length;
    silentUntil = gaps?.get(at)?.end ?? silentUntil;
    if (at < silentUntil) {
      at = end;
      continue;
    }
    for (const part of sign.normalize("NFKD").toLowerCase()) {
      if (silent.test(part)) continue;
      let mapped = /\s/.test(part) ? " " : (same[part] ?? part);
      const digit = mapped.charCodeAt(0);
      if (digit >= 0x660 && digit <= 0x669) mapped = String(digit - 0x660);
      if (mapped === " " && text.endsWith(" ")) continue;
      for (let unit = 0; unit < mapped.length; unit += 1) {
        from.push(at);
        to.push(end);
      }
      text += mapped;
    }
    at = end;
  }
  return { text, from, to };
}

export interface Match {
  start: number;
  end: number;
}

const isWord = (text: string, index: number) => index >= 0 && index < text.length && /[\p{L}\p{N}]/u.test(text[index] ?? "");

/** Finds every place where one of the terms begins a word; positions are those of the original text, in order, without overlap. A term that ends in `*` stands for the whole word. */
export function findTerms(folded: Folded, terms: readonly string[]): Match[] {
  const found: Match[] = [];
  for (const asked of terms) {
    const term = asked.replace(/\*$/, "");
    if (term === "") continue;
    for (let at = folded.text.indexOf(term); at >= 0; at = folded.text.indexOf(term, at + term.length)) {
      if (isWord(term, 0) && isWord(folded.text, at - 1) && !startsAfterArticle(folded.text, at)) continue;
      const start = folded.from[at];
      let last = at + term.length - 1;
      while (term !== asked && isWord(folded.text, last + 1)) last += 1;
      const end = folded.to[last];
      if (start !== undefined && end !== undefined) found.push({ start, end });
    }
  }
  found.sort((a, b) => a.start - b.start || b.end - a.end);
  return found.filter((match, index) => index === 0 || match.start >= (found[index - 1]?.end ?? 0));
}

/** Arabic words carry their article and short particles in front: these do not make another word. */
function startsAfterArticle(text: string, at: number): boolean {
  for (const length of [1, 2, 3, 4]) {
    const before = text.slice(Math.max(0, at - length), at);
    if (/^[وفبكل]?(ال|لل)?$/.test(before) && before.length === length && !isWord(text, at - length - 1)) return true;
  }
  return false;
}

/** Takes the words and quoted phrases out of a query, folded; operators, fields and excluded words are no words to look for on a page. */
export function termsOf(query: string): string[] {
  const terms: string[] = [];
  for (const match of query.matchAll(/(-?)(?:[\p{L}_]+:)?(?:"([^"]*)"|([^\s"()]+))/gu)) {
    const [, minus, phrase, word] = match;
    if (minus === "-" || (word !== undefined && /^(AND|OR|NOT)$/.test(word))) continue;
    const term = fold((phrase ?? word ?? "").replace(/[*~^]\d*$/, "")).text.trim();
    if (term !== "" && !terms.includes(term)) terms.push(term);
  }
  return terms;
}

/** Shorter forms to look for when a word stands on a page in another form than it was asked for (the search knows stems, the page does not). */
export function stems(terms: readonly string[]): string[] {
  return terms.filter((term) => !term.includes(" ") && term.length >= 5).map((term) => `${term.slice(0, Math.max(4, term.length - 3))}*`);
}
