/** What the server's list of permissions lets the reader be offered. It decides nothing: the server does, at each request. */
import type { Detail } from "./types";

/** Groups that hold a permission whole, as the repository's model names them. */
const wider: Record<string, readonly string[]> = {
  WriteProperties: ["Write", "Manage", "Everything"],
  WriteVersion: ["Write", "Manage", "Everything"],
  AddChildren: ["Write", "Manage", "Everything"],
  WriteSecurity: ["Manage", "Everything"],
};

/** Whether the answer names the permission, alone or in a group. */
export function may(object: Pick<Detail, "permissions"> | undefined, permission: "WriteProperties" | "WriteVersion" | "AddChildren" | "WriteSecurity"): boolean {
  return object?.permissions.some((one) => one === permission || wider[permission]?.includes(one) === true) ?? false;
}
