/** The data of the paper and of its dossier; title and name can be changed in place. */
import { useState, type ReactNode } from "react";
import { may } from "../../api/permissions";
import { typeById } from "../../api/queries";
import type { Detail, ObjectType } from "../../api/types";
import { hasText, useI18n } from "../../i18n";
import { kindLabel, principalLabel, propertyLabel, typeLabel, valueLabel } from "../../i18n/labels";
import { Button, Chip, Code } from "../../ui/controls";
import { Name } from "../../ui/Name";
import { Line } from "../../ui/States";
import styles from "./Dossier.module.css";
import { textState } from "./textState";
import { EditData } from "./EditData";
import { VersionLabel } from "./VersionLabel";
import { harmless } from "../../ui/harmless";

interface DataTabProps {
  dossier: Detail;
  paper: Detail | undefined;
  types: { items: ObjectType[] } | undefined;
}

function Fact({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Properties({ object, type }: { object: Detail; type: ObjectType | undefined }) {
  const { t, format } = useI18n();
  const entries = Object.entries(object.properties ?? {}).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return entries.map(([id, value]) => {
    const declared = type?.properties.find((property) => property.id === id);
    const isDate = /date|time|instant/i.test(declared?.kind ?? "") && typeof value === "string";
    return <Fact key={id} name={<bdi>{propertyLabel(declared, id, t)}</bdi>}>{isDate ? format.date(value) || value : <bdi>{typeof value === "number" ? format.number(value) : harmless(valueLabel(declared, value))}</bdi>}</Fact>;
  });
}

function TextState({ paper }: { paper: Detail }) {
  const { t } = useI18n();
  const state = textState(paper.text);
  if (state === undefined) return null;
  return <Fact name={t("dossier:field.text")}><Chip {...(state === "failed" ? { tone: "late" as const } : state === "ready" ? { tone: "ok" as const } : {})}>{t(`dossier:text.${state}`)}</Chip></Fact>;
}

function Faults({ paper }: { paper: Detail }) {
  const { t } = useI18n();
  const faults = paper.text?.faults ?? [];
  if (faults.length === 0) return null;
  return (
    <div className={styles["faults"]}>
      {faults.slice(0, 20).map((fault, index) => (
        <Line key={index}>
          {hasText(`errors:fault.${fault.code}`) ? t(`errors:fault.${fault.code}`) : <span lang="en" dir="auto">{fault.detail}</span>}
          {fault.pageNumber != null && <> {t("dossier:text.onPage", { page: fault.pageNumber })}</>}
        </Line>
      ))}
    </div>
  );
}

function Part({ heading, object, editable, children }: { heading: string; object: Detail; editable: boolean; children: ReactNode }) {
  const { t } = useI18n();
  const [editing, setEditing] = useState(false);
  // The form gives focus back to the control that opened it.
  const [wasEditing, setWasEditing] = useState(false);
  return (
    <section>
      <div className={styles["partHead"]}>
        <h2>{heading}</h2>
        {editable && !editing && <Button icon="edit" look="bare" autoFocus={wasEditing} aria-label={t("dossier:edit.open", { what: heading })} onPress={() => { setEditing(true); setWasEditing(true); }} />}
      </div>
      {editing ? <EditData object={object} onDone={() => setEditing(false)} /> : <dl className={styles["facts"]}>{children}</dl>}
    </section>
  );
}

export function DataTab({ dossier, paper, types }: DataTabProps) {
  const { t, format } = useI18n();
  const type = paper === undefined ? undefined : typeById(types, paper.type);
  const dossierType = typeById(types, dossier.type);
  return (
    <>
      {paper !== undefined && (
        <Part key={paper.id} heading={t("dossier:data.paper")} object={paper} editable={may(paper, "WriteProperties")}>
          <Fact name={t("dossier:field.title")}><Name>{paper.title}</Name></Fact>
          <Fact name={t("dossier:field.name")}><Name>{paper.name}</Name></Fact>
          <Fact name={t("dossier:field.type")}><bdi>{typeLabel(types, paper.type, t)}</bdi></Fact>
          {paper.versionLabel != null && <Fact name={t("dossier:field.version")}><VersionLabel label={paper.versionLabel} /></Fact>}
          <Properties object={paper} type={type} />
          <Fact name={t("dossier:field.received")}>{format.dateTime(paper.createdAt)}{t("common:separator")}<Name>{principalLabel(paper.createdBy, t)}</Name></Fact>
          <Fact name={t("dossier:field.modified")}>{format.dateTime(paper.modifiedAt)}{t("common:separator")}<Name>{principalLabel(paper.modifiedBy, t)}</Name></Fact>
          {paper.content !== undefined && paper.content !== null && (
            <>
              <Fact name={t("dossier:field.file")}><Code plain>{paper.content.fileName}</Code></Fact>
              <Fact name={t("dossier:field.kind")}><bdi title={paper.content.mediaType}>{kindLabel(paper.content.mediaType, t)}</bdi></Fact>
              <Fact name={t("dossier:field.size")}>{format.bytes(paper.content.sizeBytes)}</Fact>
              {(paper.text?.pageCount ?? 0) > 0 && <Fact name={t("dossier:field.pages")}>{format.number(paper.text?.pageCount ?? 0)}</Fact>}
              <TextState paper={paper} />
              <Fact name={t("dossier:field.digest")}><Code>{paper.content.digest}</Code></Fact>
            </>
          )}
        </Part>
      )}
      {paper !== undefined && <Faults paper={paper} />}
      <Part key={dossier.id} heading={t("dossier:data.dossier")} object={dossier} editable={may(dossier, "WriteProperties")}>
        <Fact name={t("dossier:field.name")}><Name className="mono">{dossier.name}</Name></Fact>
        <Fact name={t("dossier:field.title")}><Name>{dossier.title}</Name></Fact>
        <Fact name={t("dossier:field.type")}><bdi>{typeLabel(types, dossier.type, t)}</bdi></Fact>
        <Properties object={dossier} type={dossierType} />
        <Fact name={t("dossier:field.opened")}>{format.dateTime(dossier.createdAt)}{t("common:separator")}<Name>{principalLabel(dossier.createdBy, t)}</Name></Fact>
        <Fact name={t("dossier:field.modified")}>{format.dateTime(dossier.modifiedAt)}{t("common:separator")}<Name>{principalLabel(dossier.modifiedBy, t)}</Name></Fact>
      </Part>
    </>
  );
}
