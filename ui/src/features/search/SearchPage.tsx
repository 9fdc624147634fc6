/** Full-text search: the address is the whole search, a hit opens the paper at the page with the words marked. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { cameFrom } from "../../app/cameFrom";
import { useHotkeys } from "../../app/hotkeys";
import { announce } from "../../app/live";
import { queries } from "../../api/queries";
import type { ObjectType, SearchAnswer } from "../../api/types";
import { useI18n } from "../../i18n";
import { Button, SearchBox } from "../../ui/controls";
import { Icon } from "../../ui/Icon";
import { EmptyState, ErrorState, FaultLine, Line, Waiting } from "../../ui/States";
import { useMedia } from "../../ui/useMedia";
import { usePageTitle } from "../../ui/usePageTitle";
import { facetLabel, Facets, type FacetName } from "./Facets";
import { HitRow } from "./HitRow";
import styles from "./Search.module.css";

const route = getRouteApi("/search");
const perPage = 20;
/** The server counts papers that are still being read so far. */
const mostCounted = 500;

export function SearchPage() {
  const { t } = useI18n();
  const { q = "", type, mediaType, dossier, from = 0 } = route.useSearch();
  const navigate = useNavigate({ from: "/search" });
  const [typed, setTyped] = useState(q);
  const page = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const query = { q, ...(type && { type }), ...(mediaType && { mediaType }), ...(dossier && { dossier }) };
  const types = useQuery(queries.types());
  const answer = useQuery({ ...queries.search({ ...query, limit: perPage, offset: from }), placeholderData: q === "" ? undefined : keepPreviousData });
  const isNarrow = useMedia("(max-width: 900px)");
  const [showsFilters, setShowsFilters] = useState(false);
  usePageTitle(q === "" ? t("search:title") : t("search:titleOf", { text: q }));
  useEffect(() => setTyped(q), [q]);
  const asked = route.useSearch();
  useEffect(() => cameFrom.set({ to: "/search", search: asked }), [asked]);
  const total = answer.data?.total;
  const reading = answer.data?.textsWaiting ?? 0;
  const ready = answer.data !== undefined && !answer.isPlaceholderData;
  useEffect(() => {
    if (ready && total !== undefined) announce(t("search:count", { count: total }));
  }, [ready, total, t]);

  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (typed.trim() !== "") void navigate({ search: (old) => ({ ...old, q: typed.trim(), from: undefined }) });
  };
  const setFacet = (name: FacetName, value: string | undefined) => void navigate({ search: (old) => ({ ...old, [name]: value, from: undefined }) });
  useHotkeys("search", page, [{ keys: ["/"], label: "search:key.field", run: () => field.current?.focus() }]);

  return (
    <div className={styles["page"]} ref={page}>
      <div className={styles["head"]}>
        <h1 tabIndex={-1} data-arrival="">{t("search:title")}</h1>
        <form className={styles["form"]} onSubmit={submit}>
          <SearchBox label={t("search:field")} value={typed} onChange={setTyped} onSubmit={() => submit()} inputRef={field} />
          <Button type="submit" look="main">{t("search:go")}</Button>
        </form>
        {q !== "" && total !== undefined && (
          <span className={styles["count"]}>
            {t("search:count", { count: total })}
            {answer.isFetching ? `${t("common:separator")}${t("common:updating")}` : answer.data?.tookMs !== undefined && `${t("common:separator")}${t("search:took", { time: answer.data.tookMs })}`}
          </span>
        )}
      </div>
      {(type ?? mediaType ?? dossier) !== undefined && q !== "" && (
        <div className={styles["tokens"]}>
          {([["type", type], ["mediaType", mediaType], ["dossier", dossier]] as const).map(([name, value]) => value !== undefined && (
            <Button key={name} icon="close" onPress={() => setFacet(name, undefined)} aria-label={t("search:facet.remove", { name: t(`search:facet.${name}`) })}>
              {t("search:facet.token", { name: t(`search:facet.${name}`), value: name === "dossier" ? dossierName(answer.data, value) : facetLabel(name, answer.data?.facets[name]?.find((one) => one.value === value) ?? { value }, types.data, t) })}
            </Button>
          ))}
        </div>
      )}
      {q !== "" && reading > 0 && <Line>{reading < mostCounted ? t("search:reading", { count: reading }) : t("search:readingMany", { n: mostCounted })}</Line>}
      {q === "" ? <EmptyState title={t("search:start.title")} text={t("search:start.text")} />
        : answer.isPending ? <Waiting what={t("search:waiting")} />
        : answer.data === undefined ? <ErrorState fault={answer.error} retry={() => void answer.refetch()} />
        : (
          <div className={styles["body"]}>
            {isNarrow && <Button aria-expanded={showsFilters} aria-controls="filters" onPress={() => setShowsFilters(!showsFilters)}><Icon name="down" size={12} />{t("search:facet.label")}</Button>}
            {(!isNarrow || showsFilters) && <Facets answer={answer.data} types={types.data} chosen={{ type, mediaType }} onChoose={setFacet} />}
            <Results answer={answer.data} types={types.data} q={q} from={from} isUpdating={answer.isPlaceholderData} fault={answer.error} onFrom={(next) => void navigate({ search: (old) => ({ ...old, from: next || undefined }) })} onClear={() => void navigate({ search: { q } })} hasFilter={(type ?? mediaType ?? dossier) !== undefined} />
          </div>
        )}
    </div>
  );
}

