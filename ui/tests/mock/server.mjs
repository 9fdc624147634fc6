/** A small stand-in for the office, for building screens without it: answers the REST contract from the sample papers, in memory, and serves dist/ with the real CSP. Development only. */
import { execFile } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, request as ask } from "node:http";
import { extname, join } from "node:path";

const port = Number(process.env.PORT ?? 8499);
const samples = process.env.CARTULARY_SAMPLES ?? "/work/shared/samples";
const extraDossiers = Number(process.env.MOCK_DOSSIERS ?? 2000);
const mediaTypes = { ".pdf": "application/pdf", ".png": "image/png", ".jpg": "image/jpeg", ".txt": "text/plain", ".html": "text/html", ".tif": "image/tiff", ".tiff": "image/tiff", ".odt": "application/vnd.oasis.opendocument.text" };
const assetTypes = { ...mediaTypes, ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".wasm": "application/wasm", ".json": "application/json" };
const user = { id: "u1", username: "admin", displayName: "Office Administrator", administrator: true, mustChangePassword: process.env.MOCK_FIRST === "1" };
let password = "secret-of-the-mock";
const sessions = new Map();
const blobs = new Map();
const objects = new Map();
const children = new Map();
const versions = new Map();
const texts = new Map();
const imports = new Map();
const takenBy = new Set();
let clock = Date.parse("2026-11-20T08:00:00Z");
const now = () => new Date((clock += 61_000)).toISOString();

function keep(bytes) {
  const digest = createHash("sha256").update(bytes).digest("hex");
  blobs.set(digest, bytes);
  return digest;
}
function folder(name, title, type = "dossier") {
  const at = now();
  const object = { id: randomUUID(), type, base: "folder", name, title, createdAt: at, createdBy: "admin", modifiedAt: at, modifiedBy: "admin", properties: { subject: title }, changeToken: "1", parents: [] };
  objects.set(object.id, object);
  children.set(object.id, []);
  return object;
}
function paper(parent, name, bytes, mediaType) {
  const at = now();
  const object = { id: randomUUID(), type: "document", base: "document", name, title: name, createdAt: at, createdBy: "admin", modifiedAt: at, modifiedBy: "admin", properties: {}, changeToken: "1", parents: [{ id: parent.id, name: parent.name, title: parent.title }] };
  objects.set(object.id, object);
  children.get(parent.id).push(object.id);
  versions.set(object.id, []);
  if (bytes !== undefined) addVersion(object, bytes, mediaType, name, "", true);
  return object;
}
function addVersion(object, bytes, mediaType, fileName, comment, major) {
  const list = versions.get(object.id);
  const content = { digest: keep(bytes), sizeBytes: bytes.length, mediaType, fileName };
  const label = `${list.length + 1}.0`;
  list.push({ id: randomUUID(), label, major, createdAt: now(), createdBy: "admin", comment, content });
  Object.assign(object, { content, versionLabel: label, modifiedAt: now(), changeToken: String(Number(object.changeToken) + 1) });
}
async function textOf(content) {
  if (!content) return { state: "none", pageCount: 0, pages: [], faults: [] };
  const known = texts.get(content.digest);
  if (known) return known;
  let pages = [];
  let state = "none";
  if (content.mediaType === "application/pdf") {
    const out = await new Promise((resolve) => {
      const child = execFile("pdftotext", ["-layout", "-enc", "UTF-8", "-", "-"], { maxBuffer: 1 << 26, timeout: 20_000 }, (fault, stdout) => resolve(fault ? undefined : stdout));
      child.stdin?.on("error", () => {});
      child.stdin?.end(blobs.get(content.digest));
    });
    state = out === undefined ? "failed" : "ready";
    pages = (out ?? "").split("\f").slice(0, -1).map((text, index) => ({ pageNumber: index + 1, text, language: /[\u0600-\u06ff]/.test(text) ? "ar" : "en" }));
  } else if (content.mediaType.startsWith("text/")) {
    state = "ready";
    pages = [{ pageNumber: 1, text: blobs.get(content.digest).toString("utf8").replace(/<[^>]*>/g, " "), language: "en" }];
  }
  const answer = { state, pageCount: pages.length, ...(state === "ready" ? { pagesWithText: pages.filter((page) => /[\p{L}\p{N}]/u.test(page.text)).length } : {}), pages, faults: state === "failed" ? [{ code: "file_damaged", detail: "the text could not be read" }] : [] };
  texts.set(content.digest, answer);
  return answer;
}
const permissions = ["Manage"];
const detail = async (object) => ({ ...(await summary(object)), changeToken: object.changeToken, permissions, parents: object.parents, path: `/${object.name}` });
async function summary(object) {
  const { changeToken, parents, ...rest } = object;
  void changeToken;
  void parents;
  if (object.base === "folder") return { ...rest, hasChildren: children.get(object.id).length > 0 };
  const text = object.content ? await textOf(object.content) : undefined;
  return { ...rest, ...(text ? { text: { state: text.state, pageCount: text.pageCount, ...(text.pagesWithText === undefined ? {} : { pagesWithText: text.pagesWithText }), faults: text.faults } } : {}) };
}

