/** The pages of a PDF under each other on the desk; only those near the eye are drawn, at most a dozen. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useImperativeHandle, useLayoutEffect, useMemo, useRef, useState, type Ref } from "react";
import { useI18n } from "../i18n";
import type { PageHit } from "./find";
import { PdfPage } from "./PdfPage";
import styles from "./page.module.css";
import { faultOf, openPdf, type PdfFault, type PDFDocumentProxy } from "./pdf";

export type Fit = "width" | "page" | number;

export interface PdfHandle {
  goTo: (pageNumber: number) => void;
  scrollBy: (rows: number) => void;
  focus: () => void;
  /** Text of every page, for documents that the server has not read. */
  texts: () => Promise<{ pageNumber: number; text: string }[]>;
}

interface PdfViewProps {
  url: string;
  sizeBytes: number;
  label: string;
  fit: Fit;
  rotation: number;
  terms: readonly string[];
  hit: PageHit | undefined;
  startPage: number;
  onOpen: (pageCount: number) => void;
  onPage: (pageNumber: number) => void;
  onScale: (scale: number) => void;
  onFault: (fault: PdfFault) => void;
  handle: Ref<PdfHandle>;
}

const gap = 12;
const desk = 20;
/** After this time without a page the desk says what it waits for. */
const longAfter = 1500;
/** CSS pixels to a PDF point at 100 %. */
const pixelsPerPoint = 96 / 72;

interface Size {
  width: number;
  height: number;
}

