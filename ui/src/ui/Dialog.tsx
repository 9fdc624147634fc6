/** A modal layer with a title, a body and its acts. Escape closes it unless it must be answered. */
import type { ReactNode } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useI18n } from "../i18n";
import { Button } from "./controls";
import styles from "./Dialog.module.css";

interface DialogProps {
  title: string;
  /** Left out when the dialog must be answered. */
  onClose?: () => void;
  wide?: boolean;
  children: ReactNode;
  foot?: ReactNode;
}

export function Dialog({ title, onClose, wide, children, foot }: DialogProps) {
  const { t } = useI18n();
  return (
    <ModalOverlay isOpen isDismissable={false} isKeyboardDismissDisabled={onClose === undefined} onOpenChange={(open) => { if (!open) onClose?.(); }} className={styles["scrim"] ?? ""} data-layer="">
      <Modal className={styles["box"] ?? ""} {...(wide === true ? { "data-wide": "" } : {})}>
        <AriaDialog className={styles["dialog"] ?? ""}>
          <header className={styles["head"]}>
            <Heading slot="title" level={2}>{title}</Heading>
            {onClose !== undefined && <Button icon="close" look="bare" aria-label={t("common:close")} onPress={onClose} />}
          </header>
          <div className={styles["body"]}>{children}</div>
          {foot !== undefined && <footer className={styles["foot"]}>{foot}</footer>}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}
