/** The viewer's bar: page, zoom, turn, find, text view, download. */
import { useEffect, useState, type RefObject } from "react";
import { useI18n } from "../i18n";
import { parseWhole } from "../i18n/format";
import { Button, ButtonLink, SearchBox } from "../ui/controls";
import type { Fit } from "./PdfView";
import styles from "./Viewer.module.css";

interface BarProps {
  pages: { here: number; count: number; goTo: (page: number) => void } | undefined;
  scale: { scale: number; zoom: (by: number) => void; fit: Fit; setFit: (fit: Fit) => void; rotate: () => void } | undefined;
  text: { on: boolean; toggle: () => void } | undefined;
  find: { value: string; onChange: (text: string) => void; index: number | undefined; total: number; settled: boolean; step: (by: number) => void; field: RefObject<HTMLInputElement | null> } | undefined;
  download: string;
}

function PageField({ here, count, goTo }: NonNullable<BarProps["pages"]>) {
  const { t, format } = useI18n();
  const [typed, setTyped] = useState<string>();
  const submit = () => {
    const page = parseWhole(typed ?? "");
    if (page !== undefined && page >= 1) goTo(Math.min(page, count));
    setTyped(undefined);
  };
  return (
    <form className={styles["pages"]} onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <label>
        <span className={styles["pageWord"]}>{t("viewer:page.word")} </span>
        <input aria-label={t("viewer:page.word")} value={typed ?? format.number(here)} onChange={(event) => setTyped(event.target.value)} onFocus={(event) => event.target.select()} onBlur={() => setTyped(undefined)} inputMode="numeric" autoComplete="off" />
      </label>
      <span>{t("viewer:page.of", { total: count })}</span>
    </form>
  );
}

function Find({ value, onChange, index, total, settled, step, field }: NonNullable<BarProps["find"]>) {
  const { t } = useI18n();
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  useEffect(() => {
    if (typed === value) return;
    const timer = window.setTimeout(() => onChange(typed), 300);
    return () => window.clearTimeout(timer);
  }, [typed, value, onChange]);
  return (
    <div className={styles["find"]}>
      <SearchBox className={styles["findBox"]} label={t("viewer:find.label")} value={typed} onChange={setTyped} inputRef={field} onSubmit={() => (typed === value ? step(1) : onChange(typed))} />
      {value !== "" && (
        <>
          <span className={styles["findCount"]}>{!settled ? t("viewer:find.looking") : total === 0 ? t("viewer:find.none") : t("viewer:find.of", { index: (index ?? 0) + 1, total })}</span>
          <Button icon="up" look="bare" aria-label={t("viewer:key.previousHit")} isDisabled={total === 0} onPress={() => step(-1)} />
          <Button icon="down" look="bare" aria-label={t("viewer:key.nextHit")} isDisabled={total === 0} onPress={() => step(1)} />
        </>
      )}
    </div>
  );
}

export function Bar({ pages, scale, text, find, download }: BarProps) {
  const { t, format } = useI18n();
  return (
    <div className={styles["bar"]} role="group" aria-label={t("viewer:bar")}>
      {scale !== undefined && (
        <>
          <Button icon="minus" aria-label={t("viewer:key.out")} onPress={() => scale.zoom(-1)} />
          <span className={`${styles["scale"]} tabular`}>{format.percent(scale.scale)}</span>
          <Button icon="plus" aria-label={t("viewer:key.in")} onPress={() => scale.zoom(1)} />
          <Button icon="width" aria-label={t("viewer:key.width")} pressed={scale.fit === "width"} onPress={() => scale.setFit("width")} />
          <Button icon="rotate" aria-label={t("viewer:key.rotate")} onPress={scale.rotate} />
        </>
      )}
      {pages !== undefined && <PageField {...pages} />}
      <span className={styles["gap"]} />
      {text !== undefined && <Button icon="text" aria-label={t("viewer:key.text")} pressed={text.on} onPress={text.toggle} />}
      <ButtonLink icon="download" href={download} label={t("viewer:download")} />
      {find !== undefined && <Find {...find} />}
    </div>
  );
}
