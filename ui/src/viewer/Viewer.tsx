/** Reads any paper: PDF pages, pictures, text, or a clear word on why it cannot be shown and what can still be done. */
import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { announce } from "../app/live";
import { useHotkeys } from "../app/hotkeys";
import { contentAddress, downloadAddress } from "../api/endpoints";
import { queries } from "../api/queries";
import type { Content } from "../api/types";
import { useI18n } from "../i18n";
import { kindLabel } from "../i18n/labels";
import { Button, ButtonLink, Code } from "../ui/controls";
import { EmptyState, ErrorState, Line } from "../ui/States";
import { Bar } from "./Bar";
import { isDamaged } from "./damage";
import { hasText, hitFrom, hunt, type Hunt } from "./find";
import { ImageView } from "./ImageView";
import type { PdfFault } from "./pdf";
import { PdfView, type Fit, type PdfHandle } from "./PdfView";
import { TextView, TextWaiting } from "./TextView";
import styles from "./Viewer.module.css";

interface ViewerProps {
  /** Id of the document or of one of its versions. */
  id: string;
  title: string;
  content: Content | undefined;
  page: number | undefined;
  find: string;
  /** Other forms of the words to find, as the search found them on the paper. */
  also: string;
  onPage: (pageNumber: number) => void;
  onFind: (text: string) => void;
  /** Left out when the reader may not give a new version. */
  onUpload: (() => void) | undefined;
}

type Kind = "pdf" | "image" | "text" | "other";

/** What the browser can show by itself; everything else is offered for download. */
export function kindOf(mediaType: string): Kind {
  const type = mediaType.toLowerCase().split(";")[0]?.trim() ?? "";
  if (type === "application/pdf") return "pdf";
  if (/^image\/(png|jpeg|gif|webp|avif|bmp|x-ms-bmp|svg\+xml)$/.test(type)) return "image";
  return type.startsWith("text/") || type === "application/xhtml+xml" ? "text" : "other";
}

const zooms = [0.25, 0.33, 0.5, 0.67, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 6];
const nothing: Hunt = { terms: [], hits: [] };

export function Viewer(props: ViewerProps) {
  const { content, onUpload } = props;
  const { t } = useI18n();
  if (content === undefined) {
    return (
      <div className={styles["instead"]}>
        <EmptyState title={t("viewer:missing.title")} text={t("viewer:missing.text")}>
          {onUpload !== undefined && <Button icon="upload" onPress={onUpload}>{t("viewer:missing.upload")}</Button>}
        </EmptyState>
      </div>
    );
  }
  // A new version has new bytes under the same id: everything begins anew.
  return <Reader key={content.digest} {...props} content={content} />;
}

