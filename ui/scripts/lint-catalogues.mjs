/** Compares the catalogues: every key used in code exists, every language has every key and every plural form, and no text is left in English (brief §7). */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = "src/i18n/locales";
const source = "en";
const suffix = /_(zero|one|two|few|many|other)$/;
const same = new Set(JSON.parse(readFileSync("src/i18n/same-in-every-language.json", "utf8")));
const faults = [];

/** Flattens nested objects into dotted keys. */
function flatten(node, prefix = "") {
  return Object.entries(node).flatMap(([key, value]) => (typeof value === "string" ? [[prefix + key, value]] : flatten(value, `${prefix}${key}.`)));
}
const load = (language, area) => new Map(flatten(JSON.parse(readFileSync(join(root, language, area), "utf8"))));
const areas = readdirSync(join(root, source));
const languages = readdirSync(root);
const known = new Set();

for (const area of areas) {
  const english = load(source, area);
  const name = area.replace(".json", "");
  for (const key of english.keys()) known.add(`${name}:${key.replace(suffix, "")}`);
  for (const language of languages) {
    if (!existsSync(join(root, language, area))) { faults.push(`${language}/${area}: missing`); continue; }
    const texts = load(language, area);
    const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [key, text] of english) {
      const base = key.replace(suffix, "");
      const wanted = suffix.test(key) && english.has(`${base}_other`) ? categories.map((one) => `${base}_${one}`) : [key];
      for (const one of wanted) {
        const mine = texts.get(one);
        if (mine === undefined || mine.trim() === "") faults.push(`${language}/${area}: no text for ${one}`);
        else if (language !== source && mine === text && !same.has(`${name}:${key}`)) faults.push(`${language}/${area}: ${one} is still English`);
        const names = (value) => [...new Set([...value.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]))].filter((param) => param !== "n").sort().join();
        if (mine !== undefined && names(mine) !== names(text)) faults.push(`${language}/${area}: ${one} has other parameters than ${source}`);
      }
    }
    for (const key of texts.keys()) {
      const base = key.replace(suffix, "");
      if (!english.has(key) && !english.has(`${base}_other`)) faults.push(`${language}/${area}: ${key} is not in ${source}`);
    }
  }
}

(function walk(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) walk(path);
    else if (/\.tsx?$/.test(entry.name)) {
      for (const match of readFileSync(path, "utf8").matchAll(/\bt\(\s*["']([\w.]+:[\w.]+)["']/g)) {
        if (!known.has(match[1])) faults.push(`${path}: ${match[1]} is in no catalogue`);
      }
      for (const match of readFileSync(path, "utf8").matchAll(/\bt\(\s*["']([^"':]+)["']/g)) faults.push(`${path}: "${match[1]}" names no area`);
    }
  }
})("src");

if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}
console.log(`lint-catalogues: ${languages.join(", ")} × ${areas.length} areas, ${known.size} keys`);
