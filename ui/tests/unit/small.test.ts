/** Formats, windows, problems, permissions and the words handed to the viewer. */
import { expect, test } from "vitest";
import { may } from "../../src/api/permissions";
import { isPassing, Problem, problemFrom, Unreachable } from "../../src/api/problem";
import { whileRead } from "../../src/api/queries";
import { windowsOf } from "../../src/api/windows";
import { offersOf, type Place } from "../../src/app/jump";
import { nextLabels } from "../../src/features/dossier/nextLabels";
import { textState } from "../../src/features/dossier/textState";
import { directionOf, formsToFind } from "../../src/features/search/terms";
import { fieldFaults } from "../../src/features/session/fieldFaults";
import { createFormat, parseWhole, scaleBytes } from "../../src/i18n/format";
import { kindLabel, principalLabel } from "../../src/i18n/labels";
import { harmless } from "../../src/ui/harmless";

test("bytes take the unit they read best in", () => {
  expect(scaleBytes(999)).toEqual({ value: 999, unit: "byte" });
  expect(scaleBytes(1_500_000)).toEqual({ value: 1.5, unit: "megabyte" });
  expect(createFormat("en-GB").bytes(122)).toBe("122\u00a0bytes");
  expect(createFormat("ar-u-nu-arab").bytes(1_500_000)).not.toContain(" ");
});

test("Arabic counts are written with Arabic digits everywhere", () => {
  expect(createFormat("ar-u-nu-arab").number(10_000)).toBe("١٠٬٠٠٠");
  expect(createFormat("ar-u-nu-arab").date("2026-12-19T00:00:00Z")).toMatch(/٢٠٢٦/);
});

test("page numbers can be typed in both digits", () => {
  expect([parseWhole("١٧"), parseWhole(" 17 "), parseWhole("x"), parseWhole("-1")]).toEqual([17, 17, undefined, undefined]);
});

test("only windows that are seen are asked for, the first is always there", () => {
  expect(windowsOf(0, 40, 1000)).toEqual([]);
  expect(windowsOf(180, 220, 1000)).toEqual([1, 2]);
  expect(windowsOf(940, 1100, 1000)).toEqual([9]);
});

test("a problem keeps code and reference, a proxy's page only its status", () => {
  const none = () => null;
  expect(problemFrom(412, '{"code":"stale","requestId":"r1"}', none)).toMatchObject({ status: 412, code: "stale", requestId: "r1" });
  expect(problemFrom(502, "<html>", none)).toMatchObject({ status: 502, code: "http_502" });
});

test("what passes by itself is tried again, a refusal is not", () => {
  expect([isPassing(new Unreachable()), isPassing(new Problem(503, {})), isPassing(new Problem(403, {}))]).toEqual([true, true, false]);
});

test("a group of permissions holds its members", () => {
  expect([may({ permissions: ["Everything"] }, "WriteVersion"), may({ permissions: ["WriteVersion"] }, "WriteVersion"), may({ permissions: ["Read"] }, "WriteVersion")]).toEqual([true, true, false]);
});

test("a hit hands the forms that it found to the viewer, besides the words that were asked for", () => {
  const hit = { snippets: [{ pageNumber: 2, fragments: [{ text: "the ", hit: false }, { text: "Wicks", hit: true }, { text: "wicks", hit: true }, { text: "Wick", hit: true }, { text: "layered wick", hit: true }] }] };
  expect(formsToFind(hit, "wick")).toBe('Wicks "layered wick"');
  expect(formsToFind({ snippets: [] }, "wick")).toBe("");
});

test("a snippet of both scripts runs as most of it does, whatever letter it begins with", () => {
  expect(directionOf("WIPO منظمة عالمية للملكية الفكرية")).toBe("rtl");
  expect(directionOf("علامة of a mark in the register")).toBe("ltr");
  expect([directionOf("2026"), directionOf("")]).toEqual(["auto", "auto"]);
});

test("a refused password is said at the field it is about", () => {
  const short = { field: "newPassword", code: "too_short" };
  expect(fieldFaults(new Problem(401, { code: "wrong_credentials" })).current?.code).toBe("wrong_credentials");
  expect(fieldFaults(new Problem(422, { code: "invalid", violations: [short] }))).toEqual({ next: [short] });
  expect([fieldFaults(new Problem(503, {})), fieldFaults(new Unreachable()), fieldFaults(null)]).toEqual([{}, {}, {}]);
});

test("a scan without words was called searchable", () => {
  const ready = { state: "ready", pageCount: 3 } as const;
  expect(textState({ ...ready, pagesWithText: 0 })).toBe("images");
  expect(textState({ ...ready, pagesWithText: 1 })).toBe("ready");
  expect(textState(ready)).toBe("ready");
  expect(textState({ state: "ready", pagesWithText: 0 })).toBe("none");
  expect(textState({ state: "waiting", pageCount: 3 })).toBe("waiting");
  expect(textState(undefined)).toBeUndefined();
});

test("a name in which the direction turns could be read as another", () => {
  expect(harmless("photo\u202egpj.exe")).toBe("photo\ufffdgpj.exe");
  expect(harmless("a\u2069\nb\u2028c\u0085")).toBe("a\ufffd\ufffdb\ufffdc\ufffd");
  expect(harmless("\u200fعقد\u200e می\u200cخواهم.pdf")).toBe("\u200fعقد\u200e می\u200cخواهم.pdf");
});

test("labels and years are written with the digits of the language, and otherwise as they are", () => {
  expect([createFormat("ar-u-nu-arab").digits("1.10+"), createFormat("en-GB").digits("2026")]).toEqual(["\u200f١.١٠+", "2026"]);
});

test("the next version's labels are those that the server gives", () => {
  const format = createFormat("en-GB");
  expect([nextLabels("1.3", format), nextLabels("2.0+", format)]).toEqual([{ major: "2.0", minor: "1.4" }, { major: "3.0", minor: "2.1" }]);
});

test("what is being read is asked again, ever more slowly, and what is read is not", () => {
  expect([whileRead(false, 1), whileRead(true, 0), whileRead(true, 10_000)]).toEqual([false, 1500, 30_000]);
});

test("kinds of files have words, unknown ones keep their media type", () => {
  const t = (key: string, params?: Record<string, unknown>) => [key, ...Object.values(params ?? {})].join(" ");
  expect(["application/pdf", "text/plain; charset=utf-8", "image/tiff", "image/svg+xml", "model/step"].map((type) => kindLabel(type, t))).toEqual(["common:kind.pdf", "common:kind.text", "common:kind.image TIFF", "common:kind.image SVG", "model/step"]);
  expect(["Administrator", "Cartulary", "Staff", "Amal"].map((name) => principalLabel(name, t))).toEqual(["common:principal.administrator", "common:principal.system", "common:principal.staff", "Amal"]);
});

test("the jump box offers dossiers, papers, places of that name and the search, in this order", () => {
  const all: Place[] = [{ kind: "place", label: "Go to the dossiers", to: "/dossiers" }, { kind: "place", label: "Go to search", to: "/search" }];
  const dossiers = [{ id: "d", name: "TM-1", title: "Search light" }];
  const hits = [{ id: "p", base: "document" as const, name: "search.pdf", title: "Search report", dossier: { id: "d", name: "TM-1", title: "Search light" } }, { id: "d", base: "folder" as const, name: "TM-1", title: "Search light" }];
  expect(offersOf("", all, [], []).map(({ kind }) => kind)).toEqual(["place", "place"]);
  expect(offersOf("Séarch", all, dossiers, hits).map(({ kind }) => kind)).toEqual(["dossier", "paper", "place", "search"]);
});
