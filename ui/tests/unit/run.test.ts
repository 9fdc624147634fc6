/** The import's machine: every file is settled once, and the pace is made of what was sent. */
import { expect, test } from "vitest";
import { advance, newRun, paceOf, tally, type FileRow, type Run, type RunEvent } from "../../src/features/import/run";

const files: FileRow[] = [100, 200, 700].map((sizeBytes, index) => ({ path: `f${index}`, sizeBytes, state: "waiting" }));
const after = (...events: RunEvent[]): Run => events.reduce(advance, advance(advance(newRun("x", 0), { kind: "found", files }), { kind: "readAll" }));

test("files found add up", () => {
  const run = after();
  expect([run.state, run.files.length, run.totalBytes]).toEqual(["running", 3, 1000]);
});

test("a settled file is not settled again", () => {
  const run = after({ kind: "file", index: 0, state: "created" }, { kind: "file", index: 0, state: "fault", reason: "late" });
  expect([run.settled, run.settledBytes, run.files[0]?.state]).toEqual([1, 100, "created"]);
});

test("what was there already counts as done but not as sent", () => {
  const run = after({ kind: "file", index: 2, state: "taken" });
  expect([run.settledBytes, run.sentBytes]).toEqual([700, 0]);
});

test("a pause puts the files on their way back into the queue", () => {
  const run = after({ kind: "file", index: 1, state: "sending" }, { kind: "paused", fault: "full" });
  expect([run.state, run.files[1]?.state]).toEqual(["paused", "waiting"]);
  expect(advance(run, { kind: "resumed" }).state).toBe("running");
});

test("cancelling keeps what was taken", () => {
  const run = after({ kind: "file", index: 0, state: "created" }, { kind: "cancelled" });
  expect(tally(run)).toEqual({ created: 1, version: 0, taken: 0, trashed: 0, fault: 0, cancelled: 2, waiting: 0 });
});

test("the report's reasons reach their files", () => {
  const run = after({ kind: "file", index: 0, state: "created" }, { kind: "done", faults: [{ path: "f0", code: "empty_file", reason: "words" }] });
  expect(run.files[0]?.reason).toBe("empty_file");
});

test("half done after ten seconds leaves ten", () => {
  const run = after({ kind: "file", index: 0, state: "created" }, { kind: "flying", bytes: 0 });
  const pace = paceOf({ ...run, files: run.files.slice(0, 2), totalBytes: 200 }, 10_000);
  expect([pace.share, pace.bytesPerSecond, pace.secondsLeft]).toEqual([0.5, 10, 10]);
});

test("no estimate before there is something to estimate from", () => {
  expect(paceOf(after(), 500).secondsLeft).toBeUndefined();
});
