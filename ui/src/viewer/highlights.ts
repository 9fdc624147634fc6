/** Marks hits on the text layer by the CSS Custom Highlight API: nothing is written into the page's elements. */

const marked = new Map<object, { all: Range[]; now: Range[] }>();

function draw(): void {
  const registry = (CSS as unknown as { highlights?: Map<string, unknown> }).highlights;
  if (registry === undefined || typeof Highlight === "undefined") return;
  const all = [...marked.values()].flatMap((page) => page.all.filter((range) => !page.now.includes(range)));
  const now = [...marked.values()].flatMap((page) => page.now);
  registry.set("hit", new Highlight(...all));
  registry.set("hit-now", new Highlight(...now));
}

/** Marks the ranges of one owner, some of them as the present hit. */
export function mark(owner: object, all: Range[], now: Range[]): void {
  marked.set(owner, { all, now });
  draw();
}

/** Takes the marks of an owner away. */
export function unmark(owner: object): void {
  if (marked.delete(owner)) draw();
}
