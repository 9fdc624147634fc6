/** Signing in: as a page of its own, or in a layer over the work when a session has ended. */
import { useMutation } from "@tanstack/react-query";
import { useEffect, useState, type FormEvent } from "react";
import { Form } from "react-aria-components";
import { prefer, preferences, themes, type Theme } from "../../app/preferences";
import { useStore } from "../../app/store";
import { api } from "../../api/endpoints";
import type { Session } from "../../api/types";
import { useI18n } from "../../i18n";
import { languages } from "../../i18n/languages";
import { Button, Field, MenuButton } from "../../ui/controls";
import { Dialog } from "../../ui/Dialog";
import { Mark } from "../../ui/Icon";
import { FaultLine } from "../../ui/States";
import styles from "./session.module.css";

interface SignInProps {
  onSignedIn: (session: Session) => void;
}

function SignInForm({ onSignedIn, username: first = "" }: SignInProps & { username?: string }) {
  const { t } = useI18n();
  const [username, setUsername] = useState(first);
  const [password, setPassword] = useState("");
  const enter = useMutation({ mutationFn: () => api.signIn(username, password), onSuccess: onSignedIn });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    enter.mutate();
  };
  return (
    <Form className={styles["form"] ?? ""} onSubmit={submit}>
      {enter.isError && <FaultLine fault={enter.error} />}
      <Field label={t("session:username")} name="username" autoComplete="username" value={username} onChange={setUsername} isRequired autoFocus={first === ""} />
      <Field label={t("session:password")} name="password" type="password" autoComplete="current-password" value={password} onChange={setPassword} isRequired autoFocus={first !== ""} />
      <Button type="submit" look="main" large busy={enter.isPending}>{enter.isPending ? t("session:entering") : t("session:enter")}</Button>
    </Form>
  );
}

/** Language and theme can be chosen before anybody is known. */
export function DeskFoot() {
  const { t, language } = useI18n();
  const { theme } = useStore(preferences);
  return (
    <div className={styles["foot"]}>
      <MenuButton label={t("common:language.label")} shown={language.name} selected={language.code} choices={languages.map((one) => ({ id: one.code, label: one.name }))} onChoose={(id) => prefer({ language: id })} />
      <MenuButton label={t("common:theme.label")} icon="theme" shown={t(`common:theme.${theme}`)} selected={theme} choices={themes.map((one) => ({ id: one, label: t(`common:theme.${one}`) }))} onChoose={(id) => prefer({ theme: id as Theme })} />
    </div>
  );
}

export function SignInPage({ onSignedIn }: SignInProps) {
  const { t } = useI18n();
  useEffect(() => {
    document.title = `${t("session:title")} · ${t("common:brand")}`;
  }, [t]);
  return (
    <main className={styles["desk"]}>
      <div className={styles["sheet"]}>
        <div className={styles["brand"]}><Mark size={24} />{t("common:brand")}</div>
        <h1>{t("session:title")}</h1>
        <SignInForm onSignedIn={onSignedIn} />
        <DeskFoot />
      </div>
    </main>
  );
}

export function SignInLayer({ onSignedIn, username }: SignInProps & { username: string }) {
  const { t } = useI18n();
  return (
    <Dialog title={t("session:again.title")}>
      <p>{t("session:again.text")}</p>
      <SignInForm onSignedIn={onSignedIn} username={username} />
    </Dialog>
  );
}
