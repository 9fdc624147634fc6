/** Weighs what a visitor downloads, from the Vite manifest, and fails above the budgets of brief §9 (brotli, KiB). */
import { readFileSync, readdirSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";

const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8"));
const weigh = (file) => brotliCompressSync(readFileSync(`dist/${file}`), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length / 1024;
const weights = new Map();
const weight = (file) => weights.get(file) ?? weights.set(file, weigh(file)).get(file);

/** Collects the files of an entry and of everything it imports at once. */
function closure(key, files = new Set(), seen = new Set()) {
  if (seen.has(key)) return files;
  seen.add(key);
  const chunk = manifest[key];
  files.add(chunk.file);
  for (const css of chunk.css ?? []) files.add(css);
  for (const next of chunk.imports ?? []) closure(next, files, seen);
  return files;
}
const sum = (files) => [...files].reduce((total, file) => total + weight(file), 0);
const keyOf = (part) => {
  const key = Object.keys(manifest).find((one) => one.includes(part));
  if (key === undefined) throw new Error(`no chunk for ${part}`);
  return key;
};

const entry = closure("index.html");
const list = closure(keyOf("features/dossier/ListPage"));
const signIn = closure(keyOf("features/session/"));
const catalogues = Object.keys(manifest).filter((key) => /locales\/ar\/(common|errors|dossier|session)\.json/.test(key)).flatMap((key) => [manifest[key].file]);
const first = new Set([...entry, ...list, ...signIn, ...catalogues]);
const worker = Object.values(manifest).map((chunk) => chunk.file).concat(readdirSync("dist/assets").map((name) => `assets/${name}`)).find((file) => /pdf\.worker.*\.mjs$/.test(file));
const viewer = new Set([...closure(keyOf("viewer/Viewer")), ...(worker ? [worker] : [])].filter((file) => !first.has(file)));
const lazy = Object.keys(manifest).filter((key) => manifest[key].isDynamicEntry && /features\//.test(key));

const rows = [
  ["first screen (frame, sign-in, list, Arabic catalogues)", sum(first), 200],
  ["viewer with worker", sum(viewer), 480],
  ...lazy.map((key) => [`route ${key.replace("src/features/", "")}`, sum([...closure(key)].filter((file) => !entry.has(file))), 60]),
  ...Object.keys(manifest).filter((key) => /locales\//.test(key)).map((key) => [`catalogue ${key.split("locales/")[1]}`, weight(manifest[key].file), 15]),
];
let failed = false;
for (const [what, size, budget] of rows) {
  const over = size > budget;
  failed ||= over;
  console.log(`${over ? "OVER " : "ok   "} ${size.toFixed(1).padStart(7)} / ${String(budget).padStart(3)} KiB br  ${what}`);
}
process.exit(failed ? 1 : 0);
