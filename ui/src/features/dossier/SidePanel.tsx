/** What is known about the paper being read and its dossier: data, versions, access. */
import type { Detail, ObjectType } from "../../api/types";
import { useI18n } from "../../i18n";
import { TabPanels } from "../../ui/controls";
import { AccessTab } from "./AccessTab";
import { DataTab } from "./DataTab";
import { VersionsTab } from "./VersionsTab";

export interface SidePanelProps {
  dossier: Detail;
  paper: Detail | undefined;
  types: { items: ObjectType[] } | undefined;
  tab: string;
  onTab: (tab: string) => void;
  openVersion: string | undefined;
  onOpenVersion: (version: string | undefined) => void;
  onUpload: () => void;
  canWrite: boolean;
}

export function SidePanel(props: SidePanelProps) {
  const { t } = useI18n();
  const { dossier, paper, types, tab, onTab } = props;
  return (
    <TabPanels
      label={t("dossier:region.side")} selected={tab} onSelect={onTab}
      tabs={[
        { id: "data", label: t("dossier:tab.data"), render: () => <DataTab dossier={dossier} paper={paper} types={types} /> },
        { id: "versions", label: t("dossier:tab.versions"), render: () => <VersionsTab paper={paper} openVersion={props.openVersion} onOpenVersion={props.onOpenVersion} onUpload={props.onUpload} canWrite={props.canWrite} /> },
        { id: "access", label: t("dossier:tab.access"), render: () => <AccessTab object={paper ?? dossier} /> },
      ]}
    />
  );
}
