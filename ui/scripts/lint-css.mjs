/** Refuses physical directions, raw colours and stray layers in CSS (brief §5, §7, §10). Viewer pages, which are placed by page coordinates, may be physical. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const files = [];
(function walk(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) walk(path);
    else if (/\.(css|tsx)$/.test(entry.name)) files.push(path);
  }
})("src");

const physical = /(^|[\s;{])((margin|padding|border|inset|scroll-margin|scroll-padding)-(left|right)\b|(left|right)\s*:|float\s*:\s*(left|right)|text-align\s*:\s*(left|right)|border-(top|bottom)-(left|right)-radius|background-position\s*:[^;]*(left|right))/;
const colour = /#[0-9a-fA-F]{3,8}\b|\b(rgb|rgba|hsl|hsla|oklch|lab)\(/;
const layer = /z-index\s*:(?!\s*var\(--z-)/;
const upper = /text-transform\s*:\s*uppercase|letter-spacing\s*:/;
const faults = [];

for (const file of files) {
  const isTokens = file.endsWith("tokens.css");
  const inViewer = file.includes("viewer/page.module.css");
  readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, (text) => text.replace(/[^\n]/g, " ")).split("\n").forEach((line, index) => {
    const say = (what) => faults.push(`${file}:${index + 1}: ${what}: ${line.trim()}`);
    if (file.endsWith(".css")) {
      if (!inViewer && physical.test(line)) say("physical direction, use a logical property");
      if (!isTokens && colour.test(line)) say("raw colour, use a token");
      if (!isTokens && layer.test(line)) say("layer outside the scale, use var(--z-…)");
      if (upper.test(line)) say("upper-casing or letter-spacing breaks Arabic");
    } else if (/\b(marginLeft|marginRight|paddingLeft|paddingRight|borderLeft|borderRight)\b/.test(line) || /style="/.test(line)) {
      say("physical or string style");
    }
  });
}
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}
console.log(`lint-css: ${files.length} files clean`);
