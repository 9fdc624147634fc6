/** Two people changed the same thing: both values, field by field, and a choice for each. */
import { useState } from "react";
import type { Detail } from "../../api/types";
import { useI18n } from "../../i18n";
import { principalLabel } from "../../i18n/labels";
import { Button } from "../../ui/controls";
import { Dialog } from "../../ui/Dialog";
import styles from "./Dossier.module.css";
import type { Values } from "./EditData";
import { harmless } from "../../ui/harmless";

interface ConflictProps {
  mine: Values;
  theirs: Detail;
  onChoose: (values: Values) => void;
  onCancel: () => void;
}

export function Conflict({ mine, theirs, onChoose, onCancel }: ConflictProps) {
  const { t, format } = useI18n();
  const fields = (["title", "name"] as const).filter((field) => mine[field] !== theirs[field]);
  const [keepMine, setKeepMine] = useState<Record<string, boolean>>({ title: true, name: true });
  const choose = () => {
    const pick = (field: "title" | "name") => (keepMine[field] === true ? mine[field] : theirs[field]);
    onChoose({ title: pick("title"), name: pick("name") });
  };
  return (
    <Dialog wide title={t("dossier:conflict.title")} onClose={onCancel} foot={<><Button onPress={onCancel}>{t("common:cancel")}</Button><Button look="main" onPress={choose}>{t("dossier:conflict.save")}</Button></>}>
      <p>{t("dossier:conflict.text", { name: principalLabel(theirs.modifiedBy, t), date: format.dateTime(theirs.modifiedAt) })}</p>
      {fields.length === 0 ? <p>{t("dossier:conflict.same")}</p> : (
        <table className={styles["compare"]}>
          <thead><tr><th scope="col">{t("dossier:conflict.field")}</th><th scope="col">{t("dossier:conflict.mine")}</th><th scope="col">{t("dossier:conflict.theirs")}</th></tr></thead>
          <tbody>
            {fields.map((field) => (
              <tr key={field}>
                <th scope="row">{t(`dossier:field.${field}`)}</th>
                <td><label><input type="radio" name={field} checked={keepMine[field]} onChange={() => setKeepMine((old) => ({ ...old, [field]: true }))} /><bdi>{harmless(mine[field] ?? "")}</bdi></label></td>
                <td><label><input type="radio" name={field} checked={keepMine[field] !== true} onChange={() => setKeepMine((old) => ({ ...old, [field]: false }))} /><bdi>{harmless(theirs[field] ?? "")}</bdi></label></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Dialog>
  );
}
