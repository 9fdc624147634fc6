import { describe, expect, test } from "vitest";
import { advancesOf, extentOf, joined, quartersOf, upright, visualOrder, widthsOf } from "../../src/viewer/marks";

const letters: Record<string, number> = { i: 200, m: 800, o: 500, " ": 250 };
const widthOf = (letter: string) => letters[letter];

describe("how far each letter advances", () => {
  test("letters keep the widths of their font", () => expect(advancesOf("mi", 10, 10, widthOf)).toEqual([8, 2]));
  test("a stretched line stretches its spaces, not its letters", () => expect(advancesOf("m i m", 26, 10, widthOf)).toEqual([8, 4, 2, 4, 8]));
  test("spaced letters are spaced evenly", () => expect(advancesOf("mi", 12, 10, widthOf)).toEqual([9, 3]));
  test("what has no width stays without one", () => expect(advancesOf("m\u064Ei", 12, 10, (letter) => letters[letter] ?? 0)).toEqual([9, 0, 3]));
  test("a letter of two units advances once", () => expect(advancesOf("😀", 5, 10, () => 500)).toEqual([5, 0]));
  test("a piece that ends inside an Arabic word ends in a narrow letter", () => {
    const joining = (letter: string, isJoined: boolean) => (letter === "ل" ? (isJoined ? 200 : 600) : 500);
    expect(advancesOf("عل", 7, 10, joining)).toEqual([5, 2]);
    expect(advancesOf("عل", 11, 10, joining)).toEqual([5, 6]);
  });
  test("a font that says little is not believed", () => expect(advancesOf("xyz", 15, 10, widthOf)).toBeUndefined());
});

describe("from where to where a word reaches", () => {
  test("from left to right", () => expect(extentOf("im om", false, [2, 8, 3, 5, 8], 3, 5)).toEqual([13, 26]));
  test("from right to left", () => expect(extentOf("اب جد", true, [1, 1, 1, 1, 1], 3, 5)).toEqual([0, 2]));
  test("a number inside Arabic stands from left to right", () => expect(visualOrder("ا 12", true)).toEqual([2, 3, 1, 0]));
  test("an Arabic word inside Latin stands from right to left", () => expect(visualOrder("a اب", false)).toEqual([0, 1, 3, 2]));
});

describe("bands", () => {
  const box = (left: number, right: number, top = 0.1, bottom = 0.12) => ({ left, right, top, bottom });
  test("glyphs painted over each other, as lam and alef, are one band", () => expect(joined([box(0.5, 0.52), box(0.51, 0.53), box(0.53, 0.55)], 0.7)).toEqual([box(0.5, 0.55)]));
  test("words far apart are two", () => expect(joined([box(0.1, 0.2), box(0.5, 0.6)], 0.7)).toHaveLength(2));
  test("a word parted at the end of a line is two", () => expect(joined([box(0.8, 0.9), box(0.1, 0.2, 0.13, 0.15)], 0.7)).toHaveLength(2));
});

describe("widths by letter", () => {
  test("from a font's own map", () => expect(widthsOf({ widths: { 7: 640 }, defaultWidth: 0, toUnicode: { _map: { 7: "é" } } })?.("é", false)).toBe(640));
  test("from a run of codes that are letters", () => expect(widthsOf({ widths: { 65: 700 }, toUnicode: { firstChar: 32, lastChar: 255 } })?.("A", false)).toBe(700));
  test("through the map from codes to glyphs", () => expect(widthsOf({ widths: { 9: 1000 }, composite: true, cMap: { _map: { 1: 9 } }, toUnicode: { _map: { 1: "中" } } })?.("中", false)).toBe(1000));
  test("an Arabic letter is wide where the word ends and narrow where it goes on", () => {
    const widths = widthsOf({ widths: { 1: 217, 2: 617 }, composite: true, cMap: { _map: {} }, toUnicode: { _map: { 1: "ل", 2: "ل" } } });
    expect([widths?.("ل", true), widths?.("ل", false)]).toEqual([217, 617]);
  });
  test("a font that tells nothing is not guessed", () => expect(widthsOf({ widths: { 1: 1000 } })).toBeUndefined());
});

describe("pages that lie on their side", () => {
  const box = { left: 1, right: 3, top: 5, bottom: 6 };
  test("what is turned back and again is where it was", () => { for (const quarters of [0, 1, 2, 3]) expect(upright(upright(box, quarters), (4 - quarters) % 4)).toEqual(box); });
  test("words that run down are read along", () => {
    const [first, second] = [upright({ left: 90, right: 92, top: 10, bottom: 15 }, 1), upright({ left: 90, right: 92, top: 16, bottom: 20 }, 1)];
    expect([first.right < second.left, first.top === second.top]).toEqual([true, true]);
  });
  test("it is the letters as they are seen that count", () => {
    const along = [{ str: "along", transform: [12, 0, 0, 12, 0, 0] }];
    expect([quartersOf(along, [1, 0, 0, -1]), quartersOf(along, [0, 1, 1, 0]), quartersOf(along, [-1, 0, 0, 1]), quartersOf(along, [0, -1, -1, 0])]).toEqual([0, 1, 2, 3]);
    expect(quartersOf([{ str: "written up, page turned", transform: [0, 12, -12, 0, 0, 0] }], [0, 1, 1, 0])).toBe(0);
  });
  test("a glyph that stands for words drawn nowhere has its own letter's width only", () => {
    const widths = widthsOf({ widths: { 1: 500, 2: 400 }, composite: true, cMap: { _map: {} }, toUnicode: { _map: { 1: "حب h", 2: "a" } } });
    expect(["h", "ح", " ", "a"].map((letter) => widths?.(letter, false))).toEqual([500, 0, 0, 400]);
  });
  test("letters of a ligature share its width", () => expect(widthsOf({ widths: { 1: 600 }, composite: true, cMap: { _map: {} }, toUnicode: { _map: { 1: "fi" } } })?.("f", false)).toBe(300));
});
