/** One dossier: its papers in order of receipt, the one being read, and what is known about it. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { focusWhenThere } from "../../app/arrival";
import { cameFrom } from "../../app/cameFrom";
import { useHotkeys } from "../../app/hotkeys";
import { panelTabs, type PanelTab } from "../../app/router";
import { useStore } from "../../app/store";
import { lists, queries } from "../../api/queries";
import { may } from "../../api/permissions";
import { useWindows } from "../../api/windows";
import { useI18n } from "../../i18n";
import { typeLabel } from "../../i18n/labels";
import { Button, Chip } from "../../ui/controls";
import { Icon } from "../../ui/Icon";
import { EmptyState, ErrorState, faultTitle, Line, Waiting } from "../../ui/States";
import { useMedia } from "../../ui/useMedia";
import { usePageTitle } from "../../ui/usePageTitle";
import { Contents } from "./Contents";
import styles from "./Dossier.module.css";
import { SidePanel } from "./SidePanel";
import { UploadVersion } from "./UploadVersion";
import { useDrop } from "./useFolderDrop";
import { Name } from "../../ui/Name";
import { harmless } from "../../ui/harmless";

const Viewer = lazy(() => import("../../viewer/Viewer").then((file) => ({ default: file.Viewer })));
const route = getRouteApi("/d/$id");

export function DossierPage() {
  const { t, format } = useI18n();
  const { id } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/d/$id" });
  const dossier = useQuery(queries.dossier(id));
  const papers = useWindows(useMemo(() => lists.contents(id), [id]));
  const types = useQuery(queries.types());
  const page = useRef<HTMLDivElement>(null);
  const viewer = useRef<HTMLDivElement>(null);
  const [fallen, setFallen] = useState<File | "choose" | null>(null);

  const firstRead = useMemo(() => {
    for (let index = 0; index < Math.min(papers.total, 100); index += 1) {
      const paper = papers.get(index);
      if (paper?.base === "document") return paper.id;
    }
    return undefined;
  }, [papers]);
  const docId = search.doc ?? firstRead;
  const paper = useQuery({ ...queries.document(docId ?? ""), enabled: docId !== undefined, placeholderData: keepPreviousData });
  const versions = useQuery({ ...queries.versions(docId ?? ""), enabled: docId !== undefined && search.v !== undefined });
  const shown = paper.data !== undefined && paper.data.id === docId ? paper.data : undefined;
  const version = search.v === undefined ? undefined : versions.data?.items.find((one) => one.id === search.v);
  const back = useStore(cameFrom);
  const isNarrow = useMedia("(max-width: 900px)");
  // The parts lie under each other there, and the last is a long way down.
  const goToPart = (part: "contents" | "viewer" | "side") => {
    const region = page.current?.querySelectorAll<HTMLElement>("[data-region]")[["contents", "viewer", "side"].indexOf(part)];
    region?.scrollIntoView();
    if (region !== undefined) focusIn(region);
  };
  usePageTitle(dossier.isError ? faultTitle(dossier.error, t) : dossier.data === undefined ? undefined : harmless(`${dossier.data.name} ${dossier.data.title}`));

  const openPaper = useCallback((doc: string) => void navigate({ search: (old) => ({ tab: old.tab, doc }) }), [navigate]);
  const selectTab = (tab: string) => void navigate({ search: (old) => ({ ...old, tab: tab === "data" ? undefined : (tab as PanelTab) }), replace: true, resetScroll: false });
  // What was pressed is gone then: focus goes to what it has opened.
  const openVersion = (v: string | undefined) => {
    void navigate({ search: (old) => ({ ...old, v }) });
    focusWhenThere(v === undefined ? "[data-reader]" : "[data-old-version]");
  };
  const step = (by: number) => {
    const index = indexOf(papers, docId);
    const next = papers.get(index + by);
    if (next !== undefined) openPaper(next.id);
  };
  useHotkeys("dossier", page, [
    { keys: ["["], label: "dossier:key.previousPaper", run: () => step(-1) },
    { keys: ["]"], label: "dossier:key.nextPaper", run: () => step(1) },
    ...panelTabs.map((tab, index) => ({ keys: [String(index + 1)], label: `dossier:key.tab.${tab}`, run: () => selectTab(tab) })),
    { keys: ["F6"], label: "dossier:key.regions", whileTyping: true, run: () => cycleRegions(page.current) },
  ]);
  const canWrite = may(shown, "WriteVersion");
  const take = useCallback((data: DataTransfer) => {
    const [file] = data.files;
    if (file !== undefined) setFallen(file);
  }, []);
  const over = useDrop(viewer, take);
  // The pages read are kept in the address without a step in the history for each.
  const onPage = useCallback((number: number) => void navigate({ search: (old) => (old.page === number ? old : { ...old, page: number > 1 ? number : undefined }), replace: true }), [navigate]);
  const onFind = useCallback((q: string) => void navigate({ search: (old) => ({ ...old, q: q || undefined, also: undefined }), replace: true }), [navigate]);
  useEffect(() => {
    if (docId !== undefined && search.doc === undefined && (search.page !== undefined || search.q !== undefined)) void navigate({ search: (old) => ({ ...old, doc: docId }), replace: true });
  }, [docId, search.doc, search.page, search.q, navigate]);

  if (dossier.isPending) return <Waiting what={t("dossier:waiting")} />;
  if (dossier.isError) return <ErrorState page fault={dossier.error} retry={() => void dossier.refetch()}><Link {...back}>{back.to === "/search" ? t("dossier:backToSearch") : t("dossier:back")}</Link></ErrorState>;
  const typeName = typeLabel(types.data, dossier.data.type, t);

  return (
    <div className={styles["page"]} ref={page}>
      <div className={styles["head"]}>
        <Link {...back} className={styles["back"]}><Icon name="back" />{back.to === "/search" ? t("dossier:backToSearch") : t("dossier:back")}</Link>
        <h1 tabIndex={-1} data-arrival="">
          <Name className="mono">{dossier.data.name}</Name>
          {dossier.data.title !== dossier.data.name && <Name className={styles["title"]} tip={dossier.data.title}>{dossier.data.title}</Name>}
        </h1>
        <Chip><bdi>{typeName}</bdi></Chip>
      </div>
      {isNarrow && (
        <nav className={styles["parts"]} aria-label={t("dossier:region.parts")}>
          <Button onPress={() => goToPart("contents")}>{t("dossier:contents.title")}</Button>
          <Button onPress={() => goToPart("viewer")}>{t("dossier:region.viewer")}</Button>
          {panelTabs.map((tab) => <Button key={tab} onPress={() => { selectTab(tab); goToPart("side"); }}>{t(`dossier:tab.${tab}`)}</Button>)}
        </nav>
      )}
      <div className={styles["body"]}>
        <Contents dossierId={id} papers={papers} current={docId} onOpen={openPaper} canAdd={may(dossier.data, "AddChildren")} />
        <section className={styles["viewer"]} ref={viewer} aria-label={t("dossier:region.viewer")} data-region="">
          {search.v !== undefined && version !== undefined && (
            <div className={styles["notice"]}>
              <Line>
                <div className={styles["noticeActs"]}>
                  <span tabIndex={-1} data-old-version="">{t("dossier:old.text", { label: format.digits(version.label), date: format.dateTime(version.createdAt) })}</span>
                  <Button onPress={() => openVersion(undefined)}>{t("dossier:old.newest")}</Button>
                </div>
              </Line>
            </div>
          )}
          {docId === undefined ? (
            <div className={styles["blank"]}>
              {papers.isPending ? <Waiting what={t("dossier:waiting")} /> : papers.total === 0 ? <EmptyState title={t("dossier:empty.title")} text={t("dossier:empty.text")} /> : null}
            </div>
          ) : paper.isError ? (
            <div className={styles["blank"]}><ErrorState fault={paper.error} retry={() => void paper.refetch()} /></div>
          ) : search.v !== undefined && versions.isError ? (
            <div className={styles["blank"]}><ErrorState fault={versions.error} retry={() => void versions.refetch()} /></div>
          ) : search.v !== undefined && versions.isSuccess && version === undefined ? (
            <div className={styles["blank"]}>
              <EmptyState title={t("dossier:old.missing")}><Button onPress={() => openVersion(undefined)}>{t("dossier:old.newest")}</Button></EmptyState>
            </div>
          ) : shown === undefined || (search.v !== undefined && versions.isPending) ? (
            <div className={styles["blank"]}><Waiting what={t("dossier:waitingPaper")} /></div>
          ) : (
            <Suspense fallback={<div className={styles["blank"]}><Waiting what={t("dossier:waitingPaper")} /></div>}>
              <Viewer
                key={version?.id ?? shown.id} id={version?.id ?? shown.id} title={harmless(shown.title || shown.name)} content={(version ?? shown).content ?? undefined}
                page={search.page} find={search.q ?? ""} also={search.also ?? ""} onPage={onPage} onFind={onFind} onUpload={canWrite ? () => setFallen("choose") : undefined}
              />
            </Suspense>
          )}
          {over && shown !== undefined && <div className={styles["drop"]}>{t("dossier:upload.drop")}</div>}
        </section>
        <aside className={styles["side"]} aria-label={t("dossier:region.side")} data-region="">
          <SidePanel
            dossier={dossier.data} paper={shown} types={types.data} tab={search.tab ?? "data"} onTab={selectTab} openVersion={search.v}
            onOpenVersion={openVersion} onUpload={() => setFallen("choose")} canWrite={canWrite}
          />
        </aside>
      </div>
      {fallen !== null && shown !== undefined && <UploadVersion paper={shown} file={fallen === "choose" ? undefined : fallen} onClose={() => setFallen(null)} />}
    </div>
  );
}

function indexOf(papers: { total: number; get: (index: number) => { id: string } | undefined }, id: string | undefined): number {
  for (let index = 0; index < papers.total; index += 1) if (papers.get(index)?.id === id) return index;
  return -1;
}

/** F6 goes from region to region. */
function cycleRegions(page: HTMLElement | null): void {
  const regions = [...(page?.querySelectorAll<HTMLElement>("[data-region]") ?? [])];
  const here = regions.findIndex((region) => region.contains(document.activeElement));
  const next = regions[(here + 1) % regions.length];
  if (next !== undefined) focusIn(next);
}

function focusIn(region: HTMLElement): void {
  region.querySelector<HTMLElement>("[data-region-focus], [tabindex='0'], a, button, input")?.focus({ preventScroll: true });
}
