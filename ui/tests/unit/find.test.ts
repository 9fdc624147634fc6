/** Find walks hits in the order of pages. */
import { expect, test } from "vitest";
import { hitFrom, hunt } from "../../src/viewer/find";

const pages = [{ pageNumber: 1, text: "a wick" }, { pageNumber: 2, text: "none" }, { pageNumber: 3, text: "wick, wick" }];

test("hits are counted page by page", () => {
  expect(hunt(pages, "wick").hits).toEqual([{ pageNumber: 1, onPage: 0 }, { pageNumber: 3, onPage: 0 }, { pageNumber: 3, onPage: 1 }]);
});

test("the first hit is the one on the page that was opened", () => {
  expect(hitFrom(hunt(pages, "wick").hits, 2)).toBe(1);
  expect(hitFrom(hunt(pages, "wick").hits, 9)).toBe(0);
});

test("a word in another form is found by its beginning", () => {
  expect(hunt([{ pageNumber: 1, text: "he invented it" }], "inventing").hits).toHaveLength(1);
});

test("the exact word is found beside the forms that the search found by their stem", () => {
  const text = "an invention; inventions are invented";
  expect(hunt([{ pageNumber: 1, text }], "invention", "inventions invented").hits).toHaveLength(3);
  expect(hunt([{ pageNumber: 1, text: "كتب الكتاب كتابًا" }], "كتاب", "كتب").hits).toHaveLength(3);
});

test("nothing asked, nothing found", () => {
  expect(hunt(pages, "  ").hits).toEqual([]);
});
