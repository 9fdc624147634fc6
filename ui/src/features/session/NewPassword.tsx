/** The first change of password, which nothing goes past. */
import { useEffect } from "react";
import type { User } from "../../api/types";
import { useI18n } from "../../i18n";
import { Mark } from "../../ui/Icon";
import { PasswordForm } from "./PasswordForm";
import { DeskFoot } from "./SignIn";
import styles from "./session.module.css";

export function NewPasswordPage({ user, onChanged }: { user: User; onChanged: () => Promise<unknown> }) {
  const { t } = useI18n();
  useEffect(() => {
    document.title = `${t("session:change.title")} · ${t("common:brand")}`;
  }, [t]);
  return (
    <main className={styles["desk"]}>
      <div className={styles["sheet"]}>
        <div className={styles["brand"]}><Mark size={24} />{t("common:brand")}</div>
        <h1>{t("session:change.title")}</h1>
        <p>{t("session:change.text", { name: user.displayName })}</p>
        <PasswordForm user={user} currentLabel={t("session:change.current")} save={t("session:change.save")} onChanged={onChanged} />
        <DeskFoot />
      </div>
    </main>
  );
}
