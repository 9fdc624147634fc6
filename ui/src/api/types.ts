/** What the server says: names for the shapes that `schema.ts` holds (made from the office's OpenAPI by `npm run api`), narrowed where the document can only say "text". */
import type { components } from "./schema";

type Schemas = components["schemas"];
type Narrow<T, By> = Omit<T, keyof By> & By;

export type User = Schemas["SessionUser"];
export type Session = Schemas["SessionView"];
export type Content = Schemas["Content"];
export type Fault = Schemas["Fault"];
export type Place = Schemas["Place"];
export type Version = Schemas["Version"];
export type TextPage = Schemas["TextPage"];
export type Acl = Schemas["Acl"];
export type AclEntry = Schemas["AclEntry"];
export type Snippet = Schemas["Snippet"];
export type FacetValue = Schemas["FacetValue"];
export type ObjectType = Schemas["TypeView"];
export type PropertyType = Schemas["PropertyView"];
export type ImportRun = Schemas["Import"];
export type UnreadFile = Schemas["UnreadFile"];

export type TextState = "ready" | "waiting" | "failed" | "none";
type Base = "folder" | "document";

interface Narrowed {
  base: Base;
  properties: Record<string, unknown>;
  text?: Narrow<Schemas["TextSummary"], { state: TextState }> | null;
}

export type Summary = Narrow<Schemas["Summary"], Narrowed>;
export type Detail = Narrow<Schemas["Detail"], Narrowed>;
export type DocumentText = Narrow<Schemas["DocumentText"], { state: TextState }>;
export type Hit = Narrow<Schemas["Hit"], Narrowed>;
export type SearchAnswer = Narrow<Schemas["SearchAnswer"], { items: Hit[]; facets: Record<string, FacetValue[]> }>;

export interface Page<T> {
  total: number;
  items: T[];
  nextCursor?: string | null;
}

export type CheckedState = "new" | "changed" | "taken" | "trashed";
export type ImportedFile = Narrow<Schemas["ImportedFile"], { state: "created" | "version" | "taken" | "trashed" }>;

/** What a new version of a paper is made of. */
export interface NewVersion {
  file: Blob;
  fileName: string;
  mediaType: string;
  comment: string;
  major: boolean;
  changeToken: string;
}
