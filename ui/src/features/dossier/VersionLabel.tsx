/** The label of a version as the server gives it; a plus after it is explained to whoever points at it or hears it. */
import { useI18n } from "../../i18n";

/** Says what the plus of a label means; `undefined` for a label without one. */
export function useLabelMeaning(): (label: string) => string | undefined {
  const { t, format } = useI18n();
  return (label) => (label.endsWith("+") ? t("dossier:plus.meaning", { label: format.digits(label.slice(0, -1)) }) : undefined);
}

/** Shows a label, within `text` when it stands in words such as "v. 1.1+". */
export function VersionLabel({ label, text }: { label: string; text?: string }) {
  const { format } = useI18n();
  const meaning = useLabelMeaning()(label);
  const shown = text ?? format.digits(label);
  if (meaning === undefined) return <bdi>{shown}</bdi>;
  return (
    <span title={meaning}>
      <bdi aria-hidden="true">{shown}</bdi>
      <span className="unseen">{meaning}</span>
    </span>
  );
}
