/** The two live regions of the page, one polite and one assertive: no component makes its own (brief §6). */
import { createStore, useStore } from "./store";

const polite = createStore("");
const assertive = createStore("");

/** Lets screen readers say a short text when they are free; the same text twice is said twice. */
export function announce(text: string): void {
  polite.set((old) => (old === text ? `${text}\u200B` : text));
}

/** Lets screen readers say a text at once. */
export function announceNow(text: string): void {
  assertive.set((old) => (old === text ? `${text}\u200B` : text));
}

export function LiveRegions() {
  return (
    <>
      <div className="unseen" role="status" aria-live="polite">{useStore(polite)}</div>
      <div className="unseen" role="alert" aria-live="assertive">{useStore(assertive)}</div>
    </>
  );
}
