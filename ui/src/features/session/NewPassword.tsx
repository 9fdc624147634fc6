/** The first change of password, which nothing goes past. */
import { useMutation } from "@tanstack/react-query";
import { useEffect, useState, type FormEvent } from "react";
import { Form } from "react-aria-components";
import { api } from "../../api/endpoints";
import type { User } from "../../api/types";
import { useI18n } from "../../i18n";
import { Button, Field } from "../../ui/controls";
import { Mark } from "../../ui/Icon";
import { FaultLine } from "../../ui/States";
import { DeskFoot } from "./SignIn";
import styles from "./session.module.css";

/** Shown as a hint; the server decides. */
const shortest = 8;

export function NewPasswordPage({ user, onChanged }: { user: User; onChanged: () => Promise<unknown> }) {
  const { t } = useI18n();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [differ, setDiffer] = useState(false);
  const change = useMutation({
    mutationFn: async () => {
      await api.changePassword(current, next);
      // A new password ends the sessions of the old one: enter with it, so that the work can begin at once.
      await api.session().catch(() => api.signIn(user.username, next));
      await onChanged();
    },
  });
  useEffect(() => {
    document.title = `${t("session:change.title")} · ${t("common:brand")}`;
  }, [t]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setDiffer(next !== again);
    if (next === again) change.mutate();
  };
  return (
    <main className={styles["desk"]}>
      <div className={styles["sheet"]}>
        <div className={styles["brand"]}><Mark size={24} />{t("common:brand")}</div>
        <h1>{t("session:change.title")}</h1>
        <p>{t("session:change.text", { name: user.displayName })}</p>
        <Form className={styles["form"] ?? ""} onSubmit={submit}>
          {change.isError && <FaultLine fault={change.error} />}
          <input type="text" name="username" autoComplete="username" value={user.username} readOnly hidden />
          <Field label={t("session:change.current")} name="current" type="password" autoComplete="current-password" value={current} onChange={setCurrent} isRequired autoFocus />
          <Field label={t("session:change.next")} hint={t("session:change.hint", { shortest })} name="next" type="password" autoComplete="new-password" value={next} onChange={setNext} isRequired minLength={shortest} />
          <Field label={t("session:change.again")} name="again" type="password" autoComplete="new-password" value={again} onChange={setAgain} isRequired fault={differ && next !== again ? t("session:change.differ") : undefined} />
          <Button type="submit" look="main" large busy={change.isPending}>{t("session:change.save")}</Button>
        </Form>
        <DeskFoot />
      </div>
    </main>
  );
}
