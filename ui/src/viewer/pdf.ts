/** pdf.js behind a thin wall: workers kept for the next document, everything it needs from our own server, nothing evaluated. */
import { getDocument, PDFWorker, TextLayer, type PageViewport, type PDFDocumentProxy, type PDFPageProxy } from "pdfjs-dist";
import type { TextItem, TextStyle } from "pdfjs-dist/types/src/display/api";
import workerUrl from "pdfjs-dist/build/pdf.worker.min.mjs?url";

declare const __PDFJS_BASE__: string;

export { TextLayer };
export type { PageViewport, PDFDocumentProxy, PDFPageProxy, TextItem, TextStyle };

interface Hand {
  port: Worker;
  worker: PDFWorker;
}

/** Workers that wait for the next document. Each open document has one to itself, so that a paper that never ends holds up no other. */
const idle: Hand[] = [];
const mostIdle = 2;
/** A worker that has not let go of its document after this time is ended. */
const letGo = 3000;

function takeHand(): Hand {
  const waiting = idle.pop();
  if (waiting !== undefined) return waiting;
  const port = new Worker(workerUrl, { type: "module" });
  return { port, worker: PDFWorker.create({ port: port as never }) };
}

function dismiss(hand: Hand): void {
  hand.worker.destroy();
  hand.port.terminate();
}

async function giveBack(hand: Hand, done: Promise<unknown>): Promise<void> {
  const late = new Promise<"late">((resolve) => window.setTimeout(() => resolve("late"), letGo));
  const end = await Promise.race([done.catch(() => "broken"), late]);
  if (end === "late" || end === "broken" || idle.length >= mostIdle) dismiss(hand);
  else idle.push(hand);
}

export type PdfFault = "damaged" | "password" | "slow" | "refused" | "unreachable";

/** Above this size only the parts that are looked at are fetched. */
const rangesAbove = 2_000_000;
/** After this time without the first page the document is called too slow to show. */
const patience = 45_000;

export interface OpenPdf {
  document: Promise<PDFDocumentProxy>;
  close: () => void;
}

/** Opens a document by its address. */
export function openPdf(url: string, sizeBytes: number): OpenPdf {
  const inParts = sizeBytes > rangesAbove;
  const hand = takeHand();
  const task = getDocument({
    url,
    worker: hand.worker,
    isEvalSupported: false,
    enableXfa: false,
    stopAtErrors: false,
    disableAutoFetch: inParts,
    disableStream: inParts,
    rangeChunkSize: 131_072,
    cMapUrl: `${__PDFJS_BASE__}cmaps/`,
    cMapPacked: true,
    standardFontDataUrl: `${__PDFJS_BASE__}standard_fonts/`,
    wasmUrl: `${__PDFJS_BASE__}wasm/`,
    iccUrl: `${__PDFJS_BASE__}iccs/`,
    // The widths of the letters say where on its line a word stands (`marks.ts`).
    fontExtraProperties: true,
    verbosity: 0,
  } as Parameters<typeof getDocument>[0]);
  let timer = 0;
  const slow = new Promise<never>((_, reject) => {
    timer = window.setTimeout(() => reject(new Error("slow")), patience);
  });
  const document = Promise.race([task.promise, slow]).finally(() => window.clearTimeout(timer));
  document.catch(() => {});
  return {
    document,
    close() {
      window.clearTimeout(timer);
      void giveBack(hand, task.destroy());
    },
  };
}

/** Says in one word why a document cannot be shown. */
export function faultOf(fault: unknown): PdfFault {
  const { name = "", message = "", status = 0 } = (fault ?? {}) as { name?: string; message?: string; status?: number };
  if (name === "PasswordException") return "password";
  if (message === "slow") return "slow";
  if (name === "ResponseException" || name === "UnexpectedResponseException" || name === "MissingPDFException") return status === 0 ? "unreachable" : "refused";
  return "damaged";
}