const dossierName = (answer: SearchAnswer | undefined, id: string) => answer?.items.find((hit) => hit.dossier?.id === id)?.dossier?.name ?? id;

interface ResultsProps {
  answer: SearchAnswer;
  types: { items: ObjectType[] } | undefined;
  q: string;
  from: number;
  isUpdating: boolean;
  fault: Error | null;
  onFrom: (from: number) => void;
  onClear: () => void;
  hasFilter: boolean;
}

function Results({ answer, types, q, from, isUpdating, fault, onFrom, onClear, hasFilter }: ResultsProps) {
  const { t } = useI18n();
  const box = useRef<HTMLElement>(null);
  const [active, setActive] = useState(-1);
  useEffect(() => {
    setActive(-1);
    box.current?.scrollTo({ top: 0 });
  }, [answer]);
  const go = (by: number) => () => {
    const next = Math.max(0, Math.min(answer.items.length - 1, active + by));
    setActive(next);
    const link = box.current?.querySelectorAll<HTMLElement>("[data-hit]")[next];
    link?.focus();
    link?.closest("li")?.scrollIntoView({ block: "nearest" });
  };
  useHotkeys("search", box, [
    { keys: ["j", "ArrowDown"], label: "search:key.next", run: go(1) },
    { keys: ["k", "ArrowUp"], label: "search:key.previous", run: go(-1) },
  ]);
  if (answer.total === 0) {
    return (
      <section className={styles["results"]} aria-label={t("search:results")}>
        <EmptyState title={t("search:none.title", { text: q })} text={answer.note === "no_words" ? t("search:none.words") : t("search:none.text")}>
          {hasFilter && <Button onPress={onClear}>{t("search:none.clear")}</Button>}
          <Link to="/dossiers" search={{ q }}>{t("search:none.dossiers", { text: q })}</Link>
        </EmptyState>
      </section>
    );
  }
  const last = Math.min(answer.total, from + answer.items.length);
  return (
    <section ref={box} className={styles["results"]} aria-label={t("search:results")} aria-busy={isUpdating}>
      {fault !== null && <FaultLine fault={fault} />}
      <ol className={styles["list"]} data-updating={isUpdating ? "" : undefined}>
        {answer.items.map((hit, index) => <HitRow key={hit.id} hit={hit} q={q} active={index === active} types={types} />)}
      </ol>
      {(from > 0 || last < answer.total) && (
        <div className={styles["pager"]}>
          <Button isDisabled={from === 0} onPress={() => onFrom(Math.max(0, from - perPage))}>{t("search:pager.previous")}</Button>
          <span className="quiet tabular">{t("search:pager.range", { first: from + 1, last, total: answer.total })}</span>
          <Button isDisabled={last >= answer.total} onPress={() => onFrom(from + perPage)}>{t("search:pager.next")}</Button>
        </div>
      )}
    </section>
  );
}
