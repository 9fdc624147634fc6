/** Whether a media query holds now. */
import { useSyncExternalStore } from "react";

/** Watches a media query, such as `(max-width: 600px)`; the component is drawn again when it turns. */
export function useMedia(query: string): boolean {
  const list = window.matchMedia(query);
  const watch = (listener: () => void) => {
    list.addEventListener("change", listener);
    return () => list.removeEventListener("change", listener);
  };
  return useSyncExternalStore(watch, () => list.matches);
}
