/** Changes title and name. When somebody saved first, both values stand side by side and the writer chooses (brief §4). */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { Form } from "react-aria-components";
import { useHotkeys } from "../../app/hotkeys";
import { announce } from "../../app/live";
import { isStatus } from "../../api/client";
import { api } from "../../api/endpoints";
import type { Detail } from "../../api/types";
import { useI18n } from "../../i18n";
import { Button, Field } from "../../ui/controls";
import { FaultLine, Line } from "../../ui/States";
import { faultOf, isOnlyOf } from "../../ui/violations";
import { Conflict } from "./Conflict";
import styles from "./Dossier.module.css";

const fields = ["title", "name"] as const;
export type Values = Record<(typeof fields)[number], string>;

const valuesOf = (object: Detail): Values => ({ title: object.title, name: object.name });

/** Keeps only what the writer changed, so that the other's changes elsewhere survive. */
export function changesOf(before: Values, after: Values): Partial<Values> {
  return Object.fromEntries(fields.filter((field) => before[field] !== after[field]).map((field) => [field, after[field]]));
}

export function EditData({ object, onDone }: { object: Detail; onDone: () => void }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const [values, setValues] = useState(() => valuesOf(object));
  // What the writer saw: later arrivals must not slip under the hands.
  const [seen] = useState(object);
  const [theirs, setTheirs] = useState<Detail | null>(null);
  const read = () => (object.base === "folder" ? api.dossier(object.id) : api.document(object.id));
  const save = useMutation({
    mutationFn: ({ chosen, base }: { chosen: Values; base: Detail }) => api.change(object.base, object.id, base.changeToken, changesOf(valuesOf(base), chosen)),
    onSuccess: async () => {
      announce(t("dossier:edit.saved"));
      await Promise.all(["dossier", "document", "dossiers", "contents"].map((key) => client.invalidateQueries({ queryKey: [key] })));
      onDone();
    },
    onError: async (fault, { chosen }) => {
      if (!isStatus(fault, 412)) return;
      setValues(chosen);
      setTheirs(await read());
    },
  });
  const form = useRef<HTMLFormElement>(null);
  // Escape leaves at once when nothing would be lost; otherwise it says so first, and a second one discards.
  const [warned, setWarned] = useState(false);
  const isChanged = Object.keys(changesOf(valuesOf(seen), values)).length > 0;
  const leave = () => {
    if (save.isPending) return;
    if (!isChanged || warned) return onDone();
    setWarned(true);
    announce(t("dossier:edit.unsaved"));
  };
  useHotkeys("dossier", form, [{ keys: ["Escape"], label: "dossier:key.cancelEdit", whileTyping: true, run: leave }]);
  // It may open, warn or be refused below the edge of the panel.
  useEffect(() => {
    form.current?.scrollIntoView({ block: "nearest" });
  }, [warned, save.isError]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate({ chosen: values, base: seen });
  };
  return (
    <>
      <Form ref={form} className={styles["form"] ?? ""} onSubmit={submit}>
        {save.isError && !isStatus(save.error, 412) && !isOnlyOf(save.error, fields) && <FaultLine fault={save.error} />}
        {fields.map((field) => (
          <Field key={field} content label={t(`dossier:field.${field}`)} value={values[field]} onChange={(value) => { setWarned(false); save.reset(); setValues((old) => ({ ...old, [field]: value })); }} isRequired={field === "name"} fault={faultOf(save.error, field, fields, t)} autoFocus={field === "title"} />
        ))}
        {warned && isChanged && <Line>{t("dossier:edit.unsaved")}</Line>}
        <div className={styles["acts"]}>
          <Button type="submit" look="main" busy={save.isPending}>{t("common:save")}</Button>
          <Button onPress={onDone}>{t("common:cancel")}</Button>
        </div>
      </Form>
      {theirs !== null && (
        <Conflict
          mine={values} theirs={theirs} onCancel={() => setTheirs(null)}
          onChoose={(chosen) => {
            setTheirs(null);
            save.mutate({ chosen, base: theirs });
          }}
        />
      )}
    </>
  );
}
