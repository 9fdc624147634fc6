/** Gives a paper its next version. When somebody was faster, both are shown and nothing is overwritten silently. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState, type FormEvent } from "react";
import { FileTrigger, Form } from "react-aria-components";
import { announce } from "../../app/live";
import { isStatus } from "../../api/client";
import { api } from "../../api/endpoints";
import type { Detail } from "../../api/types";
import { useI18n } from "../../i18n";
import { principalLabel } from "../../i18n/labels";
import { Button, Checkbox, Code, Field, Progress } from "../../ui/controls";
import { Dialog } from "../../ui/Dialog";
import { Name } from "../../ui/Name";
import { nextLabels } from "./nextLabels";
import { FaultLine, Line } from "../../ui/States";
import styles from "./Dossier.module.css";

interface UploadVersionProps {
  paper: Detail;
  file: File | undefined;
  onClose: () => void;
}

export function UploadVersion({ paper, file: first, onClose }: UploadVersionProps) {
  const { t, format } = useI18n();
  const client = useQueryClient();
  const [file, setFile] = useState(first);
  const [comment, setComment] = useState("");
  const [major, setMajor] = useState(false);
  const [sent, setSent] = useState(0);
  const [theirs, setTheirs] = useState<Detail | null>(null);
  const abort = useRef<AbortController>(null);
  const isFirst = paper.content === undefined || paper.content === null;
  const upload = useMutation({
    mutationFn: async ({ chosen, changeToken }: { chosen: File; changeToken: string }) => {
      abort.current = new AbortController();
      setSent(0);
      const version = { file: chosen, fileName: chosen.name, mediaType: chosen.type || "application/octet-stream", comment, major, changeToken };
      return api.newVersion(paper.id, version, setSent, abort.current.signal);
    },
    onSuccess: async () => {
      announce(t("dossier:upload.done"));
      await Promise.all(["document", "text", "contents", "dossier"].map((key) => client.invalidateQueries({ queryKey: [key] })));
      onClose();
    },
    onError: async (fault) => {
      if (isStatus(fault, 412)) setTheirs(await api.document(paper.id));
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (file !== undefined) upload.mutate({ chosen: file, changeToken: theirs?.changeToken ?? paper.changeToken });
  };
  const close = () => {
    abort.current?.abort();
    onClose();
  };
  return (
    <Dialog title={isFirst ? t("dossier:upload.firstTitle") : t("dossier:upload.title")} onClose={close}>
      <p><Name>{paper.title || paper.name}</Name></p>
      <Form className={styles["form"] ?? ""} onSubmit={submit}>
        {upload.isError && !isStatus(upload.error, 412) && <FaultLine fault={upload.error} />}
        {theirs !== null && file !== undefined && (
          <>
            <Line>{t("dossier:upload.conflict", { name: principalLabel(theirs.modifiedBy, t), date: format.dateTime(theirs.modifiedAt) })}</Line>
            <table className={styles["compare"]}>
              <thead><tr><th scope="col">{t("dossier:conflict.mine")}</th><th scope="col">{t("dossier:conflict.theirs")}</th></tr></thead>
              <tbody><tr>
                <td><Code plain>{file.name}</Code><br />{format.bytes(file.size)}</td>
                <td>{theirs.content !== undefined && theirs.content !== null && <><Code plain>{theirs.content.fileName}</Code><br />{format.bytes(theirs.content.sizeBytes)}{t("common:separator")}{t("dossier:versions.label", { label: format.digits(theirs.versionLabel ?? "") })}</>}</td>
              </tr></tbody>
            </table>
          </>
        )}
        <div className={styles["acts"]}>
          <FileTrigger onSelect={(files) => { const [one] = files ?? []; if (one !== undefined) setFile(one); }}>
            <Button icon="paper">{file === undefined ? t("dossier:upload.choose") : t("dossier:upload.chooseOther")}</Button>
          </FileTrigger>
          {file !== undefined && <span><Code plain>{file.name}</Code>{t("common:separator")}{format.bytes(file.size)}</span>}
        </div>
        <Field content label={t("dossier:upload.comment")} value={comment} onChange={setComment} />
        {/* The first version is 1.0 in any case. */}
        {!isFirst && <Checkbox label={t("dossier:upload.major", nextLabels((theirs ?? paper).versionLabel ?? "", format))} hint={t("dossier:upload.majorHint")} selected={major} onChange={setMajor} />}
        {upload.isPending && file !== undefined && (
          <>
            <Progress label={t("dossier:upload.sending")} share={file.size === 0 ? 1 : sent / file.size} />
            <p className={styles["small"]}>{t("dossier:upload.sent", { sent: format.bytes(sent), total: format.bytes(file.size) })}</p>
          </>
        )}
        <div className={styles["acts"]}>
          <Button type="submit" look="main" large isDisabled={file === undefined} busy={upload.isPending}>{theirs === null ? t("dossier:upload.send") : t("dossier:upload.sendAnyway")}</Button>
          <Button large onPress={close}>{theirs === null ? t("common:cancel") : t("dossier:upload.keepTheirs")}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