export function PdfView(props: PdfViewProps) {
  const { url, sizeBytes, label, fit, rotation, terms, hit, startPage, onOpen, onPage, onScale, onFault, handle } = props;
  const { t } = useI18n();
  const box = useRef<HTMLDivElement>(null);
  const [pdf, setPdf] = useState<PDFDocumentProxy>();
  const [room, setRoom] = useState<Size>({ width: 0, height: 0 });
  const [standard, setStandard] = useState<Size>();
  const [sizes, setSizes] = useState<ReadonlyMap<number, Size>>(new Map());
  const [start] = useState(startPage);
  const [isLong, setIsLong] = useState(false);
  useEffect(() => {
    const timer = window.setTimeout(() => setIsLong(true), longAfter);
    return () => window.clearTimeout(timer);
  }, []);

  useEffect(() => {
    const opening = openPdf(url, sizeBytes);
    let alive = true;
    opening.document
      .then(async (opened) => {
        if (opened.numPages < 1) throw new Error("no pages");
        const first = await opened.getPage(1);
        const { width, height } = first.getViewport({ scale: 1 });
        if (!alive) return;
        setStandard({ width, height });
        setPdf(opened);
        onOpen(opened.numPages);
      })
      .catch((fault: unknown) => { if (alive) onFault(faultOf(fault)); });
    return () => {
      alive = false;
      opening.close();
    };
  }, [url, sizeBytes, onOpen, onFault]);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setRoom({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const turned = rotation % 180 !== 0;
  const turn = useCallback((size: Size): Size => (turned ? { width: size.height, height: size.width } : size), [turned]);
  const scale = useMemo(() => {
    if (standard === undefined || room.width === 0) return 1;
    if (typeof fit === "number") return fit * pixelsPerPoint;
    const size = turn(standard);
    const byWidth = (room.width - 2 * desk) / size.width;
    const wanted = fit === "width" ? byWidth : Math.min(byWidth, (room.height - 2 * gap) / size.height);
    return Math.max(0.1, Math.round(wanted * 200) / 200);
  }, [standard, room, fit, turn]);
  useEffect(() => onScale(scale / pixelsPerPoint), [scale, onScale]);

  const sizeOf = useCallback((index: number): Size => {
    const size = turn(sizes.get(index + 1) ?? standard ?? { width: 595, height: 842 });
    return { width: Math.floor(size.width * scale), height: Math.floor(size.height * scale) };
  }, [sizes, standard, scale, turn]);
  const count = pdf?.numPages ?? 0;
  const virtual = useVirtualizer({ count, getScrollElement: () => box.current, estimateSize: (index) => sizeOf(index).height, overscan: 1, gap, paddingStart: gap, paddingEnd: gap });

  // When the scale or the turn changes, the same place of the same page stays under the eye.
  const eye = useRef({ index: 0, share: 0 });
  useLayoutEffect(() => {
    virtual.measure();
    const element = box.current;
    const [item] = element === null ? [] : virtual.getOffsetForIndex(eye.current.index, "start") ?? [];
    if (element !== null && item !== undefined) element.scrollTop = item + eye.current.share * sizeOf(eye.current.index).height;
    // Only a new scale or turn moves the page; sizes learnt on the way are mended by the effect below.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [scale, rotation]);
  useLayoutEffect(() => virtual.measure(), [sizes, virtual]);

  const goTo = useCallback((pageNumber: number) => {
    const index = Math.max(0, Math.min(count - 1, pageNumber - 1));
    eye.current = { index, share: 0 };
    virtual.scrollToIndex(index, { align: "start" });
  }, [count, virtual]);
  const begun = useRef(false);
  useEffect(() => {
    if (pdf === undefined || room.width === 0 || begun.current) return;
    begun.current = true;
    if (start > 1) goTo(start);
  }, [pdf, room.width, start, goTo]);

  useImperativeHandle(handle, () => ({
    goTo,
    scrollBy: (rows) => box.current?.scrollBy({ top: rows * 60 }),
    focus: () => box.current?.focus({ preventScroll: true }),
    async texts() {
      const pages: { pageNumber: number; text: string }[] = [];
      for (let number = 1; pdf !== undefined && number <= Math.min(pdf.numPages, 500); number += 1) {
        const content = await (await pdf.getPage(number)).getTextContent();
        pages.push({ pageNumber: number, text: content.items.map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : "")).join("") });
      }
      return pages;
    },
  }), [goTo, pdf]);

  const items = virtual.getVirtualItems();
  const onScroll = () => {
    const element = box.current;
    if (element === null) return;
    // Of all pages, not of those drawn: after a jump the drawn ones are still the old.
    const seen = virtual.getVirtualItemForOffset(element.scrollTop + element.clientHeight / 3);
    if (seen === undefined) return;
    eye.current = { index: seen.index, share: Math.max(0, (element.scrollTop - seen.start) / Math.max(1, seen.size)) };
    onPage(seen.index + 1);
  };

  const onSize = useCallback((pageNumber: number, width: number, height: number) => setSizes((old) => {
    const known = old.get(pageNumber) ?? standard;
    return known !== undefined && Math.abs(known.width - width) < 0.5 && Math.abs(known.height - height) < 0.5 ? old : new Map(old).set(pageNumber, { width, height });
  }), [standard]);
  // The present hit comes to the upper third, unless it can be seen already.
  const onHit = useCallback((place: DOMRect | undefined) => {
    const element = box.current;
    if (element === null || place === undefined) return;
    const around = element.getBoundingClientRect();
    if (place.top < around.top + 8 || place.bottom > around.bottom - 8) element.scrollTop += place.top - around.top - around.height / 3;
    if (place.left < around.left || place.right > around.right) element.scrollLeft += place.left - around.left - around.width / 3;
  }, []);

  const widest = Math.max(room.width - 1, ...items.map((item) => sizeOf(item.index).width + 2 * desk));
  return (
    <div ref={box} className={styles["scroller"]} dir="ltr" tabIndex={0} role="region" aria-label={label} data-region-focus="" onScroll={onScroll} aria-busy={pdf === undefined}>
      {pdf === undefined ? <p className={isLong ? styles["opening"] : "unseen"} dir="auto">{t("viewer:opening")}</p> : (
        <div className={styles["inner"]} style={{ height: virtual.getTotalSize(), width: widest }}>
          {items.map((item) => {
            const { width, height } = sizeOf(item.index);
            return (
              <PdfPage
                key={item.key} document={pdf} pageNumber={item.index + 1} scale={scale} rotation={rotation} terms={terms} onSize={onSize} onHit={onHit}
                hitNow={hit?.pageNumber === item.index + 1 ? hit.onPage : undefined}
                place={{ width, height, transform: `translate(${Math.max(desk, Math.round((widest - width) / 2))}px, ${item.start}px)` }}
              />
            );
          })}
        </div>
      )}
    </div>
  );
}
