/** Names of types and properties: ours for the core's, in every language; the server's for what an office or a module declares. */
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
