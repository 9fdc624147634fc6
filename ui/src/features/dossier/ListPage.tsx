/** All dossiers the reader may see: a long list by windows, filtered and sorted by the server; folders dropped on it are imported. */
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { FileTrigger } from "react-aria-components";
import { cameFrom } from "../../app/cameFrom";
import { fromInput } from "../../app/folder";
import { useHotkeys } from "../../app/hotkeys";
import { startImport } from "../../app/imports";
import { announce } from "../../app/live";
import type { ListSort } from "../../api/endpoints";
import { lists, queries } from "../../api/queries";
import type { Summary } from "../../api/types";
import { useWindows } from "../../api/windows";
import { useI18n } from "../../i18n";
import { principalLabel, typeLabel } from "../../i18n/labels";
import { Button, SearchBox } from "../../ui/controls";
import { Grid, stepRow, type Column, type GridHandle } from "../../ui/Grid";
import { EmptyState, ErrorState, FaultLine, Waiting } from "../../ui/States";
import { useMedia } from "../../ui/useMedia";
import { usePageTitle } from "../../ui/usePageTitle";
import styles from "./ListPage.module.css";
import { NewDossier } from "./NewDossier";
import { useFolderDrop } from "./useFolderDrop";
import { Name } from "../../ui/Name";
import { harmless } from "../../ui/harmless";

const route = getRouteApi("/dossiers");

/** Where each list was left in this page's life, so that coming back loses no place. */
const places = new Map<string, { active: number; offset: number }>();

function FolderButton() {
  const { t } = useI18n();
  return (
    <FileTrigger acceptDirectory allowsMultiple onSelect={(files) => { const found = files === null ? null : fromInput(files); if (found !== null) startImport(found); }}>
      <Button icon="upload">{t("dossier:list.importFolder")}</Button>
    </FileTrigger>
  );
}

