/** Names of types, properties, kinds of files and built-in users: ours for the core's, in every language; the server's for what an office or a module declares. */
import type { ObjectType, PropertyType } from "../api/types";
import { hasText, nameOfNow, type Translate } from "./index";

/** Names a type. */
export function typeLabel(types: { items: ObjectType[] } | undefined, id: string, t: Translate): string {
  if (hasText(`common:type.${id}`)) return t(`common:type.${id}`);
  const type = types?.items.find((one) => one.id === id);
  return type === undefined ? id : nameOfNow(type.label, type.labels) || id;
}

/** Names a property; without a declaration its id must do. */
export function propertyLabel(declared: PropertyType | undefined, id: string, t: Translate): string {
  const key = `common:property.${id.replaceAll(":", "_")}`;
  if (hasText(key)) return t(key);
  return declared === undefined ? id : nameOfNow(declared.label, declared.labels) || id;
}

/** Names a value of a property: a choice has names in the languages of its type, nested values are shown as they are stored. */
export function valueLabel(declared: PropertyType | undefined, value: unknown): string {
  if (Array.isArray(value)) return value.map((one) => valueLabel(declared, one)).join("; ");
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  const text = String(value);
  return nameOfNow(text, declared?.choiceLabels?.[text]);
}

/** Kinds of files that have a word of their own; the key of the catalogue for each media type. */
const kinds: Record<string, string> = {
  "application/pdf": "pdf",
  "text/plain": "text",
  "text/html": "html",
  "application/xhtml+xml": "html",
  "text/csv": "csv",
  "text/xml": "xml",
  "application/xml": "xml",
  "application/json": "json",
  "application/zip": "zip",
  "message/rfc822": "mail",
  "application/msword": "word",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "word",
  "application/vnd.oasis.opendocument.text": "word",
  "application/rtf": "word",
  "application/vnd.ms-excel": "sheet",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "sheet",
  "application/vnd.oasis.opendocument.spreadsheet": "sheet",
  "application/octet-stream": "bytes",
};

/** Names a kind of file in a word; what has none keeps its media type. */
export function kindLabel(mediaType: string, t: Translate): string {
  const type = mediaType.toLowerCase().split(";")[0]?.trim() ?? "";
  const known = kinds[type];
  if (known !== undefined) return t(`common:kind.${known}`);
  const [group, format] = type.split("/");
  if (group === "image" && format !== undefined) return t("common:kind.image", { format: format.replace(/^x-|\+xml$|^vnd\./g, "").toUpperCase() });
  return mediaType;
}

/** What the server itself calls its first user and its own groups: people's names are data and stay as they are, these are ours. */
const own: Record<string, string> = { Administrator: "administrator", Administrators: "administrators", Cartulary: "system", Staff: "staff", Readers: "readers", "Everyone who is signed in": "everyone" };

/** Names a person or a group. */
export function principalLabel(displayName: string, t: Translate): string {
  const known = own[displayName];
  return known === undefined ? displayName : t(`common:principal.${known}`);
}
