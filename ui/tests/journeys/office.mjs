/** The browser of the journeys: one page per language and theme, in which any CSP event, console error or axe violation is a failure. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const url = process.env.CARTULARY_URL ?? "http://127.0.0.1:8480";
export const user = process.env.CARTULARY_USER ?? "admin";
export const password = process.env.CARTULARY_PASSWORD ?? "";
export const samples = process.env.CARTULARY_SAMPLES ?? "/work/shared/samples";
export const screens = process.env.CARTULARY_SCREENS ?? "/tmp/screens";
mkdirSync(screens, { recursive: true });

/** Every journey is walked in both directions and themes; `CARTULARY_MATRIX=en-light,ar-dark` narrows it. */
export const matrix = (process.env.CARTULARY_MATRIX ?? "en-light,ar-light,en-dark,ar-dark").split(",").map((one) => {
  const [language, theme] = one.split("-");
  return { language, theme, name: one };
});

/** Texts of a language's catalogues, to find things by what people read. */
export function catalogue(language) {
  const areas = Object.fromEntries(["common", "dossier", "errors", "import", "search", "session", "viewer"].map((area) => [area, JSON.parse(readFileSync(new URL(`../../src/i18n/locales/${language}/${area}.json`, import.meta.url), "utf8"))]));
  return (key) => {
    const [area, path] = key.split(":");
    const text = path.split(".").reduce((node, part) => node?.[part], areas[area]);
    assert.equal(typeof text, "string", `no text for ${key}`);
    return text;
  };
}

/** Makes a matcher for a text with parameters: what stands between them must be there. */
export function pattern(text) {
  return new RegExp(text.split(/\{\{\w+\}\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*"));
}

let browser;
export async function open({ language, theme, name }, { viewport = { width: 1280, height: 720 } } = {}) {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const context = await browser.newContext({ viewport, locale: language === "ar" ? "ar" : "en-GB", acceptDownloads: true, ignoreHTTPSErrors: true, reducedMotion: "reduce", timezoneId: "UTC" });
  const page = await context.newPage();
  const faults = [];
  /** Answers that a journey provokes on purpose, such as a 401. */
  const expected = [];
  await page.exposeFunction("__cspFault", (text) => faults.push(`CSP: ${text}`));
  await page.addInitScript(({ language, theme }) => {
    if (localStorage.getItem("cartulary.preferences") === null) localStorage.setItem("cartulary.preferences", JSON.stringify({ language, theme }));
    document.addEventListener("securitypolicyviolation", (event) => window.__cspFault(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`));
  }, { language, theme });
  page.on("console", (message) => {
    if (message.type() === "error" && !expected.some((one) => one.test(message.text()))) faults.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", (fault) => faults.push(`page: ${fault.name} ${fault.stack || fault.message || String(fault)}`));
  page.setDefaultTimeout(Number(process.env.CARTULARY_PATIENCE ?? 15_000));
  const t = catalogue(language);
  const self = {
    page, t, name, faults, expected, context,
    shot: (what) => page.screenshot({ path: join(screens, `${what}-${name}.png`) }),
    async axe(what) {
      // Added by the debugger, outside the page's CSP.
      await page.evaluate(axeSource);
      const violations = await page.evaluate(async () => {
        const result = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"] });
        return result.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 4).map((node) => `${node.target.join(" ")} – ${node.failureSummary?.split("\n").slice(1, 3).join(" ")}`).join(" | ")}`);
      });
      assert.deepEqual(violations, [], `axe on ${what} (${name})`);
    },
    /** A screen that is settled: looked at by axe and kept as a picture. */
    async screen(what) {
      await page.evaluate(() => document.fonts.ready);
      await page.waitForTimeout(150);
      await self.shot(what);
      await self.axe(what);
    },
    async signIn(name = user, secret = password) {
      await page.goto(url);
      await page.getByLabel(t("session:username"), { exact: true }).fill(name);
      await page.getByLabel(t("session:password"), { exact: true }).fill(secret);
      await page.getByRole("button", { name: t("session:enter"), exact: true }).click();
    },
    /** Focus stands on what `selector` names, after a press whose control is gone. */
    focused: (selector) => page.waitForFunction((one) => document.activeElement?.matches(one) === true, selector),
    /** Walks a journey; a failure leaves a picture and tells what the browser said. */
    async walk(act) {
      try {
        await act();
      } catch (fault) {
        await self.shot("99-failed").catch(() => {});
        if (faults.length > 0) fault.message += `\nin the browser: ${faults.join("\n")}`;
        throw fault;
      } finally {
        await context.close();
      }
      assert.deepEqual(faults, [], `faults in the browser (${name})`);
    },
  };
  // A first visit asks who is there: the server's 401 is logged by the browser.
  expected.push(/status of 401/);
  return self;
}

export async function closeBrowser() {
  await browser?.close();
  browser = undefined;
}

/** Drops files or folders of this machine on the middle of an element, as a hand would. */
export async function drop(page, locator, paths) {
  const box = await locator.boundingBox();
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) await session.send("Input.dispatchDragEvent", { type, ...at, data });
  await session.detach();
}

/** Gives a file to the dialog that a click opens. */
export async function choose(page, button, files) {
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), button.click()]);
  await chooser.setFiles(files);
}

/** Downloads what a link gives and returns its bytes. */
export async function download(page, link) {
  const [file] = await Promise.all([page.waitForEvent("download"), link.click()]);
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}
