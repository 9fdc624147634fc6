/** Drives an import: reads the folder, hashes, asks what is already there, sends the rest a few at a time, and finishes with a report. */
import { createStore } from "../../app/store";
import { importShare, type Dropped, type FoundFile } from "../../app/imports";
import { api } from "../../api/endpoints";
import { isPassing, Problem, Unreachable } from "../../api/problem";
import { advance, newRun, paceOf, type Run, type RunEvent } from "./run";

/** The import of this page; it goes on while the reader walks through other screens. */
export const run = createStore<Run | null>(null);

/** Larger files are not hashed here: the server does it while it receives them. */
const hashUpTo = 64 * 1024 * 1024;
const batchFiles = 64;
const batchBytes = 128 * 1024 * 1024;
const sendersAtOnce = 4;
const patience = [1000, 3000, 8000];

let stop = new AbortController();
let wake: (() => void) | undefined;

function tell(event: RunEvent): void {
  run.set((old) => (old === null ? null : advance(old, event)));
  const now = run.get();
  importShare.set(now !== null && ["reading", "running", "paused", "finishing"].includes(now.state) ? paceOf(now, Date.now()).share : null);
}

/** Whether an import is under way. */
export function isRunning(): boolean {
  return importShare.get() !== null;
}

/** Stops sending; what has been taken stays. */
export function cancel(): void {
  stop.abort();
  wake?.();
}

/** Goes on after a pause. */
export function resume(): void {
  wake?.();
}

async function sha256(file: File): Promise<string | undefined> {
  if (file.size > hashUpTo || crypto.subtle === undefined) return undefined;
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const wait = (milliseconds: number) => new Promise<void>((resolve) => {
  const timer = window.setTimeout(resolve, milliseconds);
  stop.signal.addEventListener("abort", () => { window.clearTimeout(timer); resolve(); }, { once: true });
});

/** Full disks and lost servers are no fault of the file: the whole run waits for somebody. */
const stopsAll = (fault: unknown) => fault instanceof Unreachable || (fault instanceof Problem && (fault.status === 507 || fault.status === 401 || isPassing(fault)));

async function pauseFor(fault: unknown): Promise<void> {
  tell({ kind: "paused", fault });
  await new Promise<void>((resolve) => { wake = resolve; });
  wake = undefined;
  if (!stop.signal.aborted) tell({ kind: "resumed" });
}

/** Asks again what passes by itself, then lets the reader decide. */
async function persist<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await act();
    } catch (fault) {
      stop.signal.throwIfAborted();
      if (!stopsAll(fault)) throw fault;
      const delay = patience[attempt];
      const isFull = fault instanceof Problem && fault.status === 507;
      if (delay !== undefined && !isFull) {
        await wait(fault instanceof Problem && fault.retryAfter !== undefined ? fault.retryAfter * 1000 : delay);
      } else {
        await pauseFor(fault);
        attempt = -1;
      }
      stop.signal.throwIfAborted();
    }
  }
}

interface Batch {
  files: FoundFile[];
  first: number;
}

async function* batches(found: AsyncIterable<FoundFile>): AsyncGenerator<Batch> {
  let files: FoundFile[] = [];
  let bytes = 0;
  let first = 0;
  for await (const one of found) {
    stop.signal.throwIfAborted();
    files.push(one);
    bytes += one.file.size;
    if (files.length < batchFiles && bytes < batchBytes) continue;
    yield { files, first };
    first += files.length;
    files = [];
    bytes = 0;
  }
  if (files.length > 0) yield { files, first };
}

const reasonOf = (fault: unknown) => (fault instanceof Problem ? fault.code : fault instanceof DOMException && fault.name === "NotReadableError" ? "unreadable" : "unknown");

