/** pdf.js behind a thin wall: one worker for the page, everything it needs from our own server, nothing evaluated. */
import { getDocument, PDFWorker, TextLayer, type PDFDocumentProxy, type PDFPageProxy } from "pdfjs-dist";
import workerUrl from "pdfjs-dist/build/pdf.worker.min.mjs?url";

declare const __PDFJS_BASE__: string;

export { TextLayer };
export type { PDFDocumentProxy, PDFPageProxy };

let shared: { port: Worker; worker: PDFWorker } | undefined;

function sharedWorker(): PDFWorker {
  if (shared === undefined) {
    const port = new Worker(workerUrl, { type: "module" });
    shared = { port, worker: PDFWorker.create({ port: port as never }) };
  }
  return shared.worker;
}

/** Ends the worker: the way out of a document that never finishes. */
function dropWorker(): void {
  shared?.worker.destroy();
  shared?.port.terminate();
  shared = undefined;
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
  const task = getDocument({
    url,
    worker: sharedWorker(),
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
    verbosity: 0,
  } as Parameters<typeof getDocument>[0]);
  let settled = false;
  let timer = 0;
  const slow = new Promise<never>((_, reject) => {
    timer = window.setTimeout(() => reject(new Error("slow")), patience);
  });
  const document = Promise.race([task.promise, slow]).finally(() => {
    settled = true;
    window.clearTimeout(timer);
  });
  document.catch(() => {});
  return {
    document,
    close() {
      window.clearTimeout(timer);
      const isStuck = !settled;
      void task.destroy().catch(() => {});
      if (isStuck) dropWorker();
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
