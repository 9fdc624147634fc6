/** Where words stand on a page, by the widths of the paper's own letters. The text layer's letters are those of another font: it has the right ends for a line, and every word between them beside its place. */

/** A box on a page, in shares of its width and height, from the top left corner. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Turns a box back by quarters of a circle, so that what runs down (1), upside down (2) or up (3) runs along; its place is from another corner then. */
export function upright<B extends Box>(box: B, quarters: number): B {
  const { left, top, right, bottom } = box;
  if (quarters === 1) return { ...box, left: top, right: bottom, top: -right, bottom: -left };
  if (quarters === 2) return { ...box, left: -right, right: -left, top: -bottom, bottom: -top };
  if (quarters === 3) return { ...box, left: -bottom, right: -top, top: left, bottom: right };
  return box;
}

/** Says by how many quarters most of the letters are turned as they are seen; `seen` is the way of the page's own axes on the screen. */
export function quartersOf(items: readonly { str: string; transform: readonly number[] }[], seen: readonly number[]): number {
  const letters = [0, 0, 0, 0];
  const [xx = 1, xy = 0, yx = 0, yy = -1] = seen;
  for (const { str, transform: [a = 1, b = 0] } of items) {
    const quarters = (Math.round(Math.atan2(a * xy + b * yy, a * xx + b * yx) / (Math.PI / 2)) + 4) % 4;
    letters[quarters] = (letters[quarters] ?? 0) + str.length;
  }
  return letters.indexOf(Math.max(...letters));
}

/** Width of a letter, joined to the next one or not, in thousandths of the font's size; `undefined` when the font does not say. */
export type WidthOf = (letter: string, isJoined: boolean) => number | undefined;

const joinsNext = (letter: string) => /[\u0620-\u064A\u066E-\u06D3]/.test(letter) && !/[\u0621-\u0625\u0627\u0629\u062F-\u0632\u0648\u0649\u0671-\u0673\u0675-\u0677\u0688-\u0699\u06C0-\u06CB\u06CD\u06CF\u06D2\u06D3]/.test(letter);
const isArabic = (letter: string | undefined) => letter !== undefined && /[\u0620-\u064A\u066E-\u06D3]/.test(letter);

/** Spaces are stretched to fill a line, letters are not: what a space may measure, in shares of the font's size. */
const spaceLeast = 0.12;
const spaceMost = 0.9;

/** Says for each UTF-16 unit how far it advances, so that all of them fill `total`; `undefined` when too little is known of the font. */
export function advancesOf(text: string, total: number, size: number, widthOf: WidthOf): number[] | undefined {
  const letters = [...text];
  const measured = (goesOn: boolean) => letters.map((letter, index) => widthOf(letter, joinsNext(letter) && (index + 1 < letters.length ? isArabic(letters[index + 1]) : goesOn)));
  // A piece may end in the middle of a word: which it does shows in what is left over.
  const over = (widths: (number | undefined)[]) => Math.abs(total - widths.reduce<number>((sum, width) => sum + ((width ?? 500) / 1000) * size, 0));
  const [ended, goingOn] = [measured(false), measured(true)];
  const known = over(goingOn) < over(ended) ? goingOn : ended;
  const unknown = known.filter((width, index) => width === undefined && letters[index] !== " ").length;
  if (letters.length === 0 || total <= 0 || size <= 0 || unknown * 3 > letters.length) return undefined;
  const natural = known.map((width, index) => ((width ?? (letters[index] === " " ? 250 : 500)) / 1000) * size);
  const spaces = letters.filter((letter) => letter === " ").length;
  const ofLetters = natural.reduce((sum, width, index) => sum + (letters[index] === " " ? 0 : width), 0);
  const space = spaces === 0 ? 0 : (total - ofLetters) / spaces;
  const isStretched = spaces > 0 && space >= spaceLeast * size && space <= spaceMost * size;
  // What has no width of its own, as a mark over a letter, takes none of what is left over.
  const wide = natural.filter((width) => width > 0).length;
  if (wide === 0) return undefined;
  const apart = isStretched ? 0 : (total - natural.reduce((sum, width) => sum + width, 0)) / wide;
  return letters.flatMap((letter, index) => {
    const advance = isStretched && letter === " " ? space : (natural[index] ?? 0) > 0 ? (natural[index] ?? 0) + apart : 0;
    return letter.length === 1 ? [advance] : [advance, ...Array.from({ length: letter.length - 1 }, () => 0)];
  });
}

const isRtl = (sign: string) => /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC]/.test(sign) && !/[\u0660-\u0669\u06F0-\u06F9]/.test(sign);
const isLtr = (sign: string) => !isRtl(sign) && /[\p{L}\p{N}]/u.test(sign);

