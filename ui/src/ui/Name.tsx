/** A name or title as it was given, without what would mislead. File names read from left to right whatever their letters, so that the ending stays at the end. */
import { harmless } from "./harmless";

const fileName = /\.[A-Za-z0-9]{1,5}$/;

export function Name({ children, className, tip }: { children: string; className?: string | undefined; tip?: string | undefined }) {
  return <bdi className={className} dir={fileName.test(children) ? "ltr" : undefined} title={tip === undefined ? undefined : harmless(tip)}>{harmless(children)}</bdi>;
}
