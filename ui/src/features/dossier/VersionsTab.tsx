/** The history of a paper: every version can be opened and taken away byte for byte as it came. */
import { useQuery } from "@tanstack/react-query";
import { downloadAddress } from "../../api/endpoints";
import { queries } from "../../api/queries";
import type { Detail } from "../../api/types";
import { useI18n } from "../../i18n";
import { principalLabel } from "../../i18n/labels";
import { Button, ButtonLink, Chip, Code } from "../../ui/controls";
import { EmptyState, ErrorState, Waiting } from "../../ui/States";
import styles from "./Dossier.module.css";
import { Name } from "../../ui/Name";
import { harmless } from "../../ui/harmless";

interface VersionsTabProps {
  paper: Detail | undefined;
  openVersion: string | undefined;
  onOpenVersion: (version: string | undefined) => void;
  onUpload: () => void;
  canWrite: boolean;
}

export function VersionsTab({ paper, openVersion, onOpenVersion, onUpload, canWrite }: VersionsTabProps) {
  const { t } = useI18n();
  if (paper === undefined) return <EmptyState title={t("dossier:versions.none")} />;
  return (
    <>
      {canWrite
        ? <Button icon="upload" onPress={onUpload}>{t("dossier:versions.upload")}</Button>
        : <p className="quiet">{t("dossier:versions.denied")}</p>}
      <VersionList paper={paper} openVersion={openVersion} onOpenVersion={onOpenVersion} />
    </>
  );
}

function VersionList({ paper, openVersion, onOpenVersion }: Pick<VersionsTabProps, "openVersion" | "onOpenVersion"> & { paper: Detail }) {
  const { t, format } = useI18n();
  const versions = useQuery(queries.versions(paper.id));
  if (versions.isPending) return <Waiting what={t("dossier:versions.waiting")} />;
  if (versions.isError) return <ErrorState fault={versions.error} retry={() => void versions.refetch()} />;
  // Newest first, whatever the server's order.
  const items = [...versions.data.items].sort((a, b) => b.createdAt.localeCompare(a.createdAt) || b.label.localeCompare(a.label, "en", { numeric: true }));
  if (items.length === 0) return <EmptyState title={t("dossier:versions.none")} />;
  const newest = items[0]?.id;
  return (
    <ol className={styles["versions"]}>
      {items.map((version) => {
        const isOpen = version.id === openVersion || (openVersion === undefined && version.id === newest);
        return (
          <li key={version.id} className={styles["version"]} data-open={isOpen ? "" : undefined} aria-current={isOpen ? "true" : undefined}>
            <div className={styles["versionHead"]}>
              <span>{t("dossier:versions.label", { label: format.digits(version.label) })}</span>
              {version.id === newest && <Chip tone="ok">{t("dossier:versions.newest")}</Chip>}
            </div>
            <span className={styles["small"]}>{format.dateTime(version.createdAt)}{t("common:separator")}<Name>{principalLabel(version.createdBy, t)}</Name></span>
            {version.comment !== undefined && version.comment !== null && version.comment !== "" && <span className={styles["small"]}><bdi dir="auto">{harmless(version.comment)}</bdi></span>}
            {version.content !== undefined && version.content !== null && (
              <>
                <span className={styles["small"]}><Code plain>{version.content.fileName}</Code>{t("common:separator")}{format.bytes(version.content.sizeBytes)}</span>
                <div className={styles["acts"]}>
                  {!isOpen && <Button onPress={() => onOpenVersion(version.id === newest ? undefined : version.id)} aria-label={t("dossier:versions.openLabel", { label: format.digits(version.label) })}>{t("dossier:versions.open")}</Button>}
                  <ButtonLink icon="download" href={downloadAddress(version.id)} label={t("dossier:versions.downloadLabel", { label: format.digits(version.label) })} />
                </div>
              </>
            )}
          </li>
        );
      })}
    </ol>
  );
}
