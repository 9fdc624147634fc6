/** What is said of a paper's text: one that was read and has no word cannot be searched, whatever its state. */
import type { Detail } from "../../api/types";

type Text = Pick<NonNullable<Detail["text"]>, "state" | "pageCount" | "pagesWithText">;

/** `images`: pages were read and no word is on them, as on those of a scanner. */
export function textState(text: Text | null | undefined): string | undefined {
  if (text?.state !== "ready" || text.pagesWithText !== 0) return text?.state;
  return (text.pageCount ?? 0) > 0 ? "images" : "none";
}
