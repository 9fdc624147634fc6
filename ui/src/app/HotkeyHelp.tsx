/** The keys valid here and now, read from the registry that runs them. */
import { useState } from "react";
import { useI18n } from "../i18n";
import { Checkbox } from "../ui/controls";
import { Dialog } from "../ui/Dialog";
import styles from "./Frame.module.css";
import { activeHotkeys } from "./hotkeys";
import { prefer, preferences } from "./preferences";
import { useStore } from "./store";

const named: Record<string, string> = { ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", PageDown: "PgDn", PageUp: "PgUp", Escape: "Esc", mod: "Ctrl", shift: "Shift", alt: "Alt" };

/** Shows a spelt key as people know it. */
function shown(keys: string): string {
  return keys.split(" ").map((step) => step.split(/\+(?=.)/).map((part) => named[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join(" + ")).join("  ");
}

export function HotkeyHelp({ onClose }: { onClose: () => void }) {
  const { t, format } = useI18n();
  // Taken once: the dialog itself must not change what it lists.
  const [areas] = useState(activeHotkeys);
  const { singleKeys } = useStore(preferences);
  return (
    <Dialog title={t("common:help.title")} onClose={onClose} wide foot={<Checkbox label={t("common:help.single")} selected={singleKeys} onChange={(on) => prefer({ singleKeys: on })} />}>
      <div className={styles["help"]}>
        {areas.map(({ area, hotkeys }) => (
          <section key={area}>
            <h3>{t(`common:area.${area}`)}</h3>
            <dl>
              {hotkeys.map((hotkey) => (
                <div key={hotkey.label} style={{ display: "contents" }}>
                  <dt>{t(hotkey.label)}</dt>
                  <dd>{hotkey.keys.map((keys) => <kbd key={keys} dir="ltr">{shown(keys)}</kbd>)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <section>
          <h3>{t("common:signs.title")}</h3>
          <dl>
            <dt>{t("common:signs.plus")}</dt>
            <dd><kbd><bdi>{format.digits("1.1+")}</bdi></kbd></dd>
          </dl>
        </section>
      </div>
    </Dialog>
  );
}
