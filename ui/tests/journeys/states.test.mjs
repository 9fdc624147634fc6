/** What the page says when things go otherwise: somebody saved first, a session ended, the server is away, an address leads nowhere. */
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { choose, closeBrowser, drop, matrix, open, pattern, url, user, password } from "./office.mjs";
import { eightPages, makeFolder, rareWord } from "./papers.mjs";

after(closeBrowser);

/** Speaks to the office beside the browser, as another person would. */
async function elsewhere() {
  const answer = await fetch(`${url}/api/v1/sessions`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ username: user, password }) });
  const { token, csrfToken } = await answer.json();
  const cookie = answer.headers.get("set-cookie")?.split(";")[0];
  const auth = token ? { Authorization: `Bearer ${token}` } : { Cookie: cookie, "X-CSRF-Token": csrfToken };
  return (method, path, { headers = {}, body } = {}) => fetch(`${url}/api/v1${path}`, { method, headers: { ...auth, ...headers }, body });
}

async function importOne(office, word) {
  const { page, t } = office;
  const folder = makeFolder(word);
  await drop(page, page.locator("main"), [folder.root]);
  const panel = page.getByRole("region", { name: pattern(t("import:title")) });
  await panel.getByText(t("import:state.done"), { exact: true }).waitFor({ timeout: 60_000 });
  await panel.getByRole("button", { name: t("import:close") }).click();
  await page.goto(`${url}/dossiers?q=${folder.dossier}`);
  await page.getByRole("row").filter({ hasText: folder.dossier }).getByRole("link").first().click();
  await page.locator("[data-page-number='1'] canvas").waitFor();
  const list = page.getByRole("navigation", { name: t("dossier:region.contents") });
  const href = await list.getByRole("link").first().getAttribute("href");
  return { ...folder, paper: new URL(href, url).searchParams.get("doc") };
}

