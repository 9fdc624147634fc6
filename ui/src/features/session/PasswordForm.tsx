/** The form of a new password: the present one, the new one twice; what the server refuses is said at the field it is about. */
import { useMutation } from "@tanstack/react-query";
import { useRef, useState, type FormEvent } from "react";
import { Form } from "react-aria-components";
import { api } from "../../api/endpoints";
import type { User } from "../../api/types";
import { useI18n } from "../../i18n";
import { violationWords } from "../../ui/violations";
import { Button, Field } from "../../ui/controls";
import { FaultLine } from "../../ui/States";
import { fieldFaults } from "./fieldFaults";
import styles from "./session.module.css";

/** Shown as a hint; the server decides. */
const shortest = 8;

interface PasswordFormProps {
  user: User;
  currentLabel: string;
  save: string;
  onChanged: () => Promise<unknown>;
}

export function PasswordForm({ user, currentLabel, save, onChanged }: PasswordFormProps) {
  const { t } = useI18n();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [differ, setDiffer] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const change = useMutation({
    mutationFn: async () => {
      await api.changePassword(current, next);
      // A new password ends the sessions of the old one: enter with it, so that the work can go on at once.
      await api.session().catch(() => api.signIn(user.username, next));
      await onChanged();
    },
    onError: (fault) => {
      const name = fieldFaults(fault).current !== undefined ? "current" : "next";
      form.current?.querySelector<HTMLInputElement>(`input[name="${name}"]`)?.focus();
    },
  });
  const refused = fieldFaults(change.error);
  const wrong = refused.current === undefined ? undefined : t("session:change.wrong");
  const bad = refused.next && violationWords(refused.next, t);
  const isElsewhere = change.isError && wrong === undefined && bad === undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setDiffer(next !== again);
    if (next === again) change.mutate();
  };
  // What was refused is no more what stands in the field.
  const edit = (set: (text: string) => void) => (text: string) => {
    if (change.isError) change.reset();
    set(text);
  };
  return (
    <Form ref={form} className={styles["form"] ?? ""} onSubmit={submit}>
      {isElsewhere && <FaultLine fault={change.error} />}
      <input type="text" name="username" autoComplete="username" value={user.username} readOnly hidden />
      <Field label={currentLabel} name="current" type="password" autoComplete="current-password" value={current} onChange={edit(setCurrent)} isRequired autoFocus fault={wrong} />
      <Field label={t("session:change.next")} hint={t("session:change.hint", { shortest })} name="next" type="password" autoComplete="new-password" value={next} onChange={edit(setNext)} isRequired minLength={shortest} fault={bad} />
      <Field label={t("session:change.again")} name="again" type="password" autoComplete="new-password" value={again} onChange={setAgain} isRequired fault={differ && next !== again ? t("session:change.differ") : undefined} />
      <Button type="submit" look="main" large busy={change.isPending}>{save}</Button>
    </Form>
  );
}
