/** Papers made by code, so that every journey brings its own and finds its own. */
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { samples } from "./office.mjs";

/** A word that stands in no other paper of the world. */
export const rareWord = () => `quill${[...randomBytes(8)].map((byte) => String.fromCharCode(97 + (byte % 26))).join("")}`;

/** A PDF with one text per page. */
export function makePdf(pages) {
  const objects = [];
  const kids = pages.map((_, index) => `${4 + index * 2} 0 R`).join(" ");
  objects.push("<< /Type /Catalog /Pages 2 0 R >>", `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
  for (const [index, text] of pages.entries()) {
    const lines = text.split("\n").map((line, row) => `${row === 0 ? "" : "0 -22 Td "}(${line.replace(/[()\\]/g, "\\$&")}) Tj`).join("\n");
    const stream = `BT /F1 14 Tf 72 760 Td\n${lines}\nET`;
    objects.push(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + index * 2} 0 R >>`, `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`);
  }
  let file = "%PDF-1.4\n";
  const places = objects.map((object, index) => {
    const place = file.length;
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return place;
  });
  const start = file.length;
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.map((place) => `${String(place).padStart(10, "0")} 00000 n \n`).join("")}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.from(file, "latin1");
}

/** Eight pages of plain talk; `word` stands on page 7 only. */
export const eightPages = (word, edition = "first") => makePdf(Array.from({ length: 8 }, (_, index) => `Page ${index + 1} of the ${edition} edition\nA solar still with a layered wick turns brackish water\ninto fresh water by the heat of the day.${index === 6 ? `\nHere stands the word ${word} and no other page has it.` : ""}`));

/** A folder with one dossier of a few papers, as an office would drop it. */
export function makeFolder(word) {
  const root = mkdtempSync(join(tmpdir(), "cartulary-journey-"));
  const dossier = `J-${word.slice(5)}`;
  const inside = join(root, dossier);
  mkdirSync(inside);
  const first = eightPages(word);
  writeFileSync(join(inside, "1 description.pdf"), first);
  writeFileSync(join(inside, "2 note.txt"), `A note in plain text.\nIt was written for the journey ${word}.\nسطر بالعربية عن الواحة.\n`);
  writeFileSync(join(inside, "3 damaged.pdf"), Buffer.concat([first.subarray(0, 60), Buffer.from("this is no page tree")]));
  const extra = [["corpus/arabic-print.pdf", "4 نص عربي.pdf"], ["corpus/good/cat.jpg", "5 picture.jpg"], ["corpus/good/hpredict.tiff", "6 scan.tiff"], ["corpus/good/TAMReview.pdf", "7 review.pdf"]];
  for (const [from, to] of extra) if (existsSync(join(samples, from))) copyFileSync(join(samples, from), join(inside, to));
  writeFileSync(join(inside, "8 empty.txt"), "");
  writeFileSync(join(inside, "9 blank.pdf"), makePdf([""]));
  return { root, dossier, inside, first };
}
