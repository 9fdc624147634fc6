/** Find in a document: the server's text says on which pages a word stands; the page itself is asked only where the server has none. */
import type { DocumentText } from "../api/types";
import { findTerms, fold, stems, termsOf } from "./fold";

export interface PageHit {
  pageNumber: number;
  /** Number of the hit on its page, from 0. */
  onPage: number;
}

/** What is looked for on a page: the words as asked and those that the search took for the same, or their shorter forms when none of them is there. */
export interface Hunt {
  terms: string[];
  hits: PageHit[];
}

type Pages = { pageNumber: number; text: string }[];

function hitsOf(pages: Pages, terms: string[]): PageHit[] {
  return pages.flatMap((page) => findTerms(fold(page.text), terms).map((_, onPage) => ({ pageNumber: page.pageNumber, onPage })));
}

/** Looks through the pages' texts. `also` holds other forms of the words, as they stand on the paper: what a reader asked for and what the search found by its stem are both marked. */
export function hunt(pages: Pages, query: string, also = ""): Hunt {
  const terms = [...new Set([...termsOf(query), ...termsOf(also)])];
  if (terms.length === 0) return { terms, hits: [] };
  const hits = hitsOf(pages, terms);
  if (hits.length > 0) return { terms, hits };
  const shorter = stems(terms);
  return { terms: shorter.length > 0 ? shorter : terms, hits: hitsOf(pages, shorter) };
}

/** Whether the server's text can be searched. */
export const hasText = (text: DocumentText | undefined): text is DocumentText => text !== undefined && text.pages.some((page) => page.text.trim() !== "");

/** Returns the first hit on or after a page. */
export function hitFrom(hits: readonly PageHit[], pageNumber: number): number {
  const index = hits.findIndex((hit) => hit.pageNumber >= pageNumber);
  return index < 0 ? 0 : index;
}
