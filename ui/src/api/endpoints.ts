/** One function for each endpoint that the application uses. */
import { address, keepCsrfToken, request, segment, type Query } from "./client";
import type {
  Acl, CheckedState, Detail, DocumentText, Hit, ImportedFile, ImportRun, NewVersion, ObjectType, Page, SearchAnswer, Session, Summary, User, Version,
} from "./types";

export interface Window {
  limit: number;
  offset: number;
}

export type ListSort = "modified" | "-modified" | "created" | "-created" | "name" | "-name";

export interface SearchQuery {
  q: string;
  type?: string;
  mediaType?: string;
  dossier?: string;
}

const hold = (session: Session): Session => {
  keepCsrfToken(session.csrfToken ?? undefined);
  return session;
};

export const api = {
  signIn: (username: string, password: string) =>
    request<Session>("POST", "/sessions", { json: { username, password, cookie: true }, ownSession: true }).then(hold),
  session: () => request<Session>("GET", "/sessions/current", { ownSession: true }).then(hold),
  signOut: () => request<undefined>("DELETE", "/sessions/current", { ownSession: true }),
  changePassword: (currentPassword: string, newPassword: string) =>
    request<User | undefined>("PUT", "/users/me/password", { json: { currentPassword, newPassword } }),

  types: () => request<{ items: ObjectType[] }>("GET", "/types"),

  dossiers: (query: { sort: ListSort; q: string } & Window, signal?: AbortSignal) =>
    request<Page<Summary>>("GET", "/dossiers", { query: { ...query }, signal, afterWrites: true }),
  createDossier: (dossier: { name: string; title: string }) =>
    request<Detail>("POST", "/dossiers", { json: dossier, idempotent: true }),
  dossier: (id: string, signal?: AbortSignal) => request<Detail>("GET", `/dossiers/${segment(id)}`, { signal }),
  contents: (id: string, window: Window, signal?: AbortSignal) =>
    request<Page<Summary>>("GET", `/dossiers/${segment(id)}/contents`, { query: { ...window }, signal, afterWrites: true }),
  addDocument(dossierId: string, file: File, onProgress?: (sent: number) => void) {
    const form = new FormData();
    form.append("title", file.name);
    form.append("content", file, file.name);
    return request<Detail>("POST", `/dossiers/${segment(dossierId)}/documents`, { body: form, idempotent: true, onProgress });
  },

  document: (id: string, signal?: AbortSignal) => request<Detail>("GET", `/documents/${segment(id)}`, { signal }),
  change: (base: "folder" | "document", id: string, changeToken: string, values: { name?: string; title?: string }) =>
    request<Detail>("PATCH", `/${base === "folder" ? "dossiers" : "documents"}/${segment(id)}`, { json: values, ifMatch: changeToken }),
  versions: (id: string, signal?: AbortSignal) => request<Page<Version>>("GET", `/documents/${segment(id)}/versions`, { query: { limit: 1000 }, signal }),
  /** The whole text; a long one comes in several answers. */
  async text(id: string, signal?: AbortSignal): Promise<DocumentText> {
    const ask = (from?: number) => request<DocumentText>("GET", `/documents/${segment(id)}/text`, { query: { from }, signal });
    const text = await ask();
    for (let next = text.nextPage; next !== undefined && next !== null; ) {
      const more = await ask(next);
      text.pages.push(...more.pages);
      next = more.nextPage;
    }
    return text;
  },
  newVersion: (id: string, version: NewVersion, onProgress: (sent: number) => void, signal?: AbortSignal) =>
    request<Detail>("PUT", `/documents/${segment(id)}/content`, {
      query: { fileName: version.fileName, comment: version.comment, major: version.major },
      body: version.file, mediaType: version.mediaType, ifMatch: version.changeToken, onProgress, signal,
    }),
  acl: (id: string, signal?: AbortSignal) => request<Acl>("GET", `/objects/${segment(id)}/acl`, { signal }),

  search: (query: SearchQuery & Window, signal?: AbortSignal) =>
    request<SearchAnswer>("GET", "/search", { query: { ...query } as Query, signal, afterWrites: true }),

  startImport: (source: string, folderName: string) => request<ImportRun>("POST", "/imports", { json: { source, folderName }, idempotent: true }),
  checkImport: (id: string, entries: { path: string; digest: string; sizeBytes: number }[], signal?: AbortSignal) =>
    request<{ items: { path: string; state: CheckedState }[] }>("POST", `/imports/${segment(id)}/check`, { json: { entries }, signal }),
  importFile: (id: string, path: string, sequence: number, file: File, onProgress: (sent: number) => void, signal?: AbortSignal) =>
    request<ImportedFile>("PUT", `/imports/${segment(id)}/files`, { query: { path, sequence }, body: file, onProgress, signal }),
  importRun: (id: string, signal?: AbortSignal) => request<ImportRun>("GET", `/imports/${segment(id)}`, { signal }),
  finishImport: (id: string) => request<ImportRun>("POST", `/imports/${segment(id)}/finish`),
};

/** Address of a document's bytes, of the newest version or, given a version's id, of that one. */
export const contentAddress = (id: string) => address(`/documents/${segment(id)}/content`);

/** Address that makes the browser save the bytes under their file name. */
export const downloadAddress = (id: string) => address(`/documents/${segment(id)}/content`, { download: 1 });

export type { Hit };
