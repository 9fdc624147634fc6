/** The import under the eye: progress, rate and estimated end while it runs, afterwards the report with one line for each fault. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState } from "react";
import { dropped, panelOpen } from "../../app/imports";
import { announce } from "../../app/live";
import { useStore } from "../../app/store";
import { queries } from "../../api/queries";
import type { UnreadFile } from "../../api/types";
import { hasText, useI18n } from "../../i18n";
import { loadAreas } from "../../i18n";
import { Button, Code, Progress } from "../../ui/controls";
import { FaultLine, Line } from "../../ui/States";
import { cancel, isRunning, resume, run, startRun } from "./engine";
import styles from "./Import.module.css";
import { paceOf, tally, type FileRow, type Run } from "./run";
import { harmless } from "../../ui/harmless";

const rowHeight = 28;
const running = ["reading", "running", "paused", "finishing"];

/** Redraws every half second while time matters. */
function useClock(on: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!on) return;
    const timer = window.setInterval(() => setNow(Date.now()), 500);
    return () => window.clearInterval(timer);
  }, [on]);
  return now;
}

export function ImportPanel() {
  const { t } = useI18n();
  const next = useStore(dropped);
  const open = useStore(panelOpen);
  const now = useStore(run);
  const client = useQueryClient();
  const [ready, setReady] = useState(false);
  useEffect(() => {
    void loadAreas("import").then(() => setReady(true));
  }, []);
  useEffect(() => {
    // A second folder waits until the first is done.
    if (next === null || isRunning()) return;
    dropped.set(null);
    void startRun(next).then(() => client.invalidateQueries());
  }, [next, now, client]);
  const state = now?.state;
  useEffect(() => {
    if (ready && (state === "done" || state === "cancelled" || state === "failed")) announce(t(`import:state.${state}`));
  }, [ready, state, t]);
  useEffect(() => {
    if (state === undefined || !running.includes(state)) return;
    const hold = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", hold);
    return () => window.removeEventListener("beforeunload", hold);
  }, [state]);
  if (!ready || now === null || !open) return null;
  return <Panel run={now} />;
}

function Panel({ run: now }: { run: Run }) {
  const { t, format } = useI18n();
  const active = running.includes(now.state);
  const clock = useClock(now.state === "running");
  const pace = paceOf(now, Math.max(clock, now.startedAt));
  const [onlyFaults, setOnlyFaults] = useState(false);
  const counts = tally(now);
  const words = [
    t("import:settled", { done: now.settled, count: now.files.length }),
    t("import:bytes", { done: format.bytes(now.settledBytes + now.flyingBytes), total: format.bytes(now.totalBytes) }),
    now.state === "running" && pace.bytesPerSecond > 0 ? t("import:rate", { rate: format.bytes(pace.bytesPerSecond) }) : "",
    pace.secondsLeft === undefined ? "" : t("import:left", { time: format.span(pace.secondsLeft) }),
  ].filter(Boolean).join(t("common:separator"));
  const troubled = now.files.filter((file) => file.state === "fault" || file.reason !== undefined);
  const shown = onlyFaults || (!active && troubled.length > 0) ? troubled : now.files;
  return (
    <section className={styles["panel"]} aria-label={t("import:title", { name: now.folderName })}>
      <div className={styles["head"]}>
        <h2>{t("import:title", { name: now.folderName })}</h2>
        <strong>{t(`import:state.${now.state}`)}</strong>
        {active && <div className={styles["bar"]}><Progress label={t("import:progress")} share={pace.share} /></div>}
        {active && <span className={`${styles["words"]} tabular`}>{words}</span>}
        {now.state === "paused" && <Button look="main" onPress={resume}>{t("import:resume")}</Button>}
        {active
          ? <Button onPress={cancel}>{t("import:cancel")}</Button>
          : <span className={styles["close"]}><Button icon="close" look="bare" aria-label={t("import:close")} onPress={() => { panelOpen.set(false); run.set(null); }} /></span>}
      </div>
      <div className={styles["body"]}>
        {now.fault !== undefined && <FaultLine fault={now.fault} />}
        {!active && (
          <Line tone={troubled.length > 0 || now.state !== "done" ? "soon" : "ok"}>
            {[
              counts.created > 0 && t("import:report.created", { count: counts.created }),
              counts.version > 0 && t("import:report.version", { count: counts.version }),
              counts.taken > 0 && t("import:report.taken", { count: counts.taken }),
              counts.trashed > 0 && t("import:report.trashed", { count: counts.trashed }),
              counts.cancelled > 0 && t("import:report.cancelled", { count: counts.cancelled }),
              troubled.length > 0 && t("import:report.fault", { count: troubled.length }),
            ].filter(Boolean).join(t("common:separator")) || t("import:report.nothing")}
          </Line>
        )}
        {active && troubled.length > 0 && <div><Button pressed={onlyFaults} onPress={() => setOnlyFaults(!onlyFaults)}>{t("import:onlyFaults", { count: troubled.length })}</Button></div>}
        {now.id !== undefined && <Texts id={now.id} />}
        {shown.length > 0 && <Files files={shown} follow={active && !onlyFaults} />}
      </div>
    </section>
  );
}

