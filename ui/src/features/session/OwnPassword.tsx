/** Changes one's own password at any time, from the user menu. */
import { useState } from "react";
import { announce } from "../../app/live";
import { useUser } from "../../app/session";
import { useI18n } from "../../i18n";
import { Button } from "../../ui/controls";
import { Dialog } from "../../ui/Dialog";
import { Line } from "../../ui/States";
import { PasswordForm } from "./PasswordForm";

export function OwnPassword({ onClose }: { onClose: () => void }) {
  const { t } = useI18n();
  const user = useUser();
  const [done, setDone] = useState(false);
  const finish = () => {
    setDone(true);
    announce(t("session:own.done"));
    return Promise.resolve();
  };
  return (
    <Dialog title={t("session:own.title")} onClose={onClose} {...(done ? { foot: <Button look="main" autoFocus onPress={onClose}>{t("common:close")}</Button> } : {})}>
      {done ? <Line tone="ok">{t("session:own.done")}</Line> : <PasswordForm user={user} currentLabel={t("session:own.current")} save={t("session:own.save")} onChanged={finish} />}
    </Dialog>
  );
}
