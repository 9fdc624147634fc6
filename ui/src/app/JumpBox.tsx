/** The one field of the top bar: a dossier's exact number opens it, anything else is searched for; while one types it offers places, dossiers and papers. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useId, useRef, useState, type FormEvent, type KeyboardEvent, type ReactNode } from "react";
import { api } from "../api/endpoints";
import { useI18n } from "../i18n";
import { Icon, type IconName } from "../ui/Icon";
import { Name } from "../ui/Name";
import styles from "./Frame.module.css";
import { useHotkeys } from "./hotkeys";
import { offersOf, places, type Offer } from "./jump";

/** How long the look for an exact number may hold up the search. */
const patience = 1500;
/** Typing that goes on asks nothing. */
const pause = 150;

async function dossierNamed(name: string): Promise<string | undefined> {
  const found = await api.dossiers({ sort: "name", q: name, limit: 5, offset: 0 }, AbortSignal.timeout(patience)).catch(() => undefined);
  return found?.items.find((dossier) => dossier.name.toLowerCase() === name.toLowerCase())?.id;
}

/** The text as it stood a moment ago. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(text), pause);
    return () => window.clearTimeout(timer);
  }, [text]);
  return settled;
}

const icons: Record<Offer["kind"], IconName> = { place: "next", dossier: "folder", paper: "paper", search: "search" };

export function JumpBox() {
  const { t } = useI18n();
  const navigate = useNavigate();
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(-1);
  const wanted = useSettled(text.trim());
  // What was asked for stands on its own screen now.
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(() => {
    setText("");
    setOpen(false);
  }, [path]);
  useHotkeys("everywhere", null, [
    { keys: ["mod+k"], label: "common:key.jump", whileTyping: true, run: () => { input.current?.focus(); input.current?.select(); setOpen(true); } },
  ]);
  const asks = open && wanted !== "";
  const dossiers = useQuery({
    queryKey: ["dossiers", "jump", wanted], enabled: asks, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => api.dossiers({ sort: "name", q: wanted, limit: 5, offset: 0 }, signal),
  });
  const papers = useQuery({
    queryKey: ["search", "jump", wanted], enabled: asks, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => api.search({ q: wanted, limit: 4, offset: 0 }, signal),
  });
  const offers = offersOf(text.trim(), places(t), text.trim() === "" ? [] : (dossiers.data?.items ?? []), text.trim() === "" ? [] : (papers.data?.items ?? []));
  const active = chosen < offers.length ? chosen : -1;

  const take = (offer: Offer) => {
    setText("");
    setOpen(false);
    setChosen(-1);
    if (offer.kind === "place") void navigate({ to: offer.to });
    else if (offer.kind === "search") void navigate({ to: "/search", search: { q: offer.q } });
    else void navigate({ to: "/d/$id", params: { id: offer.id }, search: offer.kind === "paper" ? { doc: offer.doc } : {} });
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const offer = open ? offers[active] : undefined;
    if (offer !== undefined) return take(offer);
    const asked = text.trim();
    if (asked === "") return;
    const found = /\s/.test(asked) && asked.length > 60 ? undefined : await dossierNamed(asked);
    if (found === undefined) await navigate({ to: "/search", search: { q: asked } });
    else await navigate({ to: "/d/$id", params: { id: found } });
    setText("");
    setOpen(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && (open || text !== "")) {
      event.preventDefault();
      setText("");
      setOpen(false);
      setChosen(-1);
      return;
    }
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    setOpen(true);
    // Above the first stands what was typed.
    setChosen(Math.max(-1, Math.min(offers.length - 1, active + by)));
  };
  const isShown = open && offers.length > 0;
  return (
    <form role="search" className={styles["jump"]} onSubmit={(event) => void submit(event)} onBlur={(event) => { if (!event.currentTarget.contains(event.relatedTarget)) setOpen(false); }}>
      <Icon name="search" />
      <input
        ref={input} type="search" value={text} onChange={(event) => { setText(event.target.value); setOpen(true); setChosen(-1); }} onClick={() => setOpen(true)} onKeyDown={onKeyDown}
        placeholder={t("common:jump.hint")} aria-label={t("common:jump.label")} dir={text === "" ? undefined : "auto"} enterKeyHint="search" autoComplete="off"
        role="combobox" aria-expanded={isShown} aria-controls={`${id}-list`} aria-autocomplete="list" aria-activedescendant={isShown && active >= 0 ? `${id}-${active}` : undefined}
      />
      <kbd aria-hidden="true"><bdi dir="ltr">{t("common:jump.key")}</bdi></kbd>
      <ul id={`${id}-list`} role="listbox" aria-label={t("common:jump.offers")} className={styles["offers"]} hidden={!isShown}>
        {offers.map((offer, index) => (
          <li
            key={`${offer.kind} ${index}`} id={`${id}-${index}`} role="option" aria-selected={index === active} className={styles["offer"]}
            onMouseDown={(event) => event.preventDefault()} onClick={() => take(offer)}
          >
            <Icon name={icons[offer.kind]} />
            <Words offer={offer}>{offer.kind === "search" ? t("common:jump.search", { text: offer.q }) : ""}</Words>
          </li>
        ))}
      </ul>
    </form>
  );
}

function Words({ offer, children }: { offer: Offer; children: ReactNode }) {
  if (offer.kind === "search") return <span className={styles["offerTitle"]}>{children}</span>;
  if (offer.kind === "place") return <span className={styles["offerTitle"]}>{offer.label}</span>;
  return (
    <>
      <Name className={styles["offerTitle"]}>{offer.title}</Name>
      {offer.number !== offer.title && <Name className={styles["offerNumber"]}>{offer.number}</Name>}
    </>
  );
}
