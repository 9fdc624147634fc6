/** Pieces painted from left to right are read in the direction of their script. */
import { expect, test } from "vitest";
import { readingLines, type Piece } from "../../src/viewer/textOrder";

/** Puts pieces of one line beside each other, from left to right, as painted. */
function painted(...texts: string[]): Piece[] {
  return texts.map((text, index) => ({ text, left: index * 10, right: index * 10 + 10, top: 0, bottom: 12, endsLine: index === texts.length - 1 }));
}
const read = (pieces: Piece[]) => readingLines(pieces).map((line) => line.map((index) => pieces[index]?.text).join("")).join("|");

test("Latin lines stay as they are", () => {
  expect(read(painted("Ca", "rtu", "lary"))).toBe("Cartulary");
});

test("Arabic glyphs painted from the left are read from the right", () => {
  expect(read(painted("م", "ل", "ا", "س"))).toBe("سالم");
});

test("a number inside Arabic keeps its own direction", () => {
  expect(read(painted("PT/", "2026", "/", "100", " ", "م", "ق", "ر"))).toBe("رقم PT/2026/100");
});

test("pieces at another height are another line", () => {
  const [first, second] = [painted("ب", "أ"), painted("ث", "ت").map((piece) => ({ ...piece, top: 40, bottom: 52 }))];
  expect(read([...first.map((piece) => ({ ...piece, endsLine: false })), ...second])).toBe("أب|تث");
});