/** Gives the order in which the units of a text stand from left to right: runs that go the other way than the text are turned. */
export function visualOrder(text: string, rtl: boolean): number[] {
  const units = Array.from({ length: text.length }, (_, index) => index);
  const against = rtl ? isLtr : isRtl;
  const along = rtl ? isRtl : isLtr;
  const order: number[] = [];
  for (let at = 0; at < units.length; ) {
    if (!against(text[at] ?? "")) {
      order.push(at);
      at += 1;
      continue;
    }
    let last = at;
    for (let end = at + 1; end < units.length && !along(text[end] ?? ""); end += 1) if (against(text[end] ?? "")) last = end;
    order.push(...units.slice(at, last + 1).reverse());
    at = last + 1;
  }
  return rtl ? order.reverse() : order;
}

/** Says from where to where on its line a part of a text reaches; a part that stands in several pieces reaches over what lies between. */
export function extentOf(text: string, rtl: boolean, advances: readonly number[], start: number, end: number): [number, number] {
  let x = 0;
  let from = Infinity;
  let to = -Infinity;
  for (const index of visualOrder(text, rtl)) {
    const next = x + (advances[index] ?? 0);
    if (index >= start && index < end) {
      from = Math.min(from, x);
      to = Math.max(to, next);
    }
    x = next;
  }
  return from > to ? [0, 0] : [from, to];
}

/** Joins the boxes of one match that touch each other or nearly so on one line: letters painted one by one, or over each other, are one band. */
export function joined(boxes: readonly Box[], ratio: number): Box[] {
  const bands: Box[] = [];
  for (const box of [...boxes].sort((a, b) => a.left - b.left)) {
    const band = bands.find((one) => {
      const height = Math.min(one.bottom - one.top, box.bottom - box.top);
      const shared = Math.min(one.bottom, box.bottom) - Math.max(one.top, box.top);
      return shared * 2 > height && box.left - one.right <= (height / ratio) * 0.4;
    });
    if (band === undefined) bands.push({ ...box });
    else Object.assign(band, { left: Math.min(band.left, box.left), right: Math.max(band.right, box.right), top: Math.min(band.top, box.top), bottom: Math.max(band.bottom, box.bottom) });
  }
  return bands;
}

/** What pdf.js tells of a font when it is asked for everything. */
interface FontFacts {
  widths?: Record<number, number>;
  defaultWidth?: number;
  composite?: boolean;
  cMap?: { _map?: Record<number, number | string> };
  toUnicode?: { _map?: Record<number, string | number>; firstChar?: number; lastChar?: number };
}

/** Makes a look-up of letters' widths from what pdf.js tells of a font; `undefined` when it tells too little. */
export function widthsOf(font: FontFacts | undefined): WidthOf | undefined {
  const { widths, defaultWidth, composite, cMap, toUnicode } = font ?? {};
  if (widths === undefined || toUnicode === undefined) return undefined;
  // Widths are told by glyph; where the map from codes to glyphs is empty, they are the same.
  const glyphs = composite === true ? (cMap?._map ?? {}) : {};
  const isSame = Object.keys(glyphs).length === 0;
  const byLetter = new Map<string, { least: number; most: number }>();
  const add = (code: number, letter: string) => {
    const glyph = isSame ? code : Number(glyphs[code]);
    const width = widths[glyph] ?? defaultWidth;
    if (width === undefined) return;
    const old = byLetter.get(letter) ?? { least: width, most: width };
    byLetter.set(letter, { least: Math.min(old.least, width), most: Math.max(old.most, width) });
  };
  if (toUnicode._map !== undefined) for (const [code, letter] of Object.entries(toUnicode._map)) add(Number(code), typeof letter === "number" ? String.fromCodePoint(letter) : letter);
  else for (const code of Object.keys(widths).map(Number)) if (code >= (toUnicode.firstChar ?? 0) && code <= (toUnicode.lastChar ?? 0)) add(code, String.fromCharCode(code));
  // Letters that stand only in a glyph of several: they share its width, and Latin ones have it all where the others are drawn nowhere.
  for (const [several, { least }] of [...byLetter].filter(([text]) => [...text].length > 1)) {
    const letters = [...several];
    const isMixed = letters.some(isRtl) && letters.some(isLtr);
    const drawn = isMixed ? letters.filter(isLtr) : letters;
    for (const letter of letters) {
      const width = drawn.includes(letter) ? least / drawn.length : 0;
      if (!byLetter.has(letter)) byLetter.set(letter, { least: width, most: width });
    }
  }
  // An Arabic letter has several glyphs: wide ones where a word ends, narrow ones where it goes on.
  return byLetter.size === 0 ? undefined : (letter, isJoined) => byLetter.get(letter)?.[joinsNext(letter) && !isJoined ? "most" : "least"];
}