function Reader({ id, title, content, page, find, also, onPage, onFind }: ViewerProps & { content: Content }) {
  const { t, format } = useI18n();
  const kind = kindOf(content.mediaType);
  const box = useRef<HTMLDivElement>(null);
  const pdf = useRef<PdfHandle>(null);
  const findField = useRef<HTMLInputElement>(null);
  const [fit, setFit] = useState<Fit>(kind === "image" ? "page" : "width");
  const [scale, setScale] = useState(1);
  const [rotation, setRotation] = useState(0);
  const [fault, setFault] = useState<PdfFault | "picture">();
  const [wantsText, setWantsText] = useState(kind === "text");
  const [count, setCount] = useState<number>();
  const [here, setHere] = useState(page ?? 1);
  const [ownTexts, setOwnTexts] = useState<{ pageNumber: number; text: string }[]>();
  const [hitIndex, setHitIndex] = useState<number>();
  const text = useQuery(queries.text(id, content.digest));

  const found = useMemo<Hunt>(() => {
    if (find === "") return nothing;
    if (hasText(text.data)) return hunt(text.data.pages, find, also);
    return ownTexts === undefined ? nothing : hunt(ownTexts, find, also);
  }, [find, also, text.data, ownTexts]);
  // Text that the server has not read: the pages themselves are asked, once.
  useEffect(() => {
    if (find === "" || text.isPending || hasText(text.data) || ownTexts !== undefined || count === undefined) return;
    void pdf.current?.texts().then(setOwnTexts, () => setOwnTexts([]));
  }, [find, text.isPending, text.data, ownTexts, count]);
  const [startPage] = useState(page ?? 1);
  const index = found.hits.length === 0 ? undefined : (hitIndex ?? hitFrom(found.hits, startPage));
  const hit = index === undefined ? undefined : found.hits[index];
  const settled = find === "" || hasText(text.data) || ownTexts !== undefined || text.isError;

  useEffect(() => setHitIndex(undefined), [find]);
  const hitPage = hit?.pageNumber;
  useEffect(() => {
    if (hitPage !== undefined && count !== undefined) pdf.current?.goTo(hitPage);
  }, [hitPage, count]);
  useEffect(() => {
    if (find !== "" && settled) announce(found.hits.length === 0 ? t("viewer:find.none") : t("viewer:find.count", { count: found.hits.length }));
  }, [find, settled, found, t]);

  // A version may have fewer pages than the one that was open.
  const onOpen = useCallback((pages: number) => {
    setCount(pages);
    setHere((old) => Math.min(old, pages));
  }, []);
  const sawPage = useRef(here);
  const seePage = useCallback((number: number) => {
    if (sawPage.current === number) return;
    sawPage.current = number;
    setHere(number);
  }, []);
  // The address follows a moment after the eye rests, not at every page that flies by.
  useEffect(() => {
    if (here === (page ?? 1)) return;
    const timer = window.setTimeout(() => onPage(here), 400);
    return () => window.clearTimeout(timer);
  }, [here, page, onPage]);
  // An address that changed from outside (a link, going back) moves the page.
  const asked = useRef(page ?? 1);
  useEffect(() => {
    if (page === undefined || page === asked.current) return;
    asked.current = page;
    if (page !== sawPage.current) pdf.current?.goTo(page);
  }, [page]);

  const step = (by: number) => {
    if (found.hits.length > 0) setHitIndex(((index ?? 0) + by + found.hits.length) % found.hits.length);
  };
  const zoom = (by: number) => {
    const near = zooms.findLastIndex((one) => one <= scale + 0.001);
    const next = by > 0 ? zooms.find((one) => one > scale + 0.001) : scale - (zooms[near] ?? 0) > 0.001 ? zooms[near] : zooms[near - 1];
    if (next !== undefined) setFit(next);
  };
  const goTo = (number: number) => pdf.current?.goTo(Math.max(1, Math.min(count ?? 1, number)));
  const showsText = wantsText || kind === "text";
  const hasPages = kind === "pdf" && fault === undefined && !showsText;
  // Nothing can be found in a paper that shows neither pages nor text.
  const hasWords = hasPages || (showsText && fault === undefined) || ((kind === "pdf" || kind === "text") && hasText(text.data));
  const hasScale = (kind === "pdf" || kind === "image") && fault === undefined && !showsText;
  useHotkeys("viewer", box, [
    ...(hasPages ? [
      { keys: ["n"], label: "viewer:key.next", run: () => goTo(here + 1) },
      { keys: ["p"], label: "viewer:key.previous", run: () => goTo(here - 1) },
      { keys: ["ArrowDown"], label: "viewer:key.down", run: () => pdf.current?.scrollBy(1) },
      { keys: ["ArrowUp"], label: "viewer:key.up", run: () => pdf.current?.scrollBy(-1) },
    ] : []),
    ...(hasScale ? [
      { keys: ["+", "="], label: "viewer:key.in", run: () => zoom(1) },
      { keys: ["-"], label: "viewer:key.out", run: () => zoom(-1) },
      { keys: ["w"], label: "viewer:key.width", run: () => setFit("width") },
      { keys: ["0"], label: "viewer:key.page", run: () => setFit("page") },
      { keys: ["r"], label: "viewer:key.rotate", run: () => setRotation((old) => (old + 90) % 360) },
    ] : []),
    ...(kind === "pdf" ? [{ keys: ["t"], label: "viewer:key.text", run: () => setWantsText((old) => !old) }] : []),
    ...(kind === "pdf" || kind === "text" ? [
      { keys: ["mod+f"], label: "viewer:key.find", whileTyping: true, run: () => { findField.current?.focus(); findField.current?.select(); } },
      { keys: ["F3"], label: "viewer:key.nextHit", whileTyping: true, run: () => step(1) },
      { keys: ["shift+F3"], label: "viewer:key.previousHit", whileTyping: true, run: () => step(-1) },
    ] : []),
  ]);

  const onPictureFault = useCallback(() => setFault("picture"), []);
  const body = () => {
    if (showsText) {
      if (text.isPending) return <TextWaiting />;
      if (text.isError) return <div className={styles["instead"]}><ErrorState fault={text.error} retry={() => void text.refetch()} /></div>;
      return <TextView text={text.data} label={title} terms={found.terms} hit={hit} startPage={startPage} />;
    }
    if (fault !== undefined || kind === "other") {
      const reason = content.sizeBytes === 0 ? "empty" : fault ?? "other";
      return (
        <div className={styles["instead"]}>
          <EmptyState title={t(`viewer:cannot.${reason}.title`)} text={t(`viewer:cannot.${reason}.text`)}>
            {kind === "pdf" && hasText(text.data) && <Button icon="text" onPress={() => setWantsText(true)}>{t("viewer:cannot.readText")}</Button>}
            {reason === "unreachable" && <Button onPress={() => setFault(undefined)}>{t("common:retry")}</Button>}
            <ButtonLink icon="download" href={downloadAddress(id)}>{t("viewer:download")}</ButtonLink>
            <span className="quiet"><Code plain>{content.fileName}</Code>{t("common:separator")}<bdi title={content.mediaType}>{kindLabel(content.mediaType, t)}</bdi>{t("common:separator")}{format.bytes(content.sizeBytes)}</span>
          </EmptyState>
        </div>
      );
    }
    if (kind === "image") return <ImageView url={contentAddress(id)} label={title} fit={fit} rotation={rotation} onScale={setScale} onFault={onPictureFault} />;
    return (
      <PdfView
        handle={pdf} url={contentAddress(id)} sizeBytes={content.sizeBytes} label={title} fit={fit} rotation={rotation} terms={found.terms} hit={hit}
        startPage={startPage} onOpen={onOpen} onPage={seePage} onScale={setScale} onFault={setFault}
      />
    );
  };

  return (
    <div className={styles["viewer"]} ref={box} tabIndex={-1} role="group" aria-label={title} data-reader="">
      <Bar
        pages={hasPages && count !== undefined ? { here, count, goTo } : undefined}
        scale={hasScale ? { scale, zoom, fit, setFit, rotate: () => setRotation((old) => (old + 90) % 360) } : undefined}
        text={kind === "pdf" && hasWords ? { on: wantsText, toggle: () => setWantsText((old) => !old) } : undefined}
        find={hasWords ? { value: find, onChange: onFind, index, total: found.hits.length, settled, step, field: findField } : undefined}
        download={downloadAddress(id)}
      />
      {find !== "" && settled && found.hits.length === 0 && <p className={styles["hint"]}>{t("viewer:find.notHere", { text: find })}</p>}
      {hasPages && isDamaged(text.data?.faults) && (
        <div className={styles["notice"]}>
          <Line tone="late">
            <div className={styles["noticeActs"]}>
              <span>{t("viewer:damaged")}</span>
              <ButtonLink icon="download" href={downloadAddress(id)}>{t("viewer:download")}</ButtonLink>
            </div>
          </Line>
        </div>
      )}
      {body()}
    </div>
  );
}
