/** What the server says, as TypeScript: the shapes of `/api/v1` that the application reads. */

export interface User {
  id: string;
  username: string;
  displayName: string;
  administrator: boolean;
  mustChangePassword: boolean;
}

export interface Session {
  user: User;
  csrfToken?: string;
  expiresAt: string;
  mustChangePassword?: boolean;
}

export interface Content {
  /** SHA-256 as 64 lower-case hexadecimal digits. */
  digest: string;
  sizeBytes: number;
  mediaType: string;
  fileName: string;
}

export interface Fault {
  code: string;
  detail: string;
  pageNumber?: number;
}

export type TextState = "ready" | "waiting" | "failed" | "none";

export interface Summary {
  id: string;
  type: string;
  base: "folder" | "document";
  name: string;
  title: string;
  createdAt: string;
  createdBy: string;
  modifiedAt: string;
  modifiedBy: string;
  properties: Record<string, unknown>;
  versionLabel?: string;
  content?: Content | null;
  text?: { state: TextState; pageCount?: number; faults?: Fault[] } | null;
  hasChildren?: boolean;
}

export interface Place {
  id: string;
  name: string;
  title: string;
}

export interface Detail extends Summary {
  changeToken: string;
  permissions: string[];
  parents: Place[];
  path?: string;
}

export interface Page<T> {
  total: number;
  items: T[];
  nextCursor?: string | null;
}

export interface Version {
  id: string;
  label: string;
  major: boolean;
  createdAt: string;
  createdBy: string;
  comment?: string | null;
  content?: Content | null;
}

export interface TextPage {
  pageNumber: number;
  width?: number;
  height?: number;
  text: string;
  language?: string;
}

export interface DocumentText {
  state: TextState;
  pageCount: number;
  pages: TextPage[];
  faults: Fault[];
}

export interface AclEntry {
  principal: string;
  displayName?: string;
  isGroup?: boolean;
  permission: string;
  /** Whether it grants; otherwise it denies. */
  grants?: boolean;
}

export interface Acl {
  entries: AclEntry[];
  inherits: boolean;
  /** What the lists above say, nearest first. */
  inherited?: AclEntry[];
}

export interface Snippet {
  pageNumber?: number;
  fragments: { text: string; hit: boolean }[];
}

export interface Hit extends Summary {
  score: number;
  snippets: Snippet[];
  dossier?: Place | null;
}

export interface FacetValue {
  value: string;
  label?: string;
  count: number;
}

export interface SearchAnswer {
  total: number;
  items: Hit[];
  facets: Record<string, FacetValue[]>;
  indexedChange: number;
  tookMs?: number;
}

export interface PropertyType {
  id: string;
  kind: string;
  cardinality: string;
  required: boolean;
  label: string;
}

export interface ObjectType {
  id: string;
  base: string;
  label: string;
  properties: PropertyType[];
}

export interface ImportRun {
  id: string;
  source: string;
  state: string;
  taken: number;
  newVersions: number;
  alreadyTaken: number;
  faults: { path: string; code?: string; reason: string }[];
}

export type CheckedState = "new" | "changed" | "taken";

export interface ImportedFile {
  path: string;
  state: "created" | "version" | "taken";
  documentId: string;
  faults?: Fault[];
}

export interface NewVersion {
  file: Blob;
  fileName: string;
  mediaType: string;
  comment: string;
  major: boolean;
  changeToken: string;
}
