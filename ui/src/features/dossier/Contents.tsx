/** The table of contents: papers in the order in which the office received them; a paper that is still awaited is shown as missing. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import { FileTrigger } from "react-aria-components";
import { useHotkeys } from "../../app/hotkeys";
import { announce } from "../../app/live";
import { api } from "../../api/endpoints";
import type { Summary } from "../../api/types";
import type { Windows } from "../../api/windows";
import { useI18n } from "../../i18n";
import { Button } from "../../ui/controls";
import { Icon, type IconName } from "../../ui/Icon";
import { Name } from "../../ui/Name";
import { ErrorState, FaultLine, Waiting } from "../../ui/States";
import styles from "./Dossier.module.css";
import { useLabelMeaning, VersionLabel } from "./VersionLabel";
import { harmless } from "../../ui/harmless";

const rowHeight = 52;

interface ContentsProps {
  dossierId: string;
  papers: Windows<Summary>;
  current: string | undefined;
  onOpen: (id: string) => void;
  canAdd: boolean;
}

function iconOf(paper: Summary): IconName {
  if (paper.base === "folder") return "folder";
  if (paper.content === undefined || paper.content === null) return "absent";
  return paper.content.mediaType.startsWith("image/") ? "image" : "paper";
}

function PaperLine({ paper }: { paper: Summary }) {
  const { t, format } = useI18n();
  if (paper.base === "folder") return <span className={styles["paperLine"]}>{t("dossier:contents.folder")}</span>;
  if (paper.content === undefined || paper.content === null) return <span className={styles["paperLine"]}><span className={styles["missing"]}>{t("dossier:contents.missing")}</span></span>;
  const pages = paper.text?.pageCount ?? 0;
  const parts = [format.date(paper.createdAt), pages > 0 ? t("dossier:contents.pages", { count: pages }) : format.bytes(paper.content.sizeBytes)];
  return (
    <span className={styles["paperLine"]}>
      {parts.filter(Boolean).join(t("common:separator"))}
      {paper.versionLabel != null && <>{t("common:separator")}<VersionLabel label={paper.versionLabel} text={t("dossier:contents.version", { label: format.digits(paper.versionLabel) })} /></>}
    </span>
  );
}

function AddPapers({ dossierId }: { dossierId: string }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const add = useMutation({
    mutationFn: async (files: File[]) => {
      for (const file of files) await api.addDocument(dossierId, file);
      return files.length;
    },
    onSuccess: (count) => announce(t("dossier:contents.added", { count })),
    onSettled: () => client.invalidateQueries({ queryKey: ["contents", dossierId] }),
  });
  return (
    <>
      <FileTrigger allowsMultiple onSelect={(files) => { if (files !== null && files.length > 0) add.mutate([...files]); }}>
        <Button icon="plus" look="bare" busy={add.isPending} aria-label={t("dossier:contents.add")} />
      </FileTrigger>
      {add.isError && <FaultLine fault={add.error} />}
    </>
  );
}

export function Contents({ dossierId, papers, current, onOpen, canAdd }: ContentsProps) {
  const { t } = useI18n();
  const meaningOf = useLabelMeaning();
  const box = useRef<HTMLDivElement>(null);
  const region = useRef<HTMLElement>(null);
  const virtual = useVirtualizer({ count: papers.total, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 8 });
  const first = virtual.range?.startIndex ?? 0;
  const last = virtual.range?.endIndex ?? 0;
  const { show } = papers;
  useEffect(() => show(first, last), [first, last, show]);

  const at = () => {
    for (let index = 0; index < papers.total; index += 1) if (papers.get(index)?.id === current) return index;
    return -1;
  };
  const move = (by: number) => () => {
    const index = Math.max(0, Math.min(papers.total - 1, at() + by));
    const paper = papers.get(index);
    if (paper === undefined || paper.base === "folder") return;
    virtual.scrollToIndex(index);
    onOpen(paper.id);
    requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-index="${index}"]`)?.focus());
  };
  useHotkeys("list", region, [
    { keys: ["j", "ArrowDown"], label: "dossier:key.nextPaper", run: move(1) },
    { keys: ["k", "ArrowUp"], label: "dossier:key.previousPaper", run: move(-1) },
  ]);
  // Coming from a search the paper may stand far down the list.
  const here = at();
  useEffect(() => {
    if (here >= 0) virtual.scrollToIndex(here, { align: "auto" });
  }, [here, virtual]);

  return (
    <nav ref={region} className={styles["contents"]} aria-label={t("dossier:region.contents")} data-region="">
      <div className={styles["contentsHead"]}>
        <h2>{t("dossier:contents.title")}{papers.total > 0 && `${t("common:separator")}${t("dossier:contents.count", { count: papers.total })}`}</h2>
        {canAdd && <AddPapers dossierId={dossierId} />}
      </div>
      <div ref={box} className={styles["papers"]} aria-busy={papers.isUpdating}>
        {papers.isPending && <Waiting what={t("dossier:contents.waiting")} />}
        {papers.error !== null && <ErrorState fault={papers.error} retry={papers.retry} />}
        {!papers.isPending && papers.error === null && papers.total === 0 && <p className={styles["none"]}>{t("dossier:contents.empty")}</p>}
        <ol className={styles["inner"]} style={{ blockSize: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const paper = papers.get(item.index);
            const place = { transform: `translateY(${item.start}px)` };
            if (paper === undefined) return <li key={item.key} className={styles["paper"]} style={place} aria-hidden="true" />;
            const missing = paper.base === "document" && (paper.content === undefined || paper.content === null);
            const inside = (
              <>
                <span className={styles["paperTitle"]}><Icon name={iconOf(paper)} /><Name>{paper.title || paper.name}</Name></span>
                <PaperLine paper={paper} />
              </>
            );
            const common = { className: styles["paper"], style: place, "data-index": item.index, title: [harmless(paper.title || paper.name), meaningOf(paper.versionLabel ?? "")].filter(Boolean).join("\n") };
            return (
              <li key={item.key} aria-setsize={papers.total} aria-posinset={item.index + 1}>
                {paper.base === "folder"
                  ? <Link {...common} to="/d/$id" params={{ id: paper.id }}>{inside}</Link>
                  : <Link {...common} to="/d/$id" params={{ id: dossierId }} search={(old) => ({ tab: old.tab, doc: paper.id })} aria-current={paper.id === current ? "true" : undefined} data-missing={missing ? "" : undefined}>{inside}</Link>}
              </li>
            );
          })}
        </ol>
      </div>
    </nav>
  );
}
