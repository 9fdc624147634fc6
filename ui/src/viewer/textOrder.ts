/** The order in which the pieces of a page's text are read. pdf.js gives the pieces of many Arabic papers glyph by glyph as they were painted, from left to right: the boxes say what belongs where. */

export interface Piece {
  text: string;
  left: number;
  right: number;
  top: number;
  bottom: number;
  /** The line ends after this piece. */
  endsLine: boolean;
}

const rtl = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC]/;
const ltr = /[\p{L}\p{N}]/u;

/** Lines of indexes, each in reading order. */
export function readingLines(pieces: readonly Piece[]): number[][] {
  const lines: number[][] = [];
  let line: number[] = [];
  pieces.forEach((piece, index) => {
    const before = line.length === 0 ? undefined : pieces[line[line.length - 1] ?? 0];
    const sameHeight = before === undefined || (Math.min(before.bottom, piece.bottom) - Math.max(before.top, piece.top)) * 2 > Math.min(before.bottom - before.top, piece.bottom - piece.top);
    if (!sameHeight && line.length > 0) {
      lines.push(line);
      line = [];
    }
    line.push(index);
    if (piece.endsLine) {
      lines.push(line);
      line = [];
    }
  });
  if (line.length > 0) lines.push(line);
  return lines.map((one) => (one.some((index) => rtl.test(pieces[index]?.text ?? "")) ? fromRight(one, pieces) : one));
}

/** Sorts a line from right to left and turns the left-to-right runs in it (numbers, Latin names) back. */
function fromRight(line: number[], pieces: readonly Piece[]): number[] {
  const sorted = [...line].sort((a, b) => (pieces[b]?.right ?? 0) - (pieces[a]?.right ?? 0));
  const isLtr = (index: number) => ltr.test(pieces[index]?.text ?? "") && !rtl.test(pieces[index]?.text ?? "");
  const isRtl = (index: number) => rtl.test(pieces[index]?.text ?? "");
  const order: number[] = [];
  for (let at = 0; at < sorted.length; ) {
    const here = sorted[at] ?? 0;
    if (!isLtr(here)) {
      order.push(here);
      at += 1;
      continue;
    }
    let end = at + 1;
    let last = at;
    while (end < sorted.length && !isRtl(sorted[end] ?? 0)) {
      if (isLtr(sorted[end] ?? 0)) last = end;
      end += 1;
    }
    order.push(...sorted.slice(at, last + 1).reverse());
    at = last + 1;
  }
  return order;
}
