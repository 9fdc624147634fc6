/** The end of a session in the middle of work: requests wait while somebody signs in again, then go on where they were. */
import { createStore } from "./store";

interface Waiting {
  promise: Promise<boolean>;
  done: (signedIn: boolean) => void;
}

/** Set while the sign-in layer is open. */
export const expired = createStore<Waiting | null>(null);
/** Whether a session existed in this page: before the first sign-in a 401 is no expiry. */
export const known = { user: undefined as string | undefined };

let entered = false;

/** Notes that somebody came in by the sign-in page, so that the first screen takes the focus that the form had. */
export function noteEntry(): void {
  entered = true;
}

/** Says once whether somebody has just come in by the sign-in page. */
export function takeEntry(): boolean {
  const was = entered;
  entered = false;
  return was;
}

/** Opens the sign-in layer, once for all requests that meet the end of the session. */
export function waitForSignIn(): Promise<boolean> {
  if (known.user === undefined) return Promise.resolve(false);
  const open = expired.get();
  if (open !== null) return open.promise;
  let done: (signedIn: boolean) => void = () => {};
  const promise = new Promise<boolean>((resolve) => {
    done = resolve;
  });
  expired.set({ promise, done });
  return promise;
}

/** Closes the layer and lets the waiting requests go on. */
export function signedInAgain(userId: string): void {
  const open = expired.get();
  if (known.user !== undefined && known.user !== userId) {
    // Another person at the same desk: nothing of the first one's may stay on the page.
    window.location.reload();
    return;
  }
  known.user = userId;
  expired.set(null);
  open?.done(true);
}
