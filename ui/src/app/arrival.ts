/** Where focus goes when what had it is gone: to the heading of the new screen, or to what a press has opened (brief §6). */

/** What is not there by then is not waited for any longer. */
const patience = 10_000;

let stop = () => {};

const isNowhere = () => document.activeElement === null || document.activeElement === document.body;

/**
 * Gives focus to what `selector` names, as soon as it is on the page. Focus that stands somewhere by then is left alone: the reader moved on.
 * With `fromHere` it is taken also from where it stands now, as after a change of screen.
 */
export function focusWhenThere(selector: string, { fromHere = false } = {}): void {
  stop();
  const before = fromHere ? document.activeElement : null;
  const look = () => {
    const now = document.activeElement;
    if (!isNowhere() && now !== before) return fromHere ? stop() : undefined;
    const target = document.querySelector<HTMLElement>(selector);
    if (target === null) return;
    target.focus({ preventScroll: true });
    stop();
  };
  const observer = new MutationObserver(look);
  const timer = window.setTimeout(() => stop(), patience);
  stop = () => {
    observer.disconnect();
    window.clearTimeout(timer);
    stop = () => {};
  };
  observer.observe(document.body, { childList: true, subtree: true });
  look();
}
