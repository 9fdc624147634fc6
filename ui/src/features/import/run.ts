/** The state of an import and how events change it: a pure machine, so that every turn of it can be tested. */

export type FileState = "waiting" | "hashing" | "sending" | "created" | "version" | "taken" | "trashed" | "fault" | "cancelled";
export type RunState = "reading" | "running" | "paused" | "finishing" | "done" | "cancelled" | "failed";

export interface FileRow {
  path: string;
  sizeBytes: number;
  state: FileState;
  /** Words or a code on why it was not taken whole. */
  reason?: string | undefined;
}

export interface Run {
  state: RunState;
  folderName: string;
  files: FileRow[];
  totalBytes: number;
  /** Bytes of files that are settled, whether sent or already there. */
  settledBytes: number;
  /** Bytes that went over the network: the rate is made of these. */
  sentBytes: number;
  /** Bytes of files now on their way. */
  flyingBytes: number;
  settled: number;
  startedAt: number;
  fault?: unknown;
  /** The server's id of a run that ended well: it is asked how far the texts are. */
  id?: string | undefined;
}

export type RunEvent =
  | { kind: "found"; files: FileRow[] }
  | { kind: "readAll" }
  | { kind: "file"; index: number; state: FileState; reason?: string | undefined }
  | { kind: "flying"; bytes: number }
  | { kind: "paused"; fault: unknown }
  | { kind: "resumed" }
  | { kind: "finishing" }
  | { kind: "done"; faults: { path: string; code?: string; reason: string }[]; id?: string }
  | { kind: "cancelled" }
  | { kind: "failed"; fault: unknown };

/** Makes a run in which nothing has been read. */
export function newRun(folderName: string, now: number): Run {
  return { state: "reading", folderName, files: [], totalBytes: 0, settledBytes: 0, sentBytes: 0, flyingBytes: 0, settled: 0, startedAt: now };
}

const isSettled = (state: FileState) => ["created", "version", "taken", "trashed", "fault", "cancelled"].includes(state);

/** Applies one event. */
export function advance(run: Run, event: RunEvent): Run {
  switch (event.kind) {
    case "found":
      return { ...run, files: [...run.files, ...event.files], totalBytes: run.totalBytes + event.files.reduce((sum, file) => sum + file.sizeBytes, 0) };
    case "readAll":
      return { ...run, state: run.state === "reading" ? "running" : run.state };
    case "file":
      return settleFile(run, event.index, event.state, event.reason);
    case "flying":
      return { ...run, flyingBytes: event.bytes };
    case "paused":
      return { ...run, state: "paused", fault: event.fault, flyingBytes: 0, files: run.files.map((file) => (file.state === "sending" ? { ...file, state: "waiting" } : file)) };
    case "resumed":
      return { ...run, state: "running", fault: undefined };
    case "finishing":
      return { ...run, state: "finishing", flyingBytes: 0 };
    case "done": {
      const reasons = new Map(event.faults.map((fault) => [fault.path, fault.code ?? fault.reason]));
      return { ...run, state: "done", id: event.id, flyingBytes: 0, files: run.files.map((file) => (file.reason === undefined && reasons.has(file.path) ? { ...file, reason: reasons.get(file.path) } : file)) };
    }
    case "cancelled":
      return { ...run, state: "cancelled", flyingBytes: 0, files: run.files.map((file) => (isSettled(file.state) ? file : { ...file, state: "cancelled" })) };
    case "failed":
      return { ...run, state: "failed", fault: event.fault, flyingBytes: 0, files: run.files.map((file) => (isSettled(file.state) ? file : { ...file, state: "cancelled" })) };
  }
}

function settleFile(run: Run, index: number, state: FileState, reason: string | undefined): Run {
  const old = run.files[index];
  if (old === undefined || isSettled(old.state)) return run;
  const files = [...run.files];
  files[index] = { ...old, state, reason };
  if (!isSettled(state)) return { ...run, files };
  const wasSent = state === "created" || state === "version";
  return { ...run, files, settled: run.settled + 1, settledBytes: run.settledBytes + old.sizeBytes, sentBytes: run.sentBytes + (wasSent ? old.sizeBytes : 0) };
}

export interface Pace {
  share: number;
  bytesPerSecond: number;
  secondsLeft: number | undefined;
}

/** Says how far a run is, how fast it goes and how long it will take; the estimate waits until there is something to estimate from. */
export function paceOf(run: Run, now: number): Pace {
  const seconds = Math.max(0.001, (now - run.startedAt) / 1000);
  const done = run.settledBytes + run.flyingBytes;
  // Small files cost a round trip each: count both bytes and files.
  const byBytes = run.totalBytes === 0 ? 1 : done / run.totalBytes;
  const byFiles = run.files.length === 0 ? 0 : run.settled / run.files.length;
  const share = run.state === "done" ? 1 : Math.min(1, (byBytes + byFiles) / 2);
  const secondsLeft = run.state === "running" && seconds > 1.5 && share > 0.01 ? (seconds / share) * (1 - share) : undefined;
  return { share, bytesPerSecond: (run.sentBytes + run.flyingBytes) / seconds, secondsLeft };
}

export interface Tally {
  created: number;
  version: number;
  taken: number;
  /** Taken before, and in the trash since. */
  trashed: number;
  fault: number;
  cancelled: number;
  waiting: number;
}

/** Counts the files by what became of them. */
export function tally(run: Run): Tally {
  const counts: Tally = { created: 0, version: 0, taken: 0, trashed: 0, fault: 0, cancelled: 0, waiting: 0 };
  for (const file of run.files) counts[isSettled(file.state) ? (file.state as keyof Tally) : "waiting"] += 1;
  return counts;
}
