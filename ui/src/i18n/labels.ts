/** Names of types and properties: ours for the core's, in every language; the server's label for what an office or a module declares. */
import type { ObjectType, PropertyType } from "../api/types";
import { hasText, type Translate } from "./index";

/** Names a type. */
export function typeLabel(types: { items: ObjectType[] } | undefined, id: string, t: Translate): string {
  if (hasText(`common:type.${id}`)) return t(`common:type.${id}`);
  return types?.items.find((type) => type.id === id)?.label || id;
}

/** Names a property; without a declaration its id must do. */
export function propertyLabel(declared: PropertyType | undefined, id: string, t: Translate): string {
  const key = `common:property.${id.replaceAll(":", "_")}`;
  return hasText(key) ? t(key) : declared?.label || id;
}
