/** The title of the browser's tab follows the screen. */
import { useEffect } from "react";
import { useI18n } from "../i18n";

export function usePageTitle(title: string | undefined): void {
  const { t } = useI18n();
  useEffect(() => {
    // Isolates would show as odd signs in some window lists.
    document.title = [title, t("common:brand")].filter(Boolean).join(" · ").replace(/[\u2068\u2069]/g, "");
  }, [title, t]);
}
