/** One page of a PDF: its picture on a canvas, the text over it, and the hits marked between them. */
import { useEffect, useMemo, useRef, useState } from "react";
import { useI18n } from "../i18n";
import { isBlank } from "./damage";
import { findTerms, fold } from "./fold";
import { advancesOf, extentOf, joined, quartersOf, upright, widthsOf, type Box } from "./marks";
import styles from "./page.module.css";
import { TextLayer, type PageViewport, type PDFDocumentProxy, type PDFPageProxy, type TextItem, type TextStyle } from "./pdf";
import { readingLines } from "./textOrder";

/** Larger canvases are refused by browsers or eat the memory of the machine. */
const mostPixels = 16_000_000;
/** After this time without a picture the page says that it takes long. */
const slowAfter = 6000;

interface PdfPageProps {
  document: PDFDocumentProxy;
  pageNumber: number;
  scale: number;
  rotation: number;
  place: React.CSSProperties;
  terms: readonly string[];
  /** Number of the present hit on this page, from 0. */
  hitNow: number | undefined;
  onSize: (pageNumber: number, width: number, height: number) => void;
  /** Where the present hit stands, for the scroller to go there; `undefined` when it is not found on the page. */
  onHit: (element: DOMRect | undefined) => void;
}

interface Layer {
  page: PDFPageProxy;
  host: HTMLDivElement;
  viewport: PageViewport;
  divs: HTMLElement[];
  /** What each of `divs` was made of. */
  items: TextItem[];
  styles: Record<string, TextStyle>;
}

/** A part of one piece of the page's text. */
interface Part {
  index: number;
  start: number;
  end: number;
}

export interface Mark {
  text: string;
  boxes: Box[];
}

