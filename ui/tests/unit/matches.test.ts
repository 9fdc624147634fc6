/** Why a dossier was found. */
import { expect, test } from "vitest";
import { matchesIn, matchingProperties } from "../../src/features/search/matches";

const marked = (text: string, q: string) => matchesIn(text, q).map(({ start, end }) => text.slice(start, end));

test("words of the query are marked where they stand, whatever their case and marks", () => {
  expect(marked("Bottle for Water", "water bottle")).toEqual(["Bottle", "Water"]);
  expect(marked("شركة الأطلس للنعناع", "نعناع")).toEqual(["نعناع"]);
  expect(marked("DS-2026-000093", "DS-2026-000093")).toEqual(["DS-2026-000093"]);
});

test("a word with an ending is marked, a longer word is another word", () => {
  expect(marked("Bottles", "bottle")).toEqual(["Bottle"]);
  expect(marked("Articles of association", "art")).toEqual([]);
});

test("only the data in which the words stand are named", () => {
  const shown = (_: string, value: unknown) => (Array.isArray(value) ? value.join("; ") : String(value));
  expect(matchingProperties({ applicant: "Atlas Mint", designers: ["Nadia", "Idris Atlas"], examiner: "Omar", nested: { a: "atlas" } }, "atlas", shown)).toEqual([{ id: "applicant", text: "Atlas Mint" }, { id: "designers", text: "Nadia; Idris Atlas" }]);
});
