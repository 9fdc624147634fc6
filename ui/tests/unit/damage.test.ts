/** What is said of a paper that opens and shows nothing. */
import { expect, test } from "vitest";
import { isDamaged, isUniform } from "../../src/viewer/damage";

test("a damaged PDF that pdf.js opens was a white page without a word", () => {
  expect(isDamaged([{ code: "file_damaged" }, { code: "page_count_differs" }])).toBe(true);
  expect(isDamaged([{ code: "file_unreadable" }])).toBe(true);
});

test("what only the text lacks is no damage to the eye", () => {
  expect([isDamaged([{ code: "text_unmapped" }, { code: "name_disagrees" }]), isDamaged([]), isDamaged(undefined)]).toEqual([false, false, false]);
});

test("one dot is not nothing", () => {
  const page = new Uint32Array(100).fill(0xffffffff);
  expect(isUniform(page)).toBe(true);
  page[40] = 0xff000000;
  expect(isUniform(page)).toBe(false);
});