for (const name of (process.env.MOCK_FOLDERS ?? "good").split(",")) {
  const path = join(samples, "corpus", name);
  if (!existsSync(path)) continue;
  const dossier = folder(name, { good: "Papers of good make", scans: "Simulated and real scans", hostile: "Papers that resist" }[name]);
  for (const file of readdirSync(path)) if (statSync(join(path, file)).isFile()) paper(dossier, file, readFileSync(join(path, file)), mediaTypes[extname(file)] ?? "application/octet-stream");
  paper(dossier, "Power of attorney");
}
const arabic = folder("AR/2026/0001", "ملف الواحة للأغذية: طلب تسجيل SAHEL GOLD رقم ٧");
if (existsSync(join(samples, "corpus/arabic-print.pdf"))) paper(arabic, "نص عربي مطبوع.pdf", readFileSync(join(samples, "corpus/arabic-print.pdf")), "application/pdf");
const titles = ["SAHEL GOLD", "Process for drying cassava", "واحة النخيل", "Chair with woven back", "Solar still with layered wick", "شركة الواحة للأغذية", "Irrigation valve actuator"];
for (let index = 0; index < extraDossiers; index += 1) folder(`D/2026/${String(100_000 - index)}`, titles[index % titles.length]);

const types = { items: [
  { id: "dossier", base: "folder", label: "Dossier", properties: [{ id: "subject", kind: "string", cardinality: "single", required: false, label: "Subject" }] },
  { id: "document", base: "document", label: "Document", properties: [] },
] };
const page = async (ids, query) => {
  const offset = Number(query.get("offset") ?? 0);
  const limit = Number(query.get("limit") ?? 50);
  return { total: ids.length, items: await Promise.all(ids.slice(offset, offset + limit).map((id) => summary(objects.get(id)))), nextCursor: null };
};
class Fault extends Error {
  constructor(status, code, detailText) {
    super(detailText ?? code);
    Object.assign(this, { status, code });
  }
}
const find = (id) => objects.get(id) ?? (() => { throw new Fault(404, "not_found"); })();
const versionOrPaper = (id) => objects.get(id)?.content ?? [...versions.values()].flat().find((version) => version.id === id)?.content;
const checkToken = (request, object) => {
  const given = request.headers["if-match"];
  if (!given) throw new Fault(428, "precondition_required");
  if (given !== `"${object.changeToken}"`) throw new Fault(412, "stale");
};

