/** What a refused change of password says about each of the two fields. */
import { Problem, type Violation } from "../../api/problem";
import { isOnlyOf } from "../../ui/violations";

export interface FieldFaults {
  /** The present password is another. */
  current?: Problem;
  /** What is wrong with the new password. */
  next?: Violation[];
}

/** Sorts a fault by field; a fault that is about neither leaves both out. */
export function fieldFaults(fault: unknown): FieldFaults {
  if (!(fault instanceof Problem)) return {};
  if (fault.code === "wrong_credentials") return { current: fault };
  return isOnlyOf(fault, ["newPassword"]) ? { next: fault.violations } : {};
}
