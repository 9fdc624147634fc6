/** What went wrong, in two kinds: the server said no with a code, or it could not be reached. */

export interface Violation {
  field?: string;
  code?: string;
  detail?: string;
}

interface ProblemJson {
  title?: string;
  code?: string;
  detail?: string;
  parameters?: Record<string, unknown>;
  violations?: Violation[];
  requestId?: string;
}

/** An answer of the kind problem+json: `code` is worded by the catalogues, `requestId` names the answer in the server's log. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly parameters: Record<string, unknown>;
  readonly violations: Violation[];
  readonly requestId: string | undefined;
  /** Seconds after which the server would like to be asked again. */
  readonly retryAfter: number | undefined;

  constructor(status: number, body: ProblemJson, requestId?: string, retryAfter?: number) {
    super(body.title ?? `HTTP ${status}`);
    this.status = status;
    this.code = body.code ?? `http_${status}`;
    this.detail = body.detail ?? body.title ?? "";
    this.parameters = body.parameters ?? {};
    this.violations = body.violations ?? [];
    this.requestId = body.requestId ?? requestId;
    this.retryAfter = retryAfter;
  }
}

/** The request never got an answer: no network, or no server behind it. */
export class Unreachable extends Error {}

/** Reads the problem out of an answer that was not a success, whatever its body holds. */
export function problemFrom(status: number, text: string, header: (name: string) => string | null): Problem {
  let body: ProblemJson = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) body = parsed as ProblemJson;
  } catch {
    // A proxy's page of HTML is no problem+json: the status alone speaks.
  }
  const after = Number(header("retry-after"));
  return new Problem(status, body, header("x-request-id") ?? undefined, Number.isFinite(after) && after > 0 ? after : undefined);
}

/** Whether asking again later can help without anybody doing anything. */
export function isPassing(fault: unknown): boolean {
  return fault instanceof Unreachable || (fault instanceof Problem && [408, 429, 502, 503, 504].includes(fault.status));
}
