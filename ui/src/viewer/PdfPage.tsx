/** One page of a PDF: its picture on a canvas, the text over it, and the hits marked on the text. */
import { useEffect, useRef, useState } from "react";
import { useI18n } from "../i18n";
import { findTerms, fold } from "./fold";
import { mark, unmark } from "./highlights";
import styles from "./page.module.css";
import { TextLayer, type PDFDocumentProxy, type PDFPageProxy } from "./pdf";
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
  host: HTMLDivElement;
  divs: HTMLElement[];
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
  return signal.aborted ? undefined : { host, divs: layer.textDivs };
}

/** Finds the terms in the page's text, in reading order; each match is one range per piece of text that it touches. */
function rangesOf(layer: Layer, terms: readonly string[]): Range[][] {
  if (terms.length === 0) return [];
  const pieces = layer.divs.map((div) => {
    const { left, right, top, bottom } = div.getBoundingClientRect();
    return { text: div.textContent ?? "", left, right, top, bottom, endsLine: div.nextSibling?.nodeName === "BR" };
  });
  let text = "";
  const placed: { node: Node; start: number; end: number }[] = [];
  for (const line of readingLines(pieces)) {
    for (const index of line) {
      const node = layer.divs[index]?.firstChild;
      const start = text.length;
      text += pieces[index]?.text ?? "";
      if (node) placed.push({ node, start, end: text.length });
    }
    text += "\n";
  }
  return findTerms(fold(text), terms).map((match) => placed.filter(({ start, end }) => start < match.end && end > match.start).map(({ node, start, end }) => {
    const range = new Range();
    range.setStart(node, Math.max(0, match.start - start));
    range.setEnd(node, Math.min(end, match.end) - start);
    return range;
  }));
}

export function PdfPage({ document: pdf, pageNumber, scale, rotation, place, terms, hitNow, onSize, onHit }: PdfPageProps) {
  const { t } = useI18n();
  const canvasHost = useRef<HTMLDivElement>(null);
  const textHost = useRef<HTMLDivElement>(null);
  const [layer, setLayer] = useState<Layer>();
  const [userUnit, setUserUnit] = useState(1);
  const [state, setState] = useState<"drawing" | "slow" | "failed" | "drawn">("drawing");
  const [owner] = useState({});

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
        const text = layText(page, scale, rotation, textHost.current, stop.signal).then(setLayer, () => setLayer(undefined));
        await paint(page, scale, rotation, canvasHost.current, stop.signal);
        if (!stop.signal.aborted) setState("drawn");
        await text;
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

  useEffect(() => {
    if (layer === undefined) return;
    const ranges = rangesOf(layer, terms);
    const now = hitNow === undefined ? [] : (ranges[hitNow] ?? ranges[ranges.length - 1] ?? []);
    mark(owner, ranges.flat(), now);
    if (hitNow !== undefined) onHit(now[0]?.getBoundingClientRect());
    return () => unmark(owner);
  }, [layer, terms, hitNow, onHit, owner]);

  return (
    <div className={styles["page"]} style={{ ...place, "--total-scale-factor": scale * userUnit, "--scale-round-x": "1px", "--scale-round-y": "1px" } as React.CSSProperties} data-page-number={pageNumber} role="group" aria-label={t("viewer:page.label", { page: pageNumber })}>
      <div ref={canvasHost} className={styles["canvasHost"]} />
      <div ref={textHost} className={styles["textLayer"]} />
      {(state === "failed" || state === "slow") && <div className={styles["fault"]} data-tone={state}>{t(`viewer:page.${state}`, { page: pageNumber })}</div>}
    </div>
  );
}