for (const one of matrix.filter(({ name }) => name === "en-light" || name === "ar-dark")) {
  test(`somebody saved first, ${one.name}`, { timeout: 120_000 }, async () => {
    const office = await open(one);
    const { page, t } = office;
    office.expected.push(/status of 412/);
    await office.walk(async () => {
      await office.signIn();
      await page.getByRole("heading", { level: 1, name: t("dossier:list.title") }).waitFor();
      const { paper } = await importOne(office, rareWord());
      const other = await elsewhere();

      // Escape leaves the form: at once when nothing was changed, else after a word, and focus goes back to what opened it.
      const change = page.getByRole("button", { name: pattern(t("dossier:edit.open")) }).first();
      const written = page.getByRole("tabpanel").getByLabel(t("dossier:field.title"));
      await change.click();
      await page.keyboard.press("Escape");
      await written.waitFor({ state: "detached" });
      await office.focused("[role=tabpanel] button");
      await change.click();
      await written.fill("Never saved");
      await page.keyboard.press("Escape");
      await page.getByRole("tabpanel").getByText(t("dossier:edit.unsaved")).waitFor();
      await office.screen("20-unsaved");
      await page.keyboard.press("Escape");
      await written.waitFor({ state: "detached" });
      await office.focused("[role=tabpanel] button");

      // The same title, changed by two.
      await page.getByRole("button", { name: pattern(t("dossier:edit.open")) }).first().click();
      const title = page.getByRole("tabpanel").getByLabel(t("dossier:field.title"));
      await title.fill("My title");
      const seen = await (await other("GET", `/documents/${paper}`)).json();
      const saved = await other("PATCH", `/documents/${paper}`, { headers: { "Content-Type": "application/json", "If-Match": `"${seen.changeToken}"` }, body: JSON.stringify({ title: "Their title" }) });
      assert.equal(saved.status, 200);
      await page.getByRole("button", { name: t("common:save"), exact: true }).click();
      const dialog = page.getByRole("dialog", { name: t("dossier:conflict.title") });
      await dialog.getByText("Their title").waitFor();
      await dialog.getByText("My title").waitFor();
      await office.screen("21-conflict");
      await dialog.getByRole("button", { name: t("dossier:conflict.save") }).click();
      await dialog.waitFor({ state: "hidden" });
      await page.getByRole("tabpanel").getByText("My title").waitFor();

      // A new version, given by two.
      await page.getByRole("tab", { name: t("dossier:tab.versions") }).click();
      await page.getByRole("button", { name: t("dossier:versions.upload"), exact: true }).click();
      const place = mkdtempSync(join(tmpdir(), "cartulary-version-"));
      writeFileSync(join(place, "mine.pdf"), eightPages("quillmine", "my"));
      const upload = page.getByRole("dialog");
      await choose(page, upload.getByRole("button", { name: t("dossier:upload.choose") }), join(place, "mine.pdf"));
      const now = await (await other("GET", `/documents/${paper}`)).json();
      const put = await other("PUT", `/documents/${paper}/content?fileName=theirs.pdf&comment=faster&major=true`, { headers: { "Content-Type": "application/pdf", "If-Match": `"${now.changeToken}"` }, body: eightPages("quilltheirs", "their") });
      assert.equal(put.status, 200);
      await upload.getByRole("button", { name: t("dossier:upload.send"), exact: true }).click();
      await upload.getByText("theirs.pdf").waitFor();
      await office.screen("22-upload-conflict");
      await upload.getByRole("button", { name: t("dossier:upload.sendAnyway") }).click();
      await upload.waitFor({ state: "hidden" });
      await page.waitForFunction(() => document.querySelectorAll("[role=tabpanel] li").length === 3);
    });
  });

  test(`the session ends in the middle, ${one.name}`, { timeout: 120_000 }, async () => {
    const office = await open(one);
    const { page, t } = office;
    await office.walk(async () => {
      await office.signIn();
      await page.getByRole("heading", { level: 1, name: t("dossier:list.title") }).waitFor();
      await page.getByRole("button", { name: t("dossier:list.new") }).first().click();
      const form = page.getByRole("dialog");
      const name = `S-${rareWord().slice(5)}`;
      await form.getByLabel(t("dossier:field.name")).fill(name);
      await page.context().clearCookies();
      await form.getByRole("button", { name: t("dossier:new.make") }).click();
      const layer = page.getByRole("dialog", { name: t("session:again.title") });
      await layer.waitFor();
      await office.screen("23-session-ended");
      await layer.getByLabel(t("session:password"), { exact: true }).fill(password);
      await layer.getByRole("button", { name: t("session:enter"), exact: true }).click();
      // The form that was sent goes on by itself, with what was typed.
      await page.waitForURL(/\/d\//);
      await page.getByRole("heading", { level: 1 }).getByText(name).first().waitFor();
      await page.getByText(t("dossier:empty.title")).waitFor();
      await office.screen("24-empty-dossier");
    });
  });

  test(`the first password is changed, ${one.name}`, { timeout: 120_000 }, async () => {
    const office = await open(one);
    const { page, t } = office;
    office.expected.push(/status of 422/);
    const other = await elsewhere();
    const name = `newcomer-${rareWord().slice(5)}`;
    const made = await other("POST", "/users", { headers: { "Content-Type": "application/json" }, body: JSON.stringify({ username: name, displayName: "Newcomer", password: "given-by-the-office-1" }) });
    assert.equal(made.status, 201);
    await office.walk(async () => {
      await office.signIn(name, "given-by-the-office-1");
      await page.getByRole("heading", { level: 1, name: t("session:change.title") }).waitFor();
      await office.screen("34-first-password");
      const field = (key) => page.getByLabel(t(key), { exact: true });
      await field("session:change.current").fill("given-by-the-office-1");
      // Typed: what a script puts in is never too short for the browser.
      await field("session:change.next").pressSequentially("short");
      await field("session:change.again").pressSequentially("short");
      await page.getByRole("button", { name: t("session:change.save") }).click();
      await page.getByText(t("errors:violation.too_short")).waitFor();
      await office.screen("34-first-password-too-short");
      await field("session:change.next").fill("12345678");
      await field("session:change.again").fill("12345678");
      await page.getByRole("button", { name: t("session:change.save") }).click();
      await page.getByText(t("errors:violation.too_common")).waitFor();
      await office.screen("34-first-password-too-common");
      await field("session:change.next").fill("a sentence of my own");
      await field("session:change.again").fill("another sentence");
      await page.getByRole("button", { name: t("session:change.save") }).click();
      await page.getByText(t("session:change.differ")).waitFor();
      await field("session:change.again").fill("a sentence of my own");
      await page.getByRole("button", { name: t("session:change.save") }).click();
      await page.getByRole("heading", { level: 1, name: t("dossier:list.title") }).waitFor();
      await page.waitForTimeout(500);
      await office.screen("35-reader-with-few-rights");

      // Again of one's own accord, from the menu, by keyboard.
      await page.getByRole("button", { name: t("common:user.menu") }).focus();
      await page.keyboard.press("Enter");
      await page.getByRole("menuitem", { name: t("common:user.password") }).waitFor();
      await page.keyboard.press("Enter");
      await page.getByRole("dialog", { name: t("session:own.title") }).waitFor();
      await page.keyboard.type("not my password");
      await page.keyboard.press("Tab");
      await page.keyboard.type("a newer sentence of mine");
      await page.keyboard.press("Tab");
      await page.keyboard.type("a newer sentence of mine");
      await page.keyboard.press("Enter");
      await page.getByText(t("session:change.wrong")).waitFor();
      await office.screen("36-own-password-refused");
      await page.waitForFunction(() => document.activeElement?.getAttribute("name") === "current");
      await field("session:own.current").fill("a sentence of my own");
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").getByText(t("session:own.done")).waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      await page.reload();
      await page.getByRole("heading", { level: 1, name: t("dossier:list.title") }).waitFor();
    });
  });

  test(`away, nowhere and nothing, ${one.name}`, { timeout: 120_000 }, async () => {
    const office = await open(one);
    const { page, t } = office;
    office.expected.push(/ERR_INTERNET_DISCONNECTED/, /status of 404/);
    await office.walk(async () => {
      await office.signIn();
      await page.getByRole("heading", { level: 1, name: t("dossier:list.title") }).waitFor();
      await page.goto(`${url}/dossiers?q=there-is-no-such-dossier`);
      await page.getByRole("button", { name: t("dossier:list.none.clear") }).waitFor();
      await office.screen("25-list-none");
      await page.goto(`${url}/search`);
      await page.getByText(t("search:start.title")).waitFor();
      await office.screen("26-search-start");
      await page.goto(`${url}/search?q=zzqxvwkjzz`);
      await page.getByText(pattern(t("search:none.title"))).waitFor();
      await office.screen("27-search-none");
      await page.goto(`${url}/d/0190aaaa-0000-7000-8000-000000000000`);
      await page.getByRole("heading", { level: 1, name: t("errors:title.missing") }).waitFor();
      await page.waitForFunction((title) => document.title.startsWith(title), t("errors:title.missing"));
      await office.screen("28-missing-dossier");
      await page.goto(`${url}/no/such/place`);
      await page.getByRole("heading", { level: 1, name: t("common:missing.title") }).waitFor();
      await page.waitForFunction((title) => document.title.startsWith(title), t("common:missing.title"));
      await office.screen("29-nowhere");
      await page.goto(`${url}/dossiers`);
      await page.getByRole("grid").waitFor();
      await page.context().setOffline(true);
      await page.getByRole("button", { name: t("dossier:column.name"), exact: true }).click();
      await page.getByText(t("common:offline")).waitFor();
      await office.screen("30-offline");
      await page.context().setOffline(false);
      await page.getByText(t("common:offline")).waitFor({ state: "hidden" });
    });
  });

  test(`narrow and high contrast, ${one.name}`, { timeout: 120_000 }, async () => {
    for (const [theme, width, height] of [["contrast", 1280, 720], [one.theme, 1000, 700], [one.theme, 640, 720], [one.theme, 390, 844], [one.theme, 340, 640]]) {
      const office = await open({ ...one, theme, name: `${one.name}-${theme}-${width}` }, { viewport: { width, height } });
      const { page, t } = office;
      await office.walk(async () => {
        await office.signIn();
        await page.getByRole("grid").waitFor();
        await office.screen("31-list");
        // Every number is whole: where columns do not fit, number and title stand under each other.
        const cut = await page.evaluate(() => [...document.querySelectorAll("[role=row] bdi.mono")].filter((one) => (one.closest("[role=gridcell]")?.scrollWidth ?? 0) > (one.closest("[role=gridcell]")?.clientWidth ?? 0) || one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0).length);
        assert.equal(cut, 0, `no number is cut at ${width}`);
        await page.getByRole("row").nth(1).getByRole("link").first().click();
        await page.waitForURL(/\/d\//);
        await page.getByRole("heading", { level: 2 }).first().waitFor();
        await page.waitForTimeout(700);
        await office.screen("32-dossier");
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(overflow <= 0, `no sideways page scroll at ${width} (${overflow} px)`);
        await page.goto(`${url}/search?q=solar`);
        await page.getByRole("heading", { level: 1, name: t("search:title") }).waitFor();
        await page.waitForTimeout(700);
        await office.screen("33-search");
        // Filters stand above the results: behind a button where there is no room beside them.
        const filters = page.getByRole("navigation", { name: t("search:facet.label") });
        if (width <= 900) {
          assert.equal(await filters.count(), 0, `filters wait behind their button at ${width}`);
          await page.getByRole("button", { name: t("search:facet.label") }).click();
          await filters.waitFor();
          await office.screen("33-search-filters");
        }
        const [above, below] = [await filters.boundingBox(), await page.locator("[data-hit]").first().boundingBox()];
        assert.ok(above.y < below.y, `the filters stand above the results at ${width}`);
      });
    }
  });
}
