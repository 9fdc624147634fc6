/** A name or title as it was given, without what would mislead. File names read from left to right whatever their letters, so that the ending stays at the end. */
import { harmless } from "./harmless";

const fileName = /\.[A-Za-z0-9]{1,5}$/;

/** The direction of a name: that of its first letter, but for file names. */
export const directionOfName = (name: string): "ltr" | undefined => (fileName.test(name) ? "ltr" : undefined);

export function Name({ children, className, tip }: { children: string; className?: string | undefined; tip?: string | undefined }) {
  return <bdi className={className} dir={directionOfName(children)} title={tip === undefined ? undefined : harmless(tip)}>{harmless(children)}</bdi>;
}
