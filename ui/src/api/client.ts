/** The thin client of `/api/v1`: cookie session, CSRF token in memory, problems as errors, and one retry after signing in again. */
import { Problem, problemFrom, Unreachable } from "./problem";

const base = "/api/v1";

interface Signals {
  /** Called when the server no longer knows us; resolves to true when somebody has signed in again. */
  signedOut: () => Promise<boolean>;
  /** Called after each request with whether the server could be reached. */
  reached: (yes: boolean) => void;
}

const signals: Signals = { signedOut: () => Promise.resolve(false), reached: () => {} };
let csrfToken: string | undefined;
let lastTransaction: string | undefined;

/** The application frame says here what to do when a session ends or the network goes. */
export function onSignals(mine: Partial<Signals>): void {
  Object.assign(signals, mine);
}

/** Keeps the CSRF token of the session, in memory only. */
export function keepCsrfToken(token: string | undefined): void {
  csrfToken = token;
}

export type Query = Record<string, string | number | boolean | undefined>;

export interface Ask {
  query?: Query | undefined;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: Blob | FormData;
  mediaType?: string;
  /** A change token: the server answers 412 when somebody saved first. */
  ifMatch?: string | undefined;
  idempotent?: boolean;
  signal?: AbortSignal | undefined;
  /** Waits until lists and search know our own last write. */
  afterWrites?: boolean;
  /** Answers 401 are the caller's business (signing in itself). */
  ownSession?: boolean;
  onProgress?: ((sentBytes: number) => void) | undefined;
}

/** Makes an address under the API; nothing else in the application writes one. */
export function address(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return `${base}${path}${search === "" ? "" : `?${search}`}`;
}

/** Puts a value into a path as one segment. */
export const segment = (value: string) => encodeURIComponent(value);

const unsafe = (method: string) => method !== "GET" && method !== "HEAD";

function headersOf(method: string, ask: Ask): Record<string, string> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (unsafe(method) && csrfToken !== undefined) headers["X-CSRF-Token"] = csrfToken;
  if (ask.json !== undefined) headers["Content-Type"] = "application/json";
  if (ask.body instanceof Blob) headers["Content-Type"] = ask.mediaType ?? "application/octet-stream";
  if (ask.ifMatch !== undefined) headers["If-Match"] = `"${ask.ifMatch.replace(/^"|"$/g, "")}"`;
  if (ask.idempotent === true) headers["Idempotency-Key"] = randomKey();
  return headers;
}

function randomKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

interface Answer {
  status: number;
  text: string;
  header: (name: string) => string | null;
}

async function byFetch(method: string, url: string, ask: Ask): Promise<Answer> {
  const body = ask.json !== undefined ? JSON.stringify(ask.json) : ask.body;
  let answer: Response;
  try {
    answer = await fetch(url, { method, headers: headersOf(method, ask), body: body ?? null, signal: ask.signal ?? null, credentials: "same-origin" });
    return { status: answer.status, text: await answer.text(), header: (name) => answer.headers.get(name) };
  } catch (fault) {
    if (ask.signal?.aborted === true) throw fault;
    throw new Unreachable("the server did not answer");
  }
}

/** Large bodies go by XMLHttpRequest, because fetch cannot say how much has been sent. */
function byXhr(method: string, url: string, ask: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    for (const [name, value] of Object.entries(headersOf(method, ask))) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => ask.onProgress?.(event.loaded);
    xhr.onload = () => resolve({ status: xhr.status, text: xhr.responseText, header: (name) => xhr.getResponseHeader(name) });
    xhr.onerror = () => reject(new Unreachable("the server did not answer"));
    xhr.onabort = () => reject(new DOMException("aborted", "AbortError"));
    ask.signal?.addEventListener("abort", () => xhr.abort(), { once: true });
    if (ask.signal?.aborted === true) return reject(new DOMException("aborted", "AbortError"));
    xhr.send(ask.json !== undefined ? JSON.stringify(ask.json) : (ask.body ?? null));
  });
}

/** Sends one request and returns the JSON of its answer (`undefined` for an empty one); throws `Problem` or `Unreachable`. */
export async function request<T>(method: string, path: string, ask: Ask = {}): Promise<T> {
  const query = ask.afterWrites === true && lastTransaction !== undefined ? { ...ask.query, waitFor: lastTransaction } : ask.query;
  const url = address(path, query);
  const send = ask.onProgress === undefined ? byFetch : byXhr;
  let answer = await tell(send(method, url, ask));
  // A wrong password that was typed into a form says nothing about the session.
  const isStranger = answer.status === 401 && problemFrom(answer.status, answer.text, answer.header).code !== "wrong_credentials";
  if (isStranger && ask.ownSession !== true && (await signals.signedOut())) answer = await tell(send(method, url, ask));
  if (answer.status < 200 || answer.status >= 300) throw problemFrom(answer.status, answer.text, answer.header);
  const transaction = answer.header("cartulary-transaction");
  if (transaction !== null) lastTransaction = transaction;
  return (answer.text === "" ? undefined : JSON.parse(answer.text)) as T;
}

async function tell(sending: Promise<Answer>): Promise<Answer> {
  try {
    const answer = await sending;
    signals.reached(true);
    return answer;
  } catch (fault) {
    if (fault instanceof Unreachable) signals.reached(false);
    throw fault;
  }
}

/** Whether this fault is the server's answer with the given status. */
export const isStatus = (fault: unknown, status: number): fault is Problem => fault instanceof Problem && fault.status === status;
