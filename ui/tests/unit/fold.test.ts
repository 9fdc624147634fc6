/** What a reader types is found on the page, whatever its letters' dress. */
import { expect, test } from "vitest";
import { findTerms, fold, stems, termsOf } from "../../src/viewer/fold";

const found = (text: string, query: string) => findTerms(fold(text), termsOf(query)).map(({ start, end }) => text.slice(start, end));

test("case and accents do not matter", () => {
  expect(found("The CAFÉ and the cafe", "café")).toEqual(["CAFÉ", "cafe"]);
});

test("a term begins a word", () => {
  expect(found("important port ports", "port")).toEqual(["port", "port"]);
});

test("Arabic: hamza, marks, tatweel and article", () => {
  expect(found("مُحَمَّد", "محمد")).toEqual(["مُحَمَّد"]);
  expect(found("أحمد", "احمد")).toEqual(["أحمد"]);
  expect(found("الـــواحة", "واحه")).toEqual(["واحة"]);
  expect(found("والكتاب كتاب", "كتاب")).toEqual(["كتاب", "كتاب"]);
});

test("presentation forms, as old PDFs have them", () => {
  expect(found("ﺳﻼﻡ", "سلام")).toEqual(["ﺳﻼﻡ"]);
});

test("positions are those of the original across folded ligatures and spaces", () => {
  const text = "ofﬁce  of\nthe day";
  expect(found(text, '"office of the"')).toEqual(["ofﬁce  of\nthe"]);
});

test("a word that is parted at the end of a line is one word, and both its parts are marked", () => {
  expect(found("North Car-\nolina", "carolina")).toEqual(["Car-\nolina"]);
  expect(found("North Car- \r\n  olina", "carolina")).toEqual(["Car- \r\n  olina"]);
  expect(found("a trade-\nmark is a trade-mark", "trade-mark")).toEqual(["trade-\nmark", "trade-mark"]);
  expect(found("state-of-the-\nart", "the-art")).toEqual(["the-\nart"]);
  expect(found("Jean-\nPaul, 12-\n14", "paul")).toEqual(["Paul"]);
});

test("a shorter form marks the whole word", () => {
  const text = "the inventions, invent";
  expect(findTerms(fold(text), stems(["inventing"])).map(({ start, end }) => text.slice(start, end))).toEqual(["inventions", "invent"]);
});

test("digits of both kinds are equal", () => {
  expect(found("رقم ٢٠٢٦", "2026")).toEqual(["٢٠٢٦"]);
});

test("operators, fields and excluded words are not looked for", () => {
  expect(termsOf('title:solar AND "layered wick" -cassava OR still*')).toEqual(["solar", "layered wick", "still"]);
});

test("overlapping terms give one mark", () => {
  expect(found("solar still", '"solar still" solar')).toEqual(["solar still"]);
});

test("stems shorten long single words only", () => {
  expect(stems(["inventions", "wick", "two words"])).toEqual(["inventi*"]);
});