async function paint(page: PDFPageProxy, scale: number, rotation: number, host: HTMLDivElement, signal: AbortSignal): Promise<void> {
  const viewport = page.getViewport({ scale, rotation: (page.rotate + rotation) % 360 });
  const wanted = window.devicePixelRatio || 1;
  const ratio = Math.min(wanted, Math.sqrt(mostPixels / Math.max(1, viewport.width * viewport.height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.floor(viewport.width * ratio));
  canvas.height = Math.max(1, Math.floor(viewport.height * ratio));
  const task = page.render({ canvas, viewport, ...(ratio === 1 ? {} : { transform: [ratio, 0, 0, ratio, 0, 0] }) });
  signal.addEventListener("abort", () => task.cancel(), { once: true });
  await task.promise;
  if (signal.aborted) return;
  // The old picture stays, stretched, until the new one is whole: no flicker.
  for (const old of host.querySelectorAll("canvas")) old.width = old.height = 0;
  host.replaceChildren(canvas);
}

async function layText(page: PDFPageProxy, scale: number, rotation: number, host: HTMLDivElement, signal: AbortSignal): Promise<Layer | undefined> {
  const content = await page.getTextContent();
  if (signal.aborted) return undefined;
  host.replaceChildren();
  const viewport = page.getViewport({ scale, rotation: (page.rotate + rotation) % 360 });
  const layer = new TextLayer({ textContentSource: content, container: host, viewport });
  signal.addEventListener("abort", () => layer.cancel(), { once: true });
  await layer.render();
  const items = content.items.filter((item): item is TextItem => "str" in item);
  return signal.aborted ? undefined : { page, host, viewport, divs: layer.textDivs, items, styles: content.styles };
}

/** Finds the terms in the page's text, in reading order; each match is one part for each piece of text that it touches. */
function partsOf(layer: Layer, terms: readonly string[], quarters: number): Part[][] {
  if (terms.length === 0) return [];
  // Lines are read along, on pages that lie on their side too.
  const pieces = layer.divs.map((div) => {
    const { left, right, top, bottom } = div.getBoundingClientRect();
    return upright({ text: div.textContent ?? "", left, right, top, bottom, endsLine: div.nextSibling?.nodeName === "BR" }, quarters);
  });
  let text = "";
  const placed: Part[] = [];
  for (const line of readingLines(pieces)) {
    for (const index of line) {
      const start = text.length;
      text += pieces[index]?.text ?? "";
      if (text.length > start) placed.push({ index, start, end: text.length });
    }
    text += "\n";
  }
  return findTerms(fold(text), terms).map((match) => placed
    .filter(({ start, end }) => start < match.end && end > match.start)
    .map(({ index, start, end }) => ({ index, start: Math.max(0, match.start - start), end: Math.min(end, match.end) - start })));
}

/** Gives the box of a part by the letters of its font; once the page is drawn the font is there. */
function boxByFont(layer: Layer, { index, start, end }: Part): Box | undefined {
  const item = layer.items[index];
  const style = item === undefined ? undefined : layer.styles[item.fontName];
  if (item === undefined || style === undefined || style.vertical || !layer.page.commonObjs.has(item.fontName)) return undefined;
  const [a, b, c, d, e, f] = item.transform as [number, number, number, number, number, number];
  const size = Math.hypot(a, b);
  const height = Math.hypot(c, d);
  const widths = widthsOf(layer.page.commonObjs.get(item.fontName));
  const advances = widths && advancesOf(item.str, item.width, size, widths);
  if (advances === undefined || height === 0) return undefined;
  const [from, to] = extentOf(item.str, item.dir === "rtl", advances, start, end);
  // Fonts lie about their height: a band is at least as high as letters are.
  const over = height * Math.min(1.05, Math.max(0.8, style.ascent || 0.8));
  const under = height * Math.max(-0.4, Math.min(-0.2, style.descent || -0.2));
  const corners = [[from, over], [to, over], [from, under], [to, under]].map(([along = 0, up = 0]) =>
    layer.viewport.convertToViewportPoint(e + (a / size) * along + (c / height) * up, f + (b / size) * along + (d / height) * up) as [number, number]);
  const across = corners.map(([x]) => x / layer.viewport.width);
  const down = corners.map(([, y]) => y / layer.viewport.height);
  return { left: Math.min(...across), right: Math.max(...across), top: Math.min(...down), bottom: Math.max(...down) };
}

/** Gives the box of a part as the text layer has it: near the words, for fonts that tell no widths. */
function boxByLayer(layer: Layer, { index, start, end }: Part): Box | undefined {
  const node = layer.divs[index]?.firstChild;
  const around = layer.host.parentElement?.getBoundingClientRect();
  if (!node || around === undefined || around.width === 0) return undefined;
  const range = new Range();
  range.setStart(node, start);
  range.setEnd(node, end);
  const { left, right, top, bottom } = range.getBoundingClientRect();
  return { left: (left - around.left) / around.width, right: (right - around.left) / around.width, top: (top - around.top) / around.height, bottom: (bottom - around.top) / around.height };
}

function marksOf(layer: Layer, terms: readonly string[]): Mark[] {
  const quarters = quartersOf(layer.items, layer.viewport.transform as number[]);
  const across = layer.viewport.width / layer.viewport.height;
  const ratio = quarters % 2 === 0 ? across : 1 / across;
  const bands = (boxes: Box[]) => joined(boxes.map((box) => upright(box, quarters)), ratio).map((box) => upright(box, (4 - quarters) % 4));
  return partsOf(layer, terms, quarters).map((parts) => ({
    text: parts.map(({ index, start, end }) => layer.items[index]?.str.slice(start, end) ?? "").join(""),
    boxes: bands(parts.map((part) => boxByFont(layer, part) ?? boxByLayer(layer, part)).filter((box) => box !== undefined)),
  }));
}

const share = (value: number) => `${(value * 100).toFixed(3)}%`;

export function PdfPage({ document: pdf, pageNumber, scale, rotation, place, terms, hitNow, onSize, onHit }: PdfPageProps) {
  const { t } = useI18n();
  const canvasHost = useRef<HTMLDivElement>(null);
  const textHost = useRef<HTMLDivElement>(null);
  const [layer, setLayer] = useState<Layer>();
  const [userUnit, setUserUnit] = useState(1);
  const [state, setState] = useState<"drawing" | "slow" | "failed" | "drawn" | "blank">("drawing");
  const whole = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const stop = new AbortController();
    setState("drawing");
    const timer = window.setTimeout(() => setState((old) => (old === "drawing" ? "slow" : old)), slowAfter);
    setLayer(undefined);
    void (async () => {
      try {
        const page = await pdf.getPage(pageNumber);
        if (stop.signal.aborted || canvasHost.current === null || textHost.current === null) return;
        setUserUnit(page.userUnit);
        const natural = page.getViewport({ scale: 1, rotation: page.rotate });
        onSize(pageNumber, natural.width, natural.height);
        const text = layText(page, scale, rotation, textHost.current, stop.signal).then((laid) => {
          setLayer(laid);
          return laid;
        }, () => undefined);
        await paint(page, scale, rotation, canvasHost.current, stop.signal);
        if (!stop.signal.aborted) setState("drawn");
        const laid = await text;
        const canvas = canvasHost.current?.querySelector("canvas");
        const hasWords = laid?.items.some(({ str }) => str.trim() !== "") === true;
        if (!stop.signal.aborted && canvas && !hasWords && isBlank(canvas)) setState("blank");
      } catch (fault) {
        if (!stop.signal.aborted && (fault as Error).name !== "RenderingCancelledException") setState("failed");
      }
    })();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [pdf, pageNumber, scale, rotation, onSize]);

  useEffect(() => {
    const host = canvasHost.current;
    return () => {
      for (const canvas of host?.querySelectorAll("canvas") ?? []) canvas.width = canvas.height = 0;
    };
  }, []);

  // The fonts come with the picture: once it stands, the marks are measured anew.
  const drawn = state === "drawn" || state === "blank";
  const marks = useMemo(() => {
    void drawn;
    return layer === undefined ? [] : marksOf(layer, terms);
  }, [layer, terms, drawn]);
  const now = hitNow === undefined ? undefined : Math.min(hitNow, marks.length - 1);
  useEffect(() => {
    if (layer === undefined || now === undefined) return;
    const [box] = marks[now]?.boxes ?? [];
    const around = whole.current?.getBoundingClientRect();
    onHit(box === undefined || around === undefined ? undefined : new DOMRect(around.left + box.left * around.width, around.top + box.top * around.height, (box.right - box.left) * around.width, (box.bottom - box.top) * around.height));
  }, [layer, marks, now, onHit]);

  return (
    <div ref={whole} className={styles["page"]} style={{ ...place, "--total-scale-factor": scale * userUnit, "--scale-round-x": "1px", "--scale-round-y": "1px" } as React.CSSProperties} data-page-number={pageNumber} role="group" aria-label={t("viewer:page.label", { page: pageNumber })}>
      <div ref={canvasHost} className={styles["canvasHost"]} />
      <div className={styles["marks"]} aria-hidden="true">
        {marks.flatMap((mark, index) => mark.boxes.map((box, part) => (
          <div key={`${index} ${part}`} className={styles["mark"]} data-hit={index === now ? "now" : ""} data-text={mark.text} style={{ left: share(box.left), top: share(box.top), width: share(box.right - box.left), height: share(box.bottom - box.top) }} />
        )))}
      </div>
      <div ref={textHost} className={styles["textLayer"]} />
      {(state === "failed" || state === "slow" || state === "blank") && <div className={styles["fault"]} data-tone={state} dir="auto">{t(`viewer:page.${state}`, { page: pageNumber })}</div>}
    </div>
  );
}