async function search(query) {
  const words = (query.get("q") ?? "").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const hits = [];
  for (const object of objects.values()) {
    if (object.base !== "document" || !object.content || (query.get("dossier") && object.parents[0].id !== query.get("dossier"))) continue;
    const text = await textOf(object.content);
    const snippets = [];
    for (const one of text.pages) {
      const lower = one.text.toLowerCase();
      const at = words.map((word) => lower.indexOf(word)).find((position) => position >= 0);
      if (at === undefined || snippets.length >= 3) continue;
      const raw = one.text.slice(Math.max(0, at - 70), at + 110).replace(/\s+/g, " ");
      const parts = raw.split(new RegExp(`(${words.join("|")})`, "iu")).filter(Boolean).map((part) => ({ text: part, hit: words.includes(part.toLowerCase()) }));
      snippets.push({ pageNumber: one.pageNumber, fragments: parts });
    }
    if (snippets.length > 0 || words.some((word) => object.title.toLowerCase().includes(word))) hits.push({ ...(await summary(object)), score: snippets.length, snippets, dossier: object.parents[0] });
  }
  const count = (of) => [...Map.groupBy?.(hits, of) ?? groupBy(hits, of)].map(([value, list]) => ({ value, label: value, count: list.length }));
  const offset = Number(query.get("offset") ?? 0);
  return { total: hits.length, items: hits.slice(offset, offset + Number(query.get("limit") ?? 20)), facets: { type: count(() => "document"), mediaType: count((hit) => hit.content.mediaType), year: count(() => "2026") }, indexedChange: 1, textsWaiting: 0, tookMs: 3 };
}
const groupBy = (list, of) => list.reduce((map, one) => map.set(of(one), [...(map.get(of(one)) ?? []), one]), new Map());

const body = (request) => new Promise((resolve, reject) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => resolve(Buffer.concat(parts)));
  request.on("error", reject);
});
const json = async (request) => JSON.parse((await body(request)).toString() || "{}");

