/** One hit: what it is, where it lies, and the words around each match with the page they stand on. */
import { Link } from "@tanstack/react-router";
import { typeById } from "../../api/queries";
import type { Hit, ObjectType, Snippet } from "../../api/types";
import { useI18n } from "../../i18n";
import { propertyLabel, valueLabel } from "../../i18n/labels";
import { Code } from "../../ui/controls";
import { Icon } from "../../ui/Icon";
import { Name } from "../../ui/Name";
import { Marked } from "./Marked";
import { matchingProperties } from "./matches";
import styles from "./Search.module.css";
import { directionOf, formsToFind } from "./terms";

/** Places of a paper that a row shows; of the rest it says how many pages there are. */
const mostShown = 3;

function Words({ snippet }: { snippet: Snippet }) {
  // The first letter of a cut is chance: what most of it is written in decides.
  return (
    <span className={styles["words"]} dir={directionOf(snippet.fragments.map((fragment) => fragment.text).join(""))}>
      {snippet.fragments.map((fragment, index) => (fragment.hit ? <mark key={index}>{fragment.text}</mark> : fragment.text))}
    </span>
  );
}

/** The data in which the words stand: a dossier has no pages that could show why it was found. */
function MatchingData({ hit, q, types }: { hit: Hit; q: string; types: { items: ObjectType[] } | undefined }) {
  const { t } = useI18n();
  const declared = (id: string) => typeById(types, hit.type)?.properties.find((property) => property.id === id);
  // Dates are not words that one reads: the search has them in another form than the page.
  const isDate = (id: string) => /date|time|instant/i.test(declared(id)?.kind ?? "");
  const properties = Object.fromEntries(Object.entries(hit.properties ?? {}).filter(([id]) => !isDate(id)));
  const found = matchingProperties(properties, q, (id, value) => valueLabel(declared(id), value)).slice(0, mostShown);
  if (found.length === 0) return null;
  return (
    <dl className={styles["data"]}>
      {found.map(({ id, text }) => <div key={id}><dt><bdi>{propertyLabel(declared(id), id, t)}</bdi></dt><dd><Marked q={q}>{text}</Marked></dd></div>)}
    </dl>
  );
}

export function HitRow({ hit, q, active, types }: { hit: Hit; q: string; active: boolean; types: { items: ObjectType[] } | undefined }) {
  const { t, format } = useI18n();
  const isPaper = hit.base === "document" && hit.dossier !== undefined && hit.dossier !== null;
  const place = isPaper && hit.dossier ? { id: hit.dossier.id } : { id: hit.id };
  const at = (page: number | undefined) => (isPaper ? { doc: hit.id, page: page !== undefined && page > 1 ? page : undefined, q, also: formsToFind(hit, q) || undefined } : {});
  const firstPage = hit.snippets.find((snippet) => snippet.pageNumber !== undefined)?.pageNumber;
  const shown = hit.snippets.slice(0, mostShown);
  const more = (hit.pagesWithHits ?? 0) - new Set(shown.map((snippet) => snippet.pageNumber)).size;
  return (
    <li className={styles["hit"]} data-active={active ? "" : undefined}>
      <div className={styles["hitHead"]}>
        <Icon name={hit.base === "folder" ? "folder" : hit.content?.mediaType.startsWith("image/") === true ? "image" : "paper"} size={14} />
        <Link data-hit="" className={styles["hitTitle"]} to="/d/$id" params={place} search={at(firstPage)}><Marked q={q}>{hit.title || hit.name}</Marked></Link>
      </div>
      <div className={styles["hitLine"]}>
        {hit.base === "folder" && <Marked className="mono" q={q}>{hit.name}</Marked>}
        {isPaper && hit.dossier && <Link to="/d/$id" params={{ id: hit.dossier.id }}><Name className="mono">{hit.dossier.name}</Name>{hit.dossier.title !== hit.dossier.name && <>{t("common:separator")}<Name>{hit.dossier.title}</Name></>}</Link>}
        <span>{format.date(hit.modifiedAt)}</span>
        {(hit.text?.pageCount ?? 0) > 0 && <span>{t("search:pages", { count: hit.text?.pageCount ?? 0 })}</span>}
        {hit.content !== undefined && hit.content !== null && <Code plain>{hit.content.fileName}</Code>}
      </div>
      {hit.base === "folder" && <MatchingData hit={hit} q={q} types={types} />}
      {hit.snippets.length > 0 && (
        <div className={styles["snippets"]}>
          {shown.map((snippet, index) => (
            <Link key={index} className={styles["snippet"]} to="/d/$id" params={place} search={at(snippet.pageNumber)}>
              <span className={styles["pageNumber"]}>{snippet.pageNumber === undefined ? t("search:noPage") : t("search:page", { page: snippet.pageNumber })}</span>
              <Words snippet={snippet} />
            </Link>
          ))}
          {more > 0 && <Link className={styles["more"]} to="/d/$id" params={place} search={at(firstPage)}>{t("search:more", { count: more })}</Link>}
        </div>
      )}
    </li>
  );
}