/** What came of the texts, which are read after the files have been taken: how many are left, and which could not be read. */
function Texts({ id }: { id: string }) {
  const { t } = useI18n();
  const run = useQuery(queries.importRun(id));
  const { waiting, unread } = run.data?.texts ?? { waiting: 0, unread: [] };
  const isDone = run.data !== undefined && waiting === 0;
  useEffect(() => {
    if (isDone && unread.length > 0) announce(t("import:unread", { count: unread.length }));
  }, [isDone, unread.length, t]);
  if (waiting === 0 && unread.length === 0) return null;
  return (
    <>
      {waiting > 0 && <p className={styles["words"]}>{t("import:reading", { count: waiting })}</p>}
      {unread.length > 0 && (
        <>
          <Line>{t("import:unread", { count: unread.length })}</Line>
          <div className={styles["unread"]} tabIndex={0} role="region" aria-label={t("import:unreadFiles")}>
            <ul>{unread.map((file) => <li key={file.path}><Unread file={file} /></li>)}</ul>
          </div>
        </>
      )}
    </>
  );
}

function Unread({ file }: { file: UnreadFile }) {
  const { t } = useI18n();
  const [fault] = file.faults;
  const path = <Code plain>{file.path}</Code>;
  return (
    <>
      {file.dossierId == null ? path : <Link to="/d/$id" params={{ id: file.dossierId }} search={{ doc: file.documentId }}>{path}</Link>}
      <span>{fault === undefined ? t("import:unreadable") : hasText(`errors:fault.${fault.code}`) ? t(`errors:fault.${fault.code}`) : <span lang="en" dir="auto">{fault.detail}</span>}</span>
    </>
  );
}

function Files({ files, follow }: { files: FileRow[]; follow: boolean }) {
  const { t } = useI18n();
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: files.length, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 6 });
  const at = follow ? files.findIndex((file) => file.state === "sending" || file.state === "hashing") : -1;
  useEffect(() => {
    if (at >= 0 && box.current?.matches(":hover, :focus") !== true) virtual.scrollToIndex(at, { align: "center" });
  }, [at, virtual]);
  return (
    <div ref={box} className={styles["files"]} tabIndex={0} role="region" aria-label={t("import:files")}>
      <ul className={styles["inner"]} style={{ blockSize: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const file = files[item.index];
          return file === undefined ? null : <FileLine key={item.key} file={file} offset={item.start} />;
        })}
      </ul>
    </div>
  );
}

function FileLine({ file, offset }: { file: FileRow; offset: number }) {
  const { t, format } = useI18n();
  const why = file.reason === undefined ? "" : hasText(`errors:fault.${file.reason}`) ? t(`errors:fault.${file.reason}`) : hasText(`errors:code.${file.reason}`) ? t(`errors:code.${file.reason}`) : file.reason;
  const tone = file.state === "fault" || file.reason !== undefined ? "late" : ["created", "version"].includes(file.state) ? "ok" : undefined;
  const words = [t(`import:file.${file.state}`), why].filter(Boolean).join(" – ");
  return (
    <li className={styles["file"]} style={{ transform: `translateY(${offset}px)` }}>
      <span className={styles["path"]} title={harmless(file.path)}><Code plain>{file.path}</Code></span>
      <span className={`${styles["size"]} tabular`}>{format.bytes(file.sizeBytes)}</span>
      <span className={styles["state"]} data-tone={tone} title={words}>{words}</span>
    </li>
  );
}
