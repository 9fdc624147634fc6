/** The one field of the top bar: a dossier's exact number opens it, anything else is searched for. */
import { useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { api } from "../api/endpoints";
import { useI18n } from "../i18n";
import { Icon } from "../ui/Icon";
import styles from "./Frame.module.css";
import { useHotkeys } from "./hotkeys";

/** How long the look for an exact number may hold up the search. */
const patience = 1500;

async function dossierNamed(name: string): Promise<string | undefined> {
  const found = await api.dossiers({ sort: "name", q: name, limit: 5, offset: 0 }, AbortSignal.timeout(patience)).catch(() => undefined);
  return found?.items.find((dossier) => dossier.name.toLowerCase() === name.toLowerCase())?.id;
}

export function JumpBox() {
  const { t } = useI18n();
  const navigate = useNavigate();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  // What was asked for stands on its own screen now.
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(() => setText(""), [path]);
  useHotkeys("everywhere", null, [
    { keys: ["mod+k"], label: "common:key.jump", whileTyping: true, run: () => { input.current?.focus(); input.current?.select(); } },
  ]);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const wanted = text.trim();
    if (wanted === "") return;
    const id = /\s/.test(wanted) && wanted.length > 60 ? undefined : await dossierNamed(wanted);
    if (id === undefined) await navigate({ to: "/search", search: { q: wanted } });
    else await navigate({ to: "/d/$id", params: { id } });
    setText("");
  };

  return (
    <form role="search" className={styles["jump"]} onSubmit={(event) => void submit(event)}>
      <Icon name="search" />
      <input ref={input} type="search" value={text} onChange={(event) => setText(event.target.value)} placeholder={t("common:jump.hint")} aria-label={t("common:jump.label")} dir={text === "" ? undefined : "auto"} enterKeyHint="search" />
      <kbd aria-hidden="true"><bdi dir="ltr">{t("common:jump.key")}</bdi></kbd>
    </form>
  );
}
