/** The main job as a newcomer meets it: sign in, import a folder, read, search, give a new version, open and take away the old one. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { choose, closeBrowser, download, drop, matrix, open, pattern, url } from "./office.mjs";
import { eightPages, makeFolder, rareWord } from "./papers.mjs";

after(closeBrowser);

/** Asks again until the office has read the paper: reading goes on behind. */
async function until(what, act, tries = 60) {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const value = await act();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  return assert.fail(`waited in vain: ${what}`);
}

for (const one of matrix) {
  test(`the main job, ${one.name}`, { timeout: 240_000 }, async () => {
    const office = await open(one);
    const { page, t } = office;
    const word = rareWord();
    const folder = makeFolder(word);
    await office.walk(async () => {
      await page.goto(url);
      await page.getByLabel(t("session:username"), { exact: true }).waitFor();
      await office.screen("01-sign-in");
      await office.signIn("nobody", "wrong-password-for-sure");
      await page.getByText(t("errors:code.wrong_credentials")).waitFor();
      await office.screen("02-sign-in-refused");
      await office.signIn();
      await page.getByRole("heading", { level: 1, name: t("dossier:list.title") }).waitFor();

      await office.focused("main h1");

      // A folder falls on the list.
      await drop(page, page.locator("main"), [folder.root]);
      const panel = page.getByRole("region", { name: pattern(t("import:title")) });
      await panel.getByText(t("import:state.done"), { exact: true }).waitFor({ timeout: 60_000 });
      // Reading goes on behind; what could not be read is named when it is done, with a way to the paper.
      await panel.getByRole("link", { name: /3 damaged\.pdf/ }).waitFor({ timeout: 60_000 });
      await office.screen("03-import");
      await panel.getByRole("button", { name: t("import:close") }).click();

      // The list, by keyboard only.
      await page.locator("main h1").focus();
      await page.keyboard.press("/");
      await page.keyboard.type(folder.dossier);
      await page.waitForURL(/q=J-/);
      const row = page.getByRole("row").filter({ hasText: folder.dossier });
      await row.waitFor();
      await page.locator("[role=grid][aria-rowcount='2'][aria-busy=false]").waitFor();
      await office.screen("04-list-filtered");
      await page.keyboard.press("Enter");
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/d\//);
      await office.focused("main h1");

      // The dossier: contents in order, the first paper drawn.
      await page.locator("[data-page-number='1'] canvas").waitFor();
      await page.getByText(t("viewer:page.of").replace("{{total}}", one.language === "ar" ? "٨" : "8")).waitFor();
      await office.screen("05-dossier");
      await page.keyboard.press("?");
      await page.getByRole("dialog").waitFor();
      await office.screen("06-keys");
      await page.keyboard.press("Escape");

      // The jump box offers what exists: the dossier by its number, then what it holds.
      await page.keyboard.press("Control+k");
      await page.getByRole("option", { name: t("common:key.search"), exact: true }).waitFor();
      await page.keyboard.type(folder.dossier);
      await page.getByRole("option").filter({ hasText: folder.dossier }).first().waitFor();
      await page.keyboard.press("ArrowDown");
      await office.screen("06-jump");
      await page.keyboard.press("Escape");
      await page.getByRole("listbox").waitFor({ state: "hidden" });
      assert.equal(await page.getByRole("combobox", { name: t("common:jump.label") }).inputValue(), "", "Escape leaves nothing in the jump box");

      // A word inside a PDF, found and opened at its page.
      await page.keyboard.press("Control+k");
      await page.keyboard.type(word);
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/search/);
      const hit = page.locator("a", { hasText: word }).first();
      await until("the paper becomes searchable", async () => {
        if (await hit.isVisible().catch(() => false)) return true;
        await page.reload();
        return hit.waitFor({ timeout: 1500 }).then(() => true, () => false);
      });
      await office.screen("07-search");
      await page.locator("a", { has: page.locator("mark"), hasText: t("search:page").replace("{{page}}", one.language === "ar" ? "٧" : "7") }).first().click();
      await page.waitForURL(/page=7/);
      await office.focused("main h1");
      await page.locator("[data-page-number='7'] canvas").waitFor();
      await page.locator("[data-page-number='7'] [data-hit]").first().waitFor();
      await office.screen("08-hit-on-page-7");
      const seen = await page.evaluate(() => {
        const mark = document.querySelector("[data-hit='now']");
        const box = mark.getBoundingClientRect();
        const paper = document.querySelector("[data-page-number='7']");
        const sheet = paper.getBoundingClientRect();
        const around = paper.parentElement.parentElement.getBoundingClientRect();
        // "Here stands the word " is 9,782 thousandths of 14 points in Helvetica, after a margin of 72 points on a page of 595.
        const beside = Math.abs(box.left - sheet.left - (sheet.width * (72 + 9.782 * 14)) / 595);
        return { text: mark.dataset.text, inView: box.top >= around.top && box.bottom <= around.bottom, onTheWord: beside < 1.5 };
      });
      assert.deepEqual(seen, { text: word, inView: true, onTheWord: true });
      // What was asked stands in the field as it was typed, and "back" leads to the same search.
      assert.equal(await page.getByRole("searchbox", { name: t("viewer:find.label") }).inputValue(), word);
      await page.getByRole("link", { name: t("dossier:backToSearch") }).click();
      await page.waitForURL((address) => address.pathname === "/search" && address.searchParams.get("q") === word);
      await page.goBack();
      await page.locator("[data-page-number='7'] canvas").waitFor();

      // The same page as text.
      await page.getByRole("button", { name: t("viewer:key.text") }).click();
      await page.locator("mark", { hasText: word }).waitFor();
      await office.screen("09-text-view");
      await page.getByRole("button", { name: t("viewer:key.text") }).click();

      // A new version, the history, the old version opened and taken away.
      await page.getByRole("tab", { name: t("dossier:tab.versions") }).click();
      const place = mkdtempSync(join(tmpdir(), "cartulary-version-"));
      const second = eightPages(word, "second");
      writeFileSync(join(place, "description, second edition.pdf"), second);
      await page.getByRole("button", { name: t("dossier:versions.upload"), exact: true }).click();
      const dialog = page.getByRole("dialog");
      await choose(page, dialog.getByRole("button", { name: t("dossier:upload.choose") }), join(place, "description, second edition.pdf"));
      await dialog.getByLabel(t("dossier:upload.comment")).fill("corrected by the journey");
      assert.equal(await dialog.getByRole("checkbox").isChecked(), false, "a new version is a minor one, as the server has it");
      await office.screen("10-new-version");
      await dialog.getByRole("button", { name: t("dossier:upload.send"), exact: true }).click();
      await dialog.waitFor({ state: "hidden" });
      const entries = page.getByRole("tabpanel").locator("li");
      await page.waitForFunction(() => document.querySelectorAll("[role=tabpanel] li").length === 2);
      await page.getByText("corrected by the journey").waitFor();
      // Its pages are counted behind, and the contents tell them without a reload.
      const pages = one.language === "ar" ? t("dossier:contents.pages_few").replace("{{n}}", "٨") : t("dossier:contents.pages_other").replace("{{n}}", "8");
      await page.getByRole("navigation", { name: t("dossier:region.contents") }).getByRole("link").first().getByText(pages).waitFor({ timeout: 60_000 });
      await page.locator("[data-page-number] canvas").first().waitFor();
      await office.screen("11-versions");
      await entries.last().getByRole("button").click();
      await page.waitForURL(/v=/);
      await page.getByRole("button", { name: t("dossier:old.newest") }).waitFor();
      await office.focused("[data-old-version]");
      // At the page that was open, with the words that were looked for.
      await page.locator("[data-page-number='7'] canvas").waitFor();
      await page.locator("[data-page-number='7']").getByText("first edition").waitFor({ state: "attached" });
      await page.locator("[data-page-number='7'] [data-hit='now']").waitFor();
      assert.equal(await page.getByRole("searchbox", { name: t("viewer:find.label") }).inputValue(), word);
      await office.screen("12-old-version");
      const old = await download(page, entries.last().getByRole("link"));
      assert.ok(old.bytes.equals(folder.first), "the old version comes back byte for byte");
      const newest = await download(page, entries.first().getByRole("link"));
      assert.ok(newest.bytes.equals(second), "the newest version comes back byte for byte");
      assert.equal(newest.name, "description, second edition.pdf");
      await page.getByRole("button", { name: t("dossier:old.newest") }).click();
      await office.focused("[data-reader]");
      await page.getByRole("tab", { name: t("dossier:tab.access") }).click();
      await page.getByText(t("dossier:access.mine")).waitFor();
      await office.screen("13-access");

      // Papers of other kinds, each shown or worded.
      const paper = (name) => page.getByRole("navigation", { name: t("dossier:region.contents") }).locator("a", { hasText: name });
      await paper("2 note").click();
      await page.getByText("سطر بالعربية عن الواحة.").waitFor();
      await office.screen("14-text");
      await paper("3 damaged").click();
      await page.getByText(t("viewer:cannot.damaged.title")).waitFor();
      await office.screen("15-damaged");
      // A page that opens and shows nothing says so.
      await paper("9 blank").click();
      await page.getByText(pattern(t("viewer:page.blank"))).waitFor();
      await office.screen("15-blank");
      if (await paper("5 picture").count()) {
        await paper("5 picture").click();
        await page.locator("section img").waitFor();
        await office.screen("16-picture");
      }
      if (await paper("6 scan").count()) {
        await paper("6 scan").click();
        await page.getByText(t("viewer:cannot.other.title")).waitFor();
        await office.screen("17-other");
      }
      if (await paper("4 نص").count()) {
        await paper("4 نص").click();
        await page.locator("[data-page-number='1'] canvas").waitFor();
        await page.getByRole("searchbox", { name: t("viewer:find.label") }).fill("الواحة");
        await page.locator("[data-hit='now']").first().waitFor();
        assert.equal(await page.locator("[data-hit='now']").count(), 1, "a word painted glyph by glyph is one band");
        await office.screen("18-arabic-paper");
      }

      // Importing the same folder again takes nothing twice.
      await page.getByRole("navigation", { name: t("common:nav.label") }).getByRole("link", { name: t("common:nav.dossiers") }).click();
      await page.getByRole("grid").waitFor();
      await choose(page, page.getByRole("button", { name: t("dossier:list.importFolder") }), folder.root);
      await panel.getByText(t("import:state.done"), { exact: true }).waitFor({ timeout: 60_000 });
      assert.equal(await panel.getByText(t("import:file.created"), { exact: true }).count(), 0, "nothing is taken twice");
      await office.screen("19-import-again");

      await page.getByRole("button", { name: t("common:user.menu") }).click();
      await page.getByRole("menuitem", { name: t("common:user.signOut") }).click();
      await page.getByLabel(t("session:username"), { exact: true }).waitFor();
    });
    rmSync(folder.root, { recursive: true, force: true });
  });
}
