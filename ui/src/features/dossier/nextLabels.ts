/** The labels that a paper's next version may bear, as the server gives them. */
import type { Format } from "../../i18n/format";

/** Returns both, from the label of now, such as `1.3` or `1.3+`. */
export function nextLabels(label: string, format: Pick<Format, "digits">): { major: string; minor: string } {
  const [major = 1, minor = 0] = label.replace("+", "").split(".").map(Number);
  return { major: format.digits(`${major + 1}.0`), minor: format.digits(`${major}.${minor + 1}`) };
}
