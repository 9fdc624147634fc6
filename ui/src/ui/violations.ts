/** What the server says of single fields, in the reader's words where there are some. */
import { Problem, type Violation } from "../api/problem";
import { hasText, type Translate } from "../i18n";

export function violationWords(violations: Violation[], t: Translate): string {
  return violations.map((one) => (hasText(`errors:violation.${one.code ?? ""}`) ? t(`errors:violation.${one.code ?? ""}`) : (one.detail ?? ""))).join(" ");
}

/** Returns what a fault says of one field; nothing if it is about others too, and so has to be shown as a whole. */
export function faultOf(fault: unknown, field: string, fields: readonly string[], t: Translate): string | undefined {
  if (!isOnlyOf(fault, fields)) return undefined;
  const about = (fault as Problem).violations.filter((one) => one.field === field);
  return about.length > 0 ? violationWords(about, t) : undefined;
}

/** Says whether a fault is about nothing but these fields. */
export function isOnlyOf(fault: unknown, fields: readonly string[]): boolean {
  return fault instanceof Problem && fault.violations.length > 0 && fault.violations.every((one) => fields.includes(one.field ?? ""));
}
