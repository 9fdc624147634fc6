/** One set of 16 px line icons. Those that point along the line of reading flip in right-to-left pages. */

const shapes = {
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.3 10.3 14 14",
  folder: "M1.8 4.2h4.4l1.5 1.6h6.5v7H1.8Z",
  paper: "M3.5 1.8h6L12.5 5v9.2h-9ZM9.3 1.8V5.2h3.2",
  absent: "M3.5 4V1.8h2.2M8 1.8h1.5L12.5 5v2M12.5 9.5v2M3.5 6.5v2.2M3.5 11v3.2h2.2M8.2 14.2h4.3V13",
  image: "M2 3h12v10H2ZM2 11l3.5-3.5 3 3 2-2L14 12M10.8 5.6h.1",
  user: "M8 8.2a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM2.8 14c.4-2.8 2.4-4.2 5.2-4.2s4.8 1.4 5.2 4.2",
  theme: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM8 2v12M8 5h5.2M8 8h6M8 11h5.2",
  help: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM6.2 6.4c0-1.1.8-1.8 1.8-1.8s1.8.7 1.8 1.6c0 1.3-1.8 1.4-1.8 2.9M8 11.4v.1",
  back: "M13.5 8h-11M6.5 4l-4 4 4 4",
  next: "M6 3.5 10.5 8 6 12.5",
  down: "M4 6.2 8 10.2 12 6.2",
  up: "M4 9.8 8 5.8 12 9.8",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  rotate: "M12.8 5.5A5.5 5.5 0 1 0 13.5 8M13.5 2.5v3.2h-3.2",
  width: "M1.8 3v10M14.2 3v10M4 8h8M6 5.8 3.8 8 6 10.2M10 5.8 12.2 8 10 10.2",
  text: "M3 4V3h10v1M8 3v10M6.2 13h3.6",
  download: "M8 2v8.2M4.6 7 8 10.4 11.4 7M2.5 13.5h11",
  upload: "M8 10.5V2.3M4.6 5.6 8 2.2l3.4 3.4M2.5 13.5h11",
  close: "M3.5 3.5l9 9M12.5 3.5l-9 9",
  check: "M3 8.5 6.5 12 13 4.5",
  warning: "M8 2 14.5 13.5h-13ZM8 6.5v3.2M8 11.5v.1",
  menu: "M2 4h12M2 8h12M2 12h12",
  edit: "M10.8 2.6l2.6 2.6L5.6 13H3v-2.6ZM9 4.4 11.6 7",
  lock: "M3.5 7.2h9v6.5h-9ZM5.3 7V5.2a2.7 2.7 0 0 1 5.4 0V7",
} as const;

export type IconName = keyof typeof shapes;
const flipping = new Set<IconName>(["back", "next"]);

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className={flipping.has(name) ? "flip" : undefined} width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.35" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
      <path d={shapes[name]} />
    </svg>
  );
}

/** The house mark: a bound register. */
export function Mark({ size = 20 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <rect x="2" y="1" width="12" height="14" rx="1.5" fill="var(--accent)" />
      <path d="M5 5h6M5 8h6M5 11h4" stroke="var(--accent-ink)" strokeWidth="1.3" />
    </svg>
  );
}
