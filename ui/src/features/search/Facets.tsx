/** Counts by which a search is narrowed; the chosen value stays on top. */
import type { ReactNode } from "react";
import type { FacetValue, ObjectType, SearchAnswer } from "../../api/types";
import { useI18n, type Translate } from "../../i18n";
import { kindLabel, typeLabel } from "../../i18n/labels";
import styles from "./Search.module.css";

type Types = { items: ObjectType[] } | undefined;
export type FacetName = "type" | "mediaType" | "dossier";
const shown = ["type", "mediaType", "year"] as const;

/** What people read for a value: types and kinds of files have names in their language. */
export function facetLabel(name: string, value: Pick<FacetValue, "value"> & Partial<FacetValue>, types: Types, t: Translate): string {
  if (name === "mediaType") return kindLabel(value.value, t);
  return name === "type" && types !== undefined ? typeLabel(types, value.value, t) : (value.label ?? value.value);
}

interface FacetsProps {
  answer: SearchAnswer;
  types: Types;
  chosen: Partial<Record<FacetName, string | undefined>>;
  onChoose: (name: FacetName, value: string | undefined) => void;
}

export function Facets({ answer, types, chosen, onChoose }: FacetsProps) {
  const { t, format } = useI18n();
  return (
    <nav id="filters" className={styles["facets"]} aria-label={t("search:facet.label")}>
      {shown.map((name) => {
        const values = (answer.facets[name] ?? []).filter((value) => value.count > 0 || (name !== "year" && value.value === chosen[name])).slice(0, 12);
        const picked = name === "year" ? undefined : chosen[name];
        if (picked !== undefined && !values.some((value) => value.value === picked)) values.unshift({ value: picked, label: picked, count: 0 });
        if (values.length === 0) return null;
        return (
          <section key={name}>
            <h2>{t(`search:facet.${name}`)}</h2>
            <ul>
              {values.map((value) => {
                const isChosen = value.value === picked;
                return (
                  <li key={value.value}>
                    <FacetRow chosen={isChosen} onPress={name === "year" ? undefined : () => onChoose(name, isChosen ? undefined : value.value)}>
                      <bdi title={name === "mediaType" ? value.value : undefined}>{name === "year" ? format.digits(value.value) : facetLabel(name, value, types, t)}</bdi>
                      <span className={`${styles["number"]} tabular`}>{format.number(value.count)}</span>
                    </FacetRow>
                  </li>
                );
              })}
            </ul>
          </section>
        );
      })}
    </nav>
  );
}

/** A value that can be chosen, or, where the server cannot narrow by it, a count to read. */
function FacetRow({ chosen, onPress, children }: { chosen: boolean; onPress: (() => void) | undefined; children: ReactNode }) {
  if (onPress === undefined) return <span className={styles["facet"]}>{children}</span>;
  return <button type="button" className={styles["facet"]} aria-pressed={chosen} onClick={onPress}>{children}</button>;
}
