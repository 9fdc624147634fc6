/** A name or value with the words that were asked for marked in it. */
import type { ReactNode } from "react";
import { directionOfName } from "../../ui/Name";
import { harmless } from "../../ui/harmless";
import { matchesIn } from "./matches";

export function Marked({ children, q, className }: { children: string; q: string; className?: string }) {
  const text = harmless(children);
  const parts: ReactNode[] = [];
  let end = 0;
  matchesIn(text, q).forEach((match, index) => {
    parts.push(text.slice(end, match.start), <mark key={index}>{text.slice(match.start, match.end)}</mark>);
    end = match.end;
  });
  return <bdi className={className} dir={directionOfName(text)}>{parts}{text.slice(end)}</bdi>;
}