export function ListPage() {
  const { t, format } = useI18n();
  const navigate = useNavigate({ from: "/dossiers" });
  const { q = "", sort = "-modified" } = route.useSearch();
  const source = useMemo(() => lists.dossiers(sort, q), [sort, q]);
  const rows = useWindows(source);
  const types = useQuery(queries.types());
  const place = `${sort} ${q}`;
  const kept = places.get(place);
  const [active, setActive] = useState(kept?.active ?? 0);
  const [typed, setTyped] = useState(q);
  const [making, setMaking] = useState(false);
  const page = useRef<HTMLDivElement>(null);
  const grid = useRef<GridHandle>(null);
  const filter = useRef<HTMLInputElement>(null);
  const falling = useFolderDrop(page);
  const isNarrow = useMedia("(max-width: 640px)");
  usePageTitle(t("dossier:list.title"));

  useEffect(() => setTyped(q), [q]);
  useEffect(() => cameFrom.set({ to: "/dossiers", search: { q: q || undefined, sort: sort === "-modified" ? undefined : sort } }), [q, sort]);
  useEffect(() => {
    if (typed.trim() === q) return;
    const timer = window.setTimeout(() => void navigate({ search: (old) => ({ ...old, q: typed.trim() || undefined }), replace: true }), 250);
    return () => window.clearTimeout(timer);
  }, [typed, q, navigate]);
  useEffect(() => setActive(places.get(place)?.active ?? 0), [place]);
  useEffect(() => {
    if (!rows.isPending && !rows.isUpdating && q !== "") announce(t("dossier:list.count", { count: rows.total }));
  }, [rows.isPending, rows.isUpdating, rows.total, q, t]);

  const keep = (change: Partial<{ active: number; offset: number }>) => places.set(place, { active, offset: 0, ...places.get(place), ...change });
  const go = (index: number) => {
    setActive(index);
    keep({ active: index });
  };
  const open = (index: number) => {
    const row = rows.get(index);
    if (row !== undefined) void navigate({ to: "/d/$id", params: { id: row.id } });
  };
  const step = (kind: Parameters<typeof stepRow>[2]) => () => {
    grid.current?.focus();
    go(stepRow(active, rows.total, kind));
  };
  useHotkeys("list", page, [
    { keys: ["j", "ArrowDown"], label: "dossier:key.next", run: step("next") },
    { keys: ["k", "ArrowUp"], label: "dossier:key.previous", run: step("previous") },
    { keys: ["Home"], label: "dossier:key.first", run: step("first") },
    { keys: ["End"], label: "dossier:key.last", run: step("last") },
    { keys: ["PageDown"], label: "dossier:key.pageNext", run: step("pageNext") },
    { keys: ["PageUp"], label: "dossier:key.pagePrevious", run: step("pagePrevious") },
    { keys: ["Enter"], label: "dossier:key.open", run: (event) => { if (event.target instanceof HTMLElement && event.target.closest("button, a") !== null) event.target.click(); else open(active); } },
    { keys: ["/"], label: "dossier:key.filter", run: () => filter.current?.focus() },
  ]);

  const sortBy = (field: "name" | "modified") => ({
    sort: sort === field ? ("ascending" as const) : sort === `-${field}` ? ("descending" as const) : ("none" as const),
    onSort: () => {
      const next: ListSort = field === "name" ? (sort === "name" ? "-name" : "name") : sort === "-modified" ? "modified" : "-modified";
      void navigate({ search: (old) => ({ ...old, sort: next === "-modified" ? undefined : next }), replace: true });
    },
  });
  const typeName = (row: Summary) => typeLabel(types.data, row.type, t);
  const columns: Column<Summary>[] = [
    { id: "name", header: t("dossier:column.name"), width: "minmax(130px, 1fr)", ...sortBy("name"), render: (row) => <Link tabIndex={-1} to="/d/$id" params={{ id: row.id }} className={styles["name"]}><Name className="mono">{row.name}</Name></Link> },
    { id: "title", header: t("dossier:column.title"), width: "minmax(180px, 2.2fr)", render: (row) => <Link tabIndex={-1} to="/d/$id" params={{ id: row.id }} className={styles["title"]}><Name>{row.title}</Name></Link> },
    { id: "type", header: t("dossier:column.type"), width: "minmax(90px, 0.9fr)", render: (row) => <bdi>{typeName(row)}</bdi> },
    { id: "modified", header: t("dossier:column.modified"), width: "minmax(110px, 0.8fr)", ...sortBy("modified"), render: (row) => <span className="tabular">{format.date(row.modifiedAt)}</span> },
    { id: "by", header: t("dossier:column.by"), width: "minmax(100px, 0.8fr)", render: (row) => <Name>{principalLabel(row.modifiedBy, t)}</Name> },
  ];

  // Side by side nothing could be told apart: the number and the title stand under each other, whole where they can.
  const narrowColumns: Column<Summary>[] = [
    {
      id: "name", header: t("dossier:column.name"), width: "minmax(0, 1fr)", ...sortBy("name"),
      render: (row) => (
        <Link tabIndex={-1} to="/d/$id" params={{ id: row.id }} className={styles["both"]}>
          <span className={styles["first"]}><bdi className="mono">{harmless(row.name)}</bdi><bdi className={styles["kind"]}>{typeName(row)}</bdi></span>
          <span className={styles["second"]}><Name>{row.title}</Name></span>
        </Link>
      ),
    },
    { id: "modified", header: t("dossier:column.modified"), width: "128px", ...sortBy("modified"), render: (row) => <span className="tabular">{format.date(row.modifiedAt)}</span> },
  ];

  return (
    <div className={styles["page"]} ref={page}>
      <div className={styles["head"]}>
        <h1 tabIndex={-1} data-arrival="">{t("dossier:list.title")}</h1>
        {!rows.isPending && <span className={styles["count"]}>{t("dossier:list.count", { count: rows.total })}{rows.isUpdating && `${t("common:separator")}${t("common:updating")}`}</span>}
        <span className={styles["gap"]} />
        <SearchBox className={styles["filter"]} label={t("dossier:list.filter")} value={typed} onChange={setTyped} inputRef={filter} onSubmit={() => grid.current?.focus()} />
        <Button icon="plus" onPress={() => setMaking(true)}>{t("dossier:list.new")}</Button>
        <FolderButton />
      </div>
      {rows.error !== null && rows.total > 0 && <div className={styles["fault"]}><FaultLine fault={rows.error} /></div>}
      {rows.isPending ? <Waiting what={t("dossier:list.waiting")} />
        : rows.error !== null && rows.total === 0 ? <ErrorState fault={rows.error} retry={rows.retry} />
        : rows.total === 0 && !rows.isUpdating ? (
          q === "" ? (
            <EmptyState title={t("dossier:list.empty.title")} text={t("dossier:list.empty.text")}>
              <FolderButton />
              <Button icon="plus" onPress={() => setMaking(true)}>{t("dossier:list.new")}</Button>
            </EmptyState>
          ) : (
            <EmptyState title={t("dossier:list.none.title", { text: q })} text={t("dossier:list.none.text")}>
              <Button onPress={() => setTyped("")}>{t("dossier:list.none.clear")}</Button>
              <Link to="/search" search={{ q }}>{t("dossier:list.none.search", { text: q })}</Link>
            </EmptyState>
          )
        ) : (
          <div className={styles["list"]}>
            <Grid
              key={`${place} ${isNarrow}`} handle={grid} label={t("dossier:list.title")} total={rows.total} columns={isNarrow ? narrowColumns : columns} isNarrow={isNarrow} get={rows.get} onShow={rows.show}
              active={Math.min(active, Math.max(0, rows.total - 1))} onActive={go} onOpen={open} isUpdating={rows.isUpdating} initialOffset={kept?.offset ?? 0} onScroll={(offset) => keep({ offset })}
              rowLabel={(row) => harmless([row.name, row.title, typeName(row), format.date(row.modifiedAt)].filter(Boolean).join(", "))}
            />
          </div>
        )}
      {falling && <div className={styles["drop"]}>{t("dossier:list.drop")}</div>}
      {making && <NewDossier onClose={() => setMaking(false)} />}
    </div>
  );
}
