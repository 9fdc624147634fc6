/** What stands in the page when an address leads nowhere or a screen broke: the frame around it stays. */
import { Link, type ErrorComponentProps } from "@tanstack/react-router";
import { useI18n } from "../i18n";
import { EmptyState, ErrorState, faultTitle } from "../ui/States";
import { usePageTitle } from "../ui/usePageTitle";

export function MissingPage() {
  const { t } = useI18n();
  usePageTitle(t("common:missing.title"));
  return (
    <EmptyState page title={t("common:missing.title")} text={t("common:missing.text")}>
      <Link to="/dossiers">{t("common:missing.home")}</Link>
    </EmptyState>
  );
}

export function FailedPage({ error, reset }: ErrorComponentProps) {
  const { t } = useI18n();
  usePageTitle(faultTitle(error, t));
  return <ErrorState page fault={error} retry={reset} />;
}