function sendBytes(request, response, content, download) {
  const bytes = blobs.get(content.digest);
  const headers = { "Content-Type": content.mediaType, ETag: `"${content.digest}"`, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff" };
  if (download) headers["Content-Disposition"] = `attachment; filename*=UTF-8''${encodeURIComponent(content.fileName)}`;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  if (range) {
    const first = Number(range[1]);
    const last = Math.min(bytes.length - 1, range[2] ? Number(range[2]) : bytes.length - 1);
    response.writeHead(206, { ...headers, "Content-Range": `bytes ${first}-${last}/${bytes.length}`, "Content-Length": last - first + 1 });
    return response.end(bytes.subarray(first, last + 1));
  }
  response.writeHead(200, { ...headers, "Content-Length": bytes.length });
  return response.end(bytes);
}

const routes = [
  ["GET", /^\/types$/, () => types],
  ["GET", /^\/dossiers$/, async (_, query) => {
    const q = (query.get("q") ?? "").toLowerCase();
    const all = [...objects.values()].filter((one) => one.base === "folder" && (q === "" || one.name.toLowerCase().includes(q) || one.title.toLowerCase().includes(q)));
    const sort = query.get("sort") ?? "-modified";
    const key = sort.replace("-", "") === "name" ? "name" : "modifiedAt";
    all.sort((a, b) => a[key].localeCompare(b[key], "en", { numeric: true }) * (sort.startsWith("-") ? -1 : 1));
    return page(all.map((one) => one.id), query);
  }],
  ["POST", /^\/dossiers$/, async (request) => { const { name, title } = await json(request); if ([...objects.values()].some((one) => one.name === name)) throw new Fault(409, "name_taken"); return [201, await detail(folder(name, title))]; }],
  ["GET", /^\/(?:dossiers|documents)\/([^/]+)$/, (_, __, id) => detail(find(id))],
  ["PATCH", /^\/(?:dossiers|documents)\/([^/]+)$/, async (request, _, id) => { const values = await json(request); const object = find(id); checkToken(request, object); Object.assign(object, values, { modifiedAt: now(), changeToken: String(Number(object.changeToken) + 1) }); return detail(object); }],
  ["GET", /^\/dossiers\/([^/]+)\/contents$/, (_, query, id) => page(children.get(find(id).id), query)],
  ["POST", /^\/dossiers\/([^/]+)\/documents$/, async (request, _, id) => { const form = await new Response(await body(request), { headers: { "Content-Type": request.headers["content-type"] } }).formData(); const file = form.get("content"); return [201, await detail(paper(find(id), file.name, Buffer.from(await file.arrayBuffer()), file.type))]; }],
  ["GET", /^\/documents\/([^/]+)\/versions$/, (_, __, id) => ({ total: versions.get(find(id).id).length, items: versions.get(id) })],
  ["GET", /^\/documents\/([^/]+)\/text$/, (_, __, id) => textOf(versionOrPaper(id))],
  ["PUT", /^\/documents\/([^/]+)\/content$/, async (request, query, id) => { const object = find(id); const bytes = await body(request); checkToken(request, object); addVersion(object, bytes, request.headers["content-type"], query.get("fileName"), query.get("comment"), query.get("major") === "true"); return detail(object); }],
  ["GET", /^\/objects\/([^/]+)\/acl$/, () => ({ entries: [], inherits: true, inherited: [{ principal: "office", displayName: "The office", isGroup: true, permission: "Read", grants: true }, { principal: "admin", displayName: "Office Administrator", isGroup: false, permission: "Everything", grants: true }] })],
  ["GET", /^\/search$/, (_, query) => search(query)],
  ["POST", /^\/imports$/, async (request) => { const { source, folderName } = await json(request); const id = randomUUID(); imports.set(id, { id, source, folderName, state: "running", taken: 0, newVersions: 0, alreadyTaken: 0, faults: [], folders: new Map() }); return [201, imports.get(id)]; }],
  ["POST", /^\/imports\/([^/]+)\/check$/, async (request, _, id) => ({ items: (await json(request)).entries.map(({ path, digest }) => ({ path, state: takenBy.has(`${imports.get(id).source} ${path} ${digest}`) ? "taken" : "new" })) })],
  ["PUT", /^\/imports\/([^/]+)\/files$/, async (request, query, id) => {
    const path = query.get("path");
    const bytes = await body(request);
    const run = imports.get(id);
    await new Promise((resolve) => setTimeout(resolve, Number(process.env.MOCK_SLOW ?? 0)));
    if (path.includes("refuse")) throw new Fault(422, "invalid");
    const parts = path.split("/");
    const place = parts.length > 1 ? parts.slice(0, -1).join(" / ") : run.folderName;
    if (!run.folders.has(place)) run.folders.set(place, folder(`${place} ${imports.size}`, place));
    const made = paper(run.folders.get(place), parts.at(-1), bytes, mediaTypes[extname(path)] ?? "application/octet-stream");
    run.taken += 1;
    takenBy.add(`${run.source} ${path} ${createHash("sha256").update(bytes).digest("hex")}`);
    return { path, state: "created", documentId: made.id, ...(bytes.length === 0 ? { faults: [{ code: "empty_file", detail: "empty" }] } : {}) };
  }],
  ["POST", /^\/imports\/([^/]+)\/finish$/, (_, __, id) => { const { folders, ...run } = imports.get(id); void folders; return { ...run, state: "done" }; }],
];

const sessionOf = (request) => sessions.get(/^Bearer (.*)/.exec(request.headers.authorization ?? "")?.[1] ?? /cartulary_session=([\w-]+)/.exec(request.headers.cookie ?? "")?.[1]);
async function serveApi(request, response, path, query) {
  const requestId = randomUUID().slice(0, 8);
  const answer = (status, value, headers = {}) => { response.writeHead(status, { "Content-Type": "application/json", "X-Request-Id": requestId, ...headers }); response.end(value === undefined ? "" : JSON.stringify(value)); };
  try {
    if (path === "/sessions" && request.method === "POST") {
      const given = await json(request);
      if (given.username !== user.username || given.password !== password) throw new Fault(401, "wrong_credentials");
      const token = randomBytes(16).toString("hex");
      const session = { user, csrfToken: randomBytes(8).toString("hex"), expiresAt: new Date(Date.now() + 3_600_000).toISOString(), mustChangePassword: user.mustChangePassword };
      sessions.set(token, session);
      if (given.cookie !== true) return answer(201, { ...session, token, csrfToken: undefined });
      return answer(201, session, { "Set-Cookie": `cartulary_session=${token}; HttpOnly; SameSite=Strict; Path=/` });
    }
    const session = sessionOf(request);
    if (session === undefined) throw new Fault(401, "unauthenticated");
    if (!["GET", "HEAD"].includes(request.method) && !request.headers.authorization && request.headers["x-csrf-token"] !== session.csrfToken) throw new Fault(403, "csrf_refused");
    if (path === "/sessions/current") {
      if (request.method === "DELETE") { sessions.clear(); return answer(204); }
      return answer(200, session);
    }
    if (path === "/users/me/password") { const given = await json(request); if (given.currentPassword !== password) throw new Fault(401, "wrong_credentials"); password = given.newPassword; user.mustChangePassword = false; session.mustChangePassword = false; return answer(204); }
    const bytes = /^\/documents\/([^/]+)\/content$/.exec(path);
    if (bytes && request.method === "GET") {
      const content = versionOrPaper(bytes[1]);
      if (!content) throw new Fault(404, "not_found");
      return sendBytes(request, response, content, query.has("download"));
    }
    for (const [method, pattern, act] of routes) {
      const match = pattern.exec(path);
      if (match === null || method !== request.method) continue;
      const made = await act(request, query, match[1] && decodeURIComponent(match[1]));
      return Array.isArray(made) ? answer(made[0], made[1], { "Cartulary-Transaction": "1" }) : answer(200, made);
    }
    throw new Fault(404, "not_found");
  } catch (fault) {
    const status = fault.status ?? 500;
    if (status === 500) console.error(fault);
    response.writeHead(status, { "Content-Type": "application/problem+json", "X-Request-Id": requestId });
    response.end(JSON.stringify({ type: "about:blank", title: fault.message, status, code: fault.code ?? "internal", detail: fault.message, requestId }));
  }
}

function serveApp(response, path) {
  const file = join("dist", path);
  if (path !== "/" && !path.includes("..") && existsSync(file) && statSync(file).isFile()) {
    response.writeHead(200, { "Content-Type": assetTypes[extname(path)] ?? "application/octet-stream", "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'" });
    return response.end(readFileSync(file));
  }
  if (path.startsWith("/assets/")) { response.writeHead(404); return response.end(); }
  const nonce = randomBytes(16).toString("base64");
  response.writeHead(200, {
    "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store",
    "Content-Security-Policy": `default-src 'none'; script-src 'self' 'nonce-${nonce}' 'wasm-unsafe-eval'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`,
  });
  return response.end(readFileSync("dist/index.html", "utf8").replaceAll("__CSP_NONCE__", nonce));
}

/** With MOCK_PROXY=http://HOST:PORT the pages are ours and the answers a real office's. */
function forward(request, response) {
  const { hostname, port: at } = new URL(process.env.MOCK_PROXY);
  const onward = ask({ hostname, port: at, path: request.url, method: request.method, headers: request.headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.writeHead(502).end());
  request.pipe(onward);
}

createServer((request, response) => {
  const url = new URL(request.url, "http://mock");
  if (process.env.MOCK_PROXY && url.pathname.startsWith("/api/")) return forward(request, response);
  if (url.pathname.startsWith("/api/v1")) void serveApi(request, response, url.pathname.slice(7), url.searchParams);
  else serveApp(response, url.pathname);
}).listen(port, "127.0.0.1", () => console.log(`mock office on http://127.0.0.1:${port}`));
