/** Opens an empty dossier by hand. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState, type FormEvent } from "react";
import { Form } from "react-aria-components";
import { api } from "../../api/endpoints";
import { useI18n } from "../../i18n";
import { Button, Field } from "../../ui/controls";
import { Dialog } from "../../ui/Dialog";
import { FaultLine } from "../../ui/States";
import styles from "./ListPage.module.css";

export function NewDossier({ onClose }: { onClose: () => void }) {
  const { t } = useI18n();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [title, setTitle] = useState("");
  const make = useMutation({
    mutationFn: () => api.createDossier({ name: name.trim(), title: title.trim() || name.trim() }),
    onSuccess: async (dossier) => {
      await client.invalidateQueries({ queryKey: ["dossiers"] });
      onClose();
      await navigate({ to: "/d/$id", params: { id: dossier.id } });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <Dialog title={t("dossier:new.title")} onClose={onClose}>
      <Form className={styles["form"] ?? ""} onSubmit={submit}>
        {make.isError && <FaultLine fault={make.error} />}
        <Field content label={t("dossier:field.name")} hint={t("dossier:new.nameHint")} value={name} onChange={setName} isRequired maxLength={500} autoFocus />
        <Field content label={t("dossier:field.title")} value={title} onChange={setTitle} />
        <Button type="submit" look="main" large busy={make.isPending}>{t("dossier:new.make")}</Button>
      </Form>
    </Dialog>
  );
}
