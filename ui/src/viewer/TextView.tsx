/** The same paper as plain text: selectable, speakable, in its own language and direction. */
import { useEffect, useMemo, useRef, type ReactNode } from "react";
import type { DocumentText } from "../api/types";
import { useI18n } from "../i18n";
import { EmptyState, Line, Waiting } from "../ui/States";
import { findTerms, fold } from "./fold";
import type { PageHit } from "./find";
import styles from "./Viewer.module.css";

interface TextViewProps {
  text: DocumentText;
  label: string;
  terms: readonly string[];
  hit: PageHit | undefined;
  startPage: number;
}

/** Splits a text into what is marked and what is not. */
function marked(text: string, terms: readonly string[], now: number | undefined): ReactNode {
  if (terms.length === 0) return text;
  const parts: ReactNode[] = [];
  let end = 0;
  findTerms(fold(text), terms).forEach((match, index) => {
    parts.push(text.slice(end, match.start), <mark key={index} data-now={index === now ? "" : undefined}>{text.slice(match.start, match.end)}</mark>);
    end = match.end;
  });
  return [...parts, text.slice(end)];
}

export function TextView({ text, label, terms, hit, startPage }: TextViewProps) {
  const { t } = useI18n();
  const box = useRef<HTMLDivElement>(null);
  const start = useRef(startPage);
  const now = hit === undefined ? undefined : `${hit.pageNumber} ${hit.onPage}`;
  useEffect(() => {
    const target = now === undefined ? null : box.current?.querySelector("mark[data-now]");
    if (target !== null && target !== undefined) target.scrollIntoView({ block: "center" });
    else if (start.current > 1) box.current?.querySelector(`[data-page-number="${start.current}"]`)?.scrollIntoView();
    start.current = 1;
  }, [now, text]);
  const pages = useMemo(() => text.pages.filter((page) => page.text.trim() !== ""), [text]);
  const without = text.state === "failed" ? "unread" : "none";
  return (
    <div ref={box} className={styles["text"]} tabIndex={0} role="region" aria-label={label} data-region-focus="">
      {text.state === "waiting" && <Line>{t("viewer:text.waiting")}</Line>}
      {text.state === "failed" && pages.length > 0 && <Line tone="late">{t("viewer:text.failed")}</Line>}
      {pages.length === 0 && text.state !== "waiting" && <EmptyState title={t(`viewer:text.${without}.title`)} text={t(`viewer:text.${without}.text`)} />}
      {pages.map((page) => (
        <section key={page.pageNumber} data-page-number={page.pageNumber} className={styles["textPage"]}>
          {text.pageCount > 1 && <h3>{t("viewer:page.label", { page: page.pageNumber })}</h3>}
          <div className={styles["textBody"]} lang={page.language ?? undefined} dir="auto">{marked(page.text, terms, hit?.pageNumber === page.pageNumber ? hit.onPage : undefined)}</div>
        </section>
      ))}
    </div>
  );
}

export function TextWaiting() {
  const { t } = useI18n();
  return <div className={styles["text"]}><Waiting what={t("viewer:text.loading")} /></div>;
}