/** Hashes a batch and learns which of its files this source has already given. */
async function sieve(importId: string, batch: Batch): Promise<number[]> {
  const entries: { path: string; digest: string; sizeBytes: number; index: number }[] = [];
  const toSend: number[] = [];
  for (const [offset, { path, file }] of batch.files.entries()) {
    const index = batch.first + offset;
    stop.signal.throwIfAborted();
    tell({ kind: "file", index, state: "hashing" });
    try {
      const digest = await sha256(file);
      if (digest === undefined) toSend.push(index);
      else entries.push({ path, digest, sizeBytes: file.size, index });
    } catch (fault) {
      tell({ kind: "file", index, state: "fault", reason: reasonOf(fault) });
    }
  }
  if (entries.length === 0) return toSend;
  const asked = entries.map(({ path, digest, sizeBytes }) => ({ path, digest, sizeBytes }));
  const known = await persist(() => api.checkImport(importId, asked, stop.signal));
  const states = new Map(known.items.map((item) => [item.path, item.state]));
  for (const { path, index } of entries) {
    const state = states.get(path);
    if (state === "taken" || state === "trashed") tell({ kind: "file", index, state });
    else toSend.push(index);
  }
  return toSend.sort((a, b) => a - b);
}

/** Parts the files to send by folder: a dossier's papers arrive one after the other, so that the order of receipt is the folder's order. */
function lanesOf(indexes: number[], files: Map<number, FoundFile>): number[][] {
  const folderOf = (index: number) => files.get(index)?.path.replace(/[^/]*$/, "") ?? "";
  return [...Map.groupBy(indexes, folderOf).values()];
}

async function sendLanes(importId: string, files: Map<number, FoundFile>, lanes: number[][], flying: Map<number, number>): Promise<void> {
  for (let lane = lanes.shift(); lane !== undefined; lane = lanes.shift()) await send(importId, files, lane, flying);
}

async function send(importId: string, files: Map<number, FoundFile>, lane: number[], flying: Map<number, number>): Promise<void> {
  for (const here of lane) {
    const found = files.get(here);
    if (found === undefined) continue;
    try {
      const answer = await persist(() => {
        tell({ kind: "file", index: here, state: "sending" });
        return api.importFile(importId, found.path, here + 1, found.file, (sent) => { flying.set(here, sent); tell({ kind: "flying", bytes: sum(flying) }); }, stop.signal);
      });
      flying.delete(here);
      tell({ kind: "file", index: here, state: answer.state });
    } catch (fault) {
      flying.delete(here);
      stop.signal.throwIfAborted();
      tell({ kind: "file", index: here, state: "fault", reason: reasonOf(fault) });
    }
    tell({ kind: "flying", bytes: sum(flying) });
    files.delete(here);
  }
}

const sum = (flying: Map<number, number>) => [...flying.values()].reduce((total, bytes) => total + bytes, 0);

/** Runs one import from beginning to end. Resolves when it is done, cancelled or failed. */
export async function startRun(dropped: Dropped): Promise<void> {
  stop = new AbortController();
  run.set(newRun(dropped.folderName, Date.now()));
  importShare.set(0);
  try {
    const listed: FoundFile[] = [];
    for await (const batch of batches(dropped.read())) {
      listed.push(...batch.files);
      tell({ kind: "found", files: batch.files.map(({ path, file }) => ({ path, sizeBytes: file.size, state: "waiting" })) });
    }
    tell({ kind: "readAll" });
    const started = await persist(() => api.startImport(dropped.source, dropped.folderName));
    await sendAll(started.id, listed);
    tell({ kind: "finishing" });
    const report = await persist(() => api.finishImport(started.id));
    tell({ kind: "done", faults: report.faults, id: started.id });
  } catch (fault) {
    tell(stop.signal.aborted ? { kind: "cancelled" } : { kind: "failed", fault });
  }
}

async function* again(listed: FoundFile[]): AsyncGenerator<FoundFile> {
  yield* listed;
}

async function sendAll(importId: string, listed: FoundFile[]): Promise<void> {
  const flying = new Map<number, number>();
  for await (const batch of batches(again(listed))) {
    const files = new Map(batch.files.map((file, offset) => [batch.first + offset, file]));
    const lanes = lanesOf(await sieve(importId, batch), files);
    await Promise.all(Array.from({ length: sendersAtOnce }, () => sendLanes(importId, files, lanes, flying)));
  }
}
