/** The keys and functions under which answers of the server are kept in memory. */
import { queryOptions } from "@tanstack/react-query";
import { isStatus } from "./client";
import { api, type ListSort, type SearchQuery, type Window } from "./endpoints";
import type { ObjectType } from "./types";

export const queries = {
  session: () =>
    queryOptions({
      queryKey: ["session"],
      queryFn: () => api.session().catch((fault: unknown) => { if (isStatus(fault, 401)) return null; throw fault; }),
      staleTime: Infinity,
    }),
  types: () => queryOptions({ queryKey: ["types"], queryFn: () => api.types(), staleTime: 300_000 }),
  dossier: (id: string) => queryOptions({ queryKey: ["dossier", id], queryFn: ({ signal }) => api.dossier(id, signal) }),
  document: (id: string) =>
    queryOptions({
      queryKey: ["document", id],
      queryFn: ({ signal }) => api.document(id, signal),
      refetchInterval: (query) => whileRead(isWaiting(query.state.data), query.state.dataUpdateCount),
    }),
  versions: (id: string) => queryOptions({ queryKey: ["document", id, "versions"], queryFn: ({ signal }) => api.versions(id, signal) }),
  acl: (id: string) => queryOptions({ queryKey: ["acl", id], queryFn: ({ signal }) => api.acl(id, signal) }),
  /** Text of a document or version; asked again while the server is still reading it. */
  text: (id: string, digest: string | undefined) =>
    queryOptions({
      queryKey: ["text", id, digest],
      queryFn: ({ signal }) => api.text(id, signal),
      staleTime: 60_000,
      refetchInterval: (query) => (query.state.data?.state === "waiting" ? 3000 : false),
    }),
  /** A run that has ended; asked again while texts of it are read. */
  importRun: (id: string) =>
    queryOptions({
      queryKey: ["import", id],
      queryFn: ({ signal }) => api.importRun(id, signal),
      refetchInterval: (query) => whileRead((query.state.data?.texts.waiting ?? 0) > 0, query.state.dataUpdateCount),
    }),
  search: (query: SearchQuery & Window) =>
    queryOptions({ queryKey: ["search", query], queryFn: ({ signal }) => api.search(query, signal), enabled: query.q !== "" }),
};

/** How long to wait before a thing is asked again whose text the server still reads: soon at first, later at leisure. */
export const whileRead = (isWaiting: boolean, asked: number): number | false => (isWaiting ? Math.min(30_000, 1500 + 250 * asked) : false);
const isWaiting = (one: { text?: { state: string } | null } | undefined) => one?.text?.state === "waiting";

/** One window of a list: how to ask for it and under which key it is kept. */
export interface ListSource<T> {
  key: readonly unknown[];
  fetch: (window: Window, signal: AbortSignal) => Promise<{ total: number; items: T[] }>;
  /** Whether something in a window will change by itself soon. */
  isUnsettled?: (item: T) => boolean;
}

export const lists = {
  dossiers: (sort: ListSort, q: string): ListSource<import("./types").Summary> => ({
    key: ["dossiers", sort, q],
    fetch: (window, signal) => api.dossiers({ sort, q, ...window }, signal),
  }),
  contents: (id: string): ListSource<import("./types").Summary> => ({
    key: ["contents", id],
    fetch: (window, signal) => api.contents(id, window, signal),
    isUnsettled: isWaiting,
  }),
};

/** Finds a type by its id. */
export const typeById = (types: { items: ObjectType[] } | undefined, id: string) => types?.items.find((type) => type.id === id);
