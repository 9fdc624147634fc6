/** One hit: what it is, where it lies, and the words around each match with the page they stand on. */
import { Link } from "@tanstack/react-router";
import type { Hit, Snippet } from "../../api/types";
import { useI18n } from "../../i18n";
import { Code } from "../../ui/controls";
import { Icon } from "../../ui/Icon";
import { Name } from "../../ui/Name";
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

export function HitRow({ hit, q, active }: { hit: Hit; q: string; active: boolean }) {
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
        <Link data-hit="" className={styles["hitTitle"]} to="/d/$id" params={place} search={at(firstPage)}><Name>{hit.title || hit.name}</Name></Link>
      </div>
      <div className={styles["hitLine"]}>
        {hit.base === "folder" && <Name className="mono">{hit.name}</Name>}
        {isPaper && hit.dossier && <Link to="/d/$id" params={{ id: hit.dossier.id }}><Name className="mono">{hit.dossier.name}</Name>{hit.dossier.title !== hit.dossier.name && <>{t("common:separator")}<Name>{hit.dossier.title}</Name></>}</Link>}
        <span>{format.date(hit.modifiedAt)}</span>
        {(hit.text?.pageCount ?? 0) > 0 && <span>{t("search:pages", { count: hit.text?.pageCount ?? 0 })}</span>}
        {hit.content !== undefined && hit.content !== null && <Code plain>{hit.content.fileName}</Code>}
      </div>
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
