/** The routes. Their addresses are part of the product: they stand in letters and in other people's files. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import type { ListSort } from "../api/endpoints";
import { loadAreas } from "../i18n";
import { FailedPage, MissingPage } from "./ErrorPages";
import { Frame } from "./Frame";
import { SessionGate } from "./session";

type Raw = Record<string, unknown>;

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
const whole = (value: unknown): number | undefined => {
  const number = Number(value);
  return Number.isInteger(number) && number > 0 ? number : undefined;
};

const root = createRootRoute({
  component: () => (
    <SessionGate>
      <Frame />
    </SessionGate>
  ),
  notFoundComponent: MissingPage,
  errorComponent: FailedPage,
});

const home = createRoute({ getParentRoute: () => root, path: "/", beforeLoad: () => { throw redirect({ to: "/dossiers" }); } });

const sorts: readonly ListSort[] = ["modified", "-modified", "created", "-created", "name", "-name"];
export interface ListSearch { q?: string; sort?: ListSort }
const list = createRoute({
  getParentRoute: () => root,
  path: "/dossiers",
  validateSearch: (raw: Raw): ListSearch => {
    const sort = sorts.find((one) => one === raw["sort"]);
    return { q: text(raw["q"]), sort: sort === "-modified" ? undefined : sort };
  },
  loader: () => loadAreas("dossier", "import"),
  component: lazyRouteComponent(() => import("../features/dossier/ListPage"), "ListPage"),
});

/** Tabs of the side panel, in their order. */
export const panelTabs = ["data", "versions", "access"] as const;
export type PanelTab = (typeof panelTabs)[number];
export interface DossierSearch { doc?: string; v?: string; page?: number; q?: string; also?: string; tab?: PanelTab }
const dossier = createRoute({
  getParentRoute: () => root,
  path: "/d/$id",
  validateSearch: (raw: Raw): DossierSearch => ({
    doc: text(raw["doc"]), v: text(raw["v"]), page: whole(raw["page"]), q: text(raw["q"]), also: text(raw["also"]), tab: panelTabs.find((one) => one === raw["tab"]),
  }),
  loader: () => loadAreas("dossier", "viewer"),
  component: lazyRouteComponent(() => import("../features/dossier/DossierPage"), "DossierPage"),
});

export interface SearchSearch { q?: string; type?: string; mediaType?: string; dossier?: string; from?: number }
const search = createRoute({
  getParentRoute: () => root,
  path: "/search",
  validateSearch: (raw: Raw): SearchSearch => ({
    q: text(raw["q"]), type: text(raw["type"]), mediaType: text(raw["mediaType"]), dossier: text(raw["dossier"]), from: whole(raw["from"]),
  }),
  loader: () => loadAreas("search"),
  component: lazyRouteComponent(() => import("../features/search/SearchPage"), "SearchPage"),
});

/** Plain `name=value` pairs, so that an address can be read and typed. */
const parseSearch = (query: string): Raw => Object.fromEntries(new URLSearchParams(query));
const stringifySearch = (values: Raw): string => {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== "").map(([name, value]) => [name, String(value)]);
  const query = new URLSearchParams(given).toString();
  return query === "" ? "" : `?${query}`;
};

export const router = createRouter({
  routeTree: root.addChildren([home, list, dossier, search]),
  parseSearch,
  stringifySearch,
  defaultErrorComponent: FailedPage,
  defaultPendingMs: 150,
  scrollRestoration: false,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
