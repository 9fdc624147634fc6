/** What a screen or a part of it says when it waits, is empty, is refused, or failed (brief §4). */
import { useEffect, useState, type ReactNode } from "react";
import { Problem, Unreachable } from "../api/problem";
import { hasText, useI18n, type Translate } from "../i18n";
import { violationWords } from "./violations";
import { Button, Code } from "./controls";
import { Icon } from "./Icon";
import styles from "./States.module.css";

/** Nothing for 150 ms, then the shape of what comes, after a second the words too, after ten a way out. */
export function Waiting({ what, cancel }: { what: string; cancel?: () => void }) {
  const [stage, setStage] = useState(0);
  const { t } = useI18n();
  useEffect(() => {
    const timers = [150, 1000, 10_000].map((delay, index) => window.setTimeout(() => setStage(index + 1), delay));
    return () => timers.forEach((timer) => window.clearTimeout(timer));
  }, []);
  if (stage === 0) return null;
  return (
    <div className={styles["skeleton"]} aria-busy="true">
      {stage > 1 && <p className="quiet">{what}</p>}
      {stage > 2 && cancel !== undefined && <div><Button onPress={cancel}>{t("common:cancel")}</Button></div>}
      {Array.from({ length: 8 }, (_, index) => <div key={index} className={styles["bar"]} />)}
    </div>
  );
}

/** The heading of a state: of the page itself when there is nothing else on it. */
function StateHeading({ page, children }: { page: boolean; children: ReactNode }) {
  return page ? <h1 tabIndex={-1} data-arrival="">{children}</h1> : <h2>{children}</h2>;
}

export function EmptyState({ title, text, page = false, children }: { title: string; text?: string; page?: boolean; children?: ReactNode }) {
  return (
    <div className={styles["state"]}>
      <StateHeading page={page}>{title}</StateHeading>
      {text !== undefined && <p>{text}</p>}
      {children !== undefined && <div className={styles["acts"]}>{children}</div>}
    </div>
  );
}

/** Words for a fault: by its code where we have them, else by its status, never silence. */
export function wordsFor(fault: unknown, t: Translate): string {
  if (fault instanceof Unreachable) return t("errors:unreachable");
  if (!(fault instanceof Problem)) return t("errors:unknown");
  const parameters = Object.fromEntries(Object.entries(fault.parameters).filter(([, value]) => typeof value === "string" || typeof value === "number")) as Record<string, string | number>;
  if (hasText(`errors:code.${fault.code}`)) return t(`errors:code.${fault.code}`, parameters);
  if (hasText(`errors:status.${fault.status}`)) return t(`errors:status.${fault.status}`);
  return t("errors:unknown");
}

/** The server's own words are shown as an addition only where ours are general. */
function Details({ fault }: { fault: unknown }) {
  const { t } = useI18n();
  if (!(fault instanceof Problem)) return null;
  return (
    <p className={styles["reference"]}>
      {fault.violations.length > 0 && <bdi>{violationWords(fault.violations, t)} </bdi>}
      {!hasText(`errors:code.${fault.code}`) && fault.detail !== "" && <span lang="en" dir="auto"><bdi>{fault.detail}</bdi> </span>}
      {fault.requestId !== undefined && <>{t("errors:reference")} <Code>{fault.requestId}</Code></>}
    </p>
  );
}

/** Names a fault in a few words, for a heading and for the title of the page. */
export function faultTitle(fault: unknown, t: Translate): string {
  if (fault instanceof Unreachable) return t("errors:title.unreachable");
  const status = fault instanceof Problem ? fault.status : 0;
  return status === 404 ? t("errors:title.missing") : status === 403 ? t("errors:title.denied") : t("errors:title.failed");
}

/** A part that could not be shown: what happened, what to do, and the reference of the answer. */
export function ErrorState({ fault, retry, page = false, children }: { fault: unknown; retry?: (() => void) | undefined; page?: boolean; children?: ReactNode }) {
  const { t } = useI18n();
  const status = fault instanceof Problem ? fault.status : 0;
  const title = faultTitle(fault, t);
  return (
    <div className={styles["state"]} data-tone={status === 404 ? undefined : "late"} role="group">
      <StateHeading page={page}><Icon name={status === 403 ? "lock" : "warning"} />{title}</StateHeading>
      <p>{wordsFor(fault, t)}</p>
      <Details fault={fault} />
      <div className={styles["acts"]}>
        {retry !== undefined && status !== 403 && status !== 404 && <Button onPress={retry}>{t("common:retry")}</Button>}
        {children}
      </div>
    </div>
  );
}

/** One line about what just happened, in place. */
export function Line({ tone = "soon", children }: { tone?: "soon" | "late" | "ok"; children: ReactNode }) {
  return (
    <div className={styles["line"]} data-tone={tone}>
      <Icon name={tone === "ok" ? "check" : "warning"} />
      <div>{children}</div>
    </div>
  );
}

/** A fault in one line, with its reference. */
export function FaultLine({ fault }: { fault: unknown }) {
  const { t } = useI18n();
  return (
    <Line tone="late">
      {wordsFor(fault, t)}
      <Details fault={fault} />
    </Line>
  );
}
