/** Whether the server answers. When it does not, the page says so and asks again every few seconds. */
import { createStore } from "./store";

export const reachable = createStore(true);
let timer: number | undefined;

/** Called by the API client after each request. */
export function noteReached(yes: boolean, probe: () => Promise<unknown>): void {
  reachable.set(yes);
  window.clearInterval(timer);
  timer = yes ? undefined : window.setInterval(() => void probe().catch(() => {}), 4000);
}
