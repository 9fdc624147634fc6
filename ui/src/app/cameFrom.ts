/** Which list a reader came from: "back" from a dossier leads there again, with the same words and filters. */
import type { ListSearch, SearchSearch } from "./router";
import { createStore } from "./store";

export type CameFrom = { to: "/dossiers"; search: ListSearch } | { to: "/search"; search: SearchSearch };

/** Kept for as long as the page lives; a dossier that is opened by its address leads back to the list of all. */
export const cameFrom = createStore<CameFrom>({ to: "/dossiers", search: {} });
