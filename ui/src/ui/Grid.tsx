/** The grid of every long list: virtual rows, the server's exact count, one tab stop, one active row that is always mounted (brief §6.2). */
import { defaultRangeExtractor, useVirtualizer, type Range } from "@tanstack/react-virtual";
import { useCallback, useEffect, useId, useImperativeHandle, useLayoutEffect, useRef, type ReactNode, type Ref } from "react";
import { Icon } from "./Icon";
import styles from "./Grid.module.css";

const lineRow = 34;
/** A row of two lines, for screens too narrow for columns. */
const tallRow = 58;
const headHeight = 32;
/** Browsers lose precision in taller boxes (brief §9). */
export const mostRows = Math.floor(8_000_000 / tallRow);

export interface Column<T> {
  id: string;
  header: string;
  /** A track of CSS grid, such as `minmax(120px, 1fr)`. */
  width: string;
  sort?: "ascending" | "descending" | "none";
  onSort?: () => void;
  render: (row: T) => ReactNode;
}

export interface GridHandle {
  focus: () => void;
}

interface GridProps<T> {
  label: string;
  total: number;
  columns: Column<T>[];
  get: (index: number) => T | undefined;
  onShow: (first: number, last: number) => void;
  active: number;
  onActive: (index: number) => void;
  onOpen: (index: number) => void;
  rowLabel: (row: T) => string;
  /** Rows of two lines in columns that fit the screen; otherwise the grid scrolls sideways where it must. */
  isNarrow?: boolean;
  isUpdating: boolean;
  /** Where the list was when it was last left. */
  initialOffset?: number;
  onScroll?: (offset: number) => void;
  handle?: Ref<GridHandle>;
}

export function Grid<T>(props: GridProps<T>) {
  const { label, total, columns, get, onShow, active, onActive, onOpen, rowLabel, isNarrow = false, isUpdating, initialOffset, onScroll, handle } = props;
  const rowHeight = isNarrow ? tallRow : lineRow;
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  const count = Math.min(total, mostRows);
  const keepActive = useCallback((range: Range) => {
    const rows = defaultRangeExtractor(range);
    if (active < count && !rows.includes(active)) rows.push(active);
    return rows.sort((a, b) => a - b);
  }, [active, count]);
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    rangeExtractor: keepActive,
    initialOffset: initialOffset ?? 0,
    scrollMargin: headHeight,
    scrollPaddingStart: headHeight,
  });
  useLayoutEffect(() => virtual.measure(), [rowHeight, virtual]);
  const items = virtual.getVirtualItems();
  const first = virtual.range?.startIndex ?? 0;
  const last = virtual.range?.endIndex ?? 0;
  useEffect(() => onShow(first, last), [first, last, onShow]);
  useImperativeHandle(handle, () => ({ focus: () => box.current?.focus() }), []);
  const moved = useRef(active);
  useEffect(() => {
    if (moved.current === active) return;
    moved.current = active;
    virtual.scrollToIndex(active, { align: "auto" });
  }, [active, virtual]);
  const template = { gridTemplateColumns: columns.map((column) => column.width).join(" ") };
  const rowId = (index: number) => `${id}-${index}`;

  return (
    <div className={styles["holder"]}>
      <div
        ref={box} className={styles["grid"]} role="grid" tabIndex={0} aria-label={label} aria-rowcount={total + 1} aria-colcount={columns.length}
        aria-busy={isUpdating} data-updating={isUpdating ? "" : undefined} data-narrow={isNarrow ? "" : undefined} aria-activedescendant={count > 0 && get(active) !== undefined ? rowId(active) : undefined}
        onScroll={(event) => onScroll?.(event.currentTarget.scrollTop)}
      >
        <div role="rowgroup" className={styles["head"]} style={template}>
          <div role="row" aria-rowindex={1} style={{ display: "contents" }}>
            {columns.map((column) => (
              <div key={column.id} role="columnheader" aria-sort={column.sort} className={styles["headCell"]}>
                {column.onSort === undefined ? column.header : (
                  <button type="button" className={styles["sort"]} onClick={column.onSort}>
                    {column.header}
                    {column.sort === "ascending" && <Icon name="up" size={12} />}
                    {column.sort === "descending" && <Icon name="down" size={12} />}
                  </button>
                )}
              </div>
            ))}
          </div>
        </div>
        <div role="rowgroup" className={styles["rows"]} style={{ blockSize: virtual.getTotalSize() }}>
          {items.map((item) => {
            const row = get(item.index);
            return (
              <div
                key={item.key} id={rowId(item.index)} role="row" aria-rowindex={item.index + 2} aria-selected={item.index === active} data-active={item.index === active ? "" : undefined}
                aria-label={row === undefined ? undefined : rowLabel(row)} className={styles["row"]} style={{ ...template, transform: `translateY(${item.start - headHeight}px)` }}
                onClick={() => { onActive(item.index); }} onDoubleClick={() => onOpen(item.index)}
              >
                {columns.map((column) => (
                  <div key={column.id} role="gridcell" className={styles["cell"]}>
                    {row === undefined ? <div className={styles["ghost"]} /> : column.render(row)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
      <div className={styles["frame"]} />
    </div>
  );
}

/** Turns a step of the keyboard into the next active row. */
export function stepRow(active: number, total: number, step: "next" | "previous" | "first" | "last" | "pageNext" | "pagePrevious", pageRows = 20): number {
  const end = Math.min(total, mostRows) - 1;
  const wanted = { next: active + 1, previous: active - 1, first: 0, last: end, pageNext: active + pageRows, pagePrevious: active - pageRows }[step];
  return Math.max(0, Math.min(end, wanted));
}
