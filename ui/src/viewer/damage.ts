/** What a reader must be told of a paper that opens and yet does not show what it held. */
import type { Fault } from "../api/types";

/** Faults of the file itself, found by the server: pages drawn from it may be incomplete. What only its text lacks is no damage to the eye. */
const ofTheFile = new Set(["file_unreadable", "file_damaged", "page_count_differs", "page_failed", "page_size_impossible"]);

/** Says whether the file is damaged, so that what is drawn may not be all. */
export function isDamaged(faults: readonly Pick<Fault, "code">[] | undefined): boolean {
  return faults?.some(({ code }) => ofTheFile.has(code)) ?? false;
}

/** Says whether all pixels have one colour. */
export function isUniform(pixels: Uint32Array): boolean {
  return pixels.every((pixel) => pixel === pixels[0]);
}

/** A small copy is looked at: a thin line still tints it. */
const side = 256;

/** Says whether nothing can be seen on a drawn page. */
export function isBlank(canvas: HTMLCanvasElement): boolean {
  const copy = document.createElement("canvas");
  copy.width = Math.min(side, canvas.width);
  copy.height = Math.min(side, canvas.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  if (context === null || canvas.width === 0) return false;
  context.drawImage(canvas, 0, 0, copy.width, copy.height);
  return isUniform(new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer));
}
