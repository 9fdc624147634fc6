/** The frame around every screen: rail, top bar, lines about the session, content, and the panel of a running import. */
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { api } from "../api/endpoints";
import { useI18n } from "../i18n";
import { principalLabel } from "../i18n/labels";
import { languages } from "../i18n/languages";
import { Button, Code, MenuButton } from "../ui/controls";
import { Icon, Mark } from "../ui/Icon";
import { Waiting } from "../ui/States";
import styles from "./Frame.module.css";
import { focusWhenThere } from "./arrival";
import { HotkeyHelp } from "./HotkeyHelp";
import { useHotkeys } from "./hotkeys";
import { dropped, importShare, panelOpen } from "./imports";
import { JumpBox } from "./JumpBox";
import { reachable } from "./online";
import { prefer, preferences, themes, type Theme } from "./preferences";
import { useUser } from "./session";
import { takeEntry } from "./sessionState";
import { useStore } from "./store";
import { Name } from "../ui/Name";

const OwnPassword = lazy(() => import("../features/session/OwnPassword").then((file) => ({ default: file.OwnPassword })));
const ImportPanel = lazy(() => import("../features/import/ImportPanel").then((file) => ({ default: file.ImportPanel })));

const places = [
  { to: "/dossiers", icon: "folder", label: "common:nav.dossiers", under: ["/dossiers", "/d/"] },
  { to: "/search", icon: "search", label: "common:nav.search", under: ["/search"] },
] as const;

function Rail({ open, onGo }: { open: boolean; onGo: () => void }) {
  const { t } = useI18n();
  const path = useRouterState({ select: (state) => state.location.pathname });
  return (
    <nav className={styles["rail"]} data-open={open ? "" : undefined} aria-label={t("common:nav.label")}>
      <Link to="/dossiers" className={styles["brand"]}>
        <Mark />
        <span className={styles["word"]}>{t("common:brand")}</span>
      </Link>
      <h2 className={styles["section"]}>{t("common:nav.work")}</h2>
      <ul>
        {places.map((place) => {
          const here = place.under.some((start) => path.startsWith(start));
          return (
            <li key={place.to}>
              <Link to={place.to} className={styles["place"]} data-here={here ? "" : undefined} aria-current={path === place.to ? "page" : undefined} onClick={onGo} title={t(place.label)}>
                <Icon name={place.icon} />
                <span className={styles["word"]}>{t(place.label)}</span>
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

function UserMenu() {
  const { t } = useI18n();
  const user = useUser();
  const [changing, setChanging] = useState(false);
  const leave = async () => {
    await api.signOut().catch(() => {});
    // A full load: nothing of this person's papers stays in memory.
    window.location.assign("/");
  };
  return (
    <>
      <MenuButton
        label={t("common:user.menu")} icon="user"
        head={<><strong><Name>{principalLabel(user.displayName, t)}</Name></strong><br /><Code>{user.username}</Code></>}
        choices={[{ id: "password", label: t("common:user.password") }, { id: "leave", label: t("common:user.signOut") }]}
        onChoose={(id) => { if (id === "leave") void leave(); else setChanging(true); }}
      />
      {changing && <Suspense fallback={null}><OwnPassword onClose={() => setChanging(false)} /></Suspense>}
    </>
  );
}

function TopBar({ rail, onRail, onHelp }: { rail: boolean; onRail: () => void; onHelp: () => void }) {
  const { t, format, language } = useI18n();
  const { theme } = useStore(preferences);
  const share = useStore(importShare);
  return (
    <header className={styles["top"]}>
      <div className={styles["railButton"]}><Button icon="menu" look="bare" aria-label={t("common:nav.open")} aria-expanded={rail} onPress={onRail} /></div>
      <JumpBox />
      <div className={styles["gap"]} />
      {share !== null && <Button icon="upload" onPress={() => panelOpen.set(true)}>{t("common:import.running", { share: format.percent(share) })}</Button>}
      <Button icon="help" look="bare" aria-label={t("common:help.open")} onPress={onHelp} />
      <MenuButton
        label={t("common:theme.label")} icon="theme" shown={t(`common:theme.${theme}`)} selected={theme}
        choices={themes.map((one) => ({ id: one, label: t(`common:theme.${one}`) }))} onChoose={(id) => prefer({ theme: id as Theme })}
      />
      <MenuButton
        label={t("common:language.label")} shown={language.name} selected={language.code}
        choices={languages.map((one) => ({ id: one.code, label: one.name }))} onChoose={(id) => prefer({ language: id })}
      />
      <UserMenu />
    </header>
  );
}

const heading = "main [data-arrival], main h1";

/** Also where the screen stays the same, as from the results of a search to an empty search. */
const arrive = () => focusWhenThere(heading, { fromHere: true });

/** After a change of screen the page has its new title and focus stands on the heading, once what it says has come; so it does after signing in. */
function useArrival(): void {
  const path = useRouterState({ select: (state) => state.resolvedLocation?.pathname });
  const first = useRef(true);
  useEffect(() => {
    // A page that was loaded by its address begins at its beginning.
    if (!first.current || takeEntry()) focusWhenThere(heading, { fromHere: true });
    first.current = false;
  }, [path]);
}

export function Frame() {
  const { t } = useI18n();
  const navigate = useNavigate();
  const [help, setHelp] = useState(false);
  const [rail, setRail] = useState(false);
  const online = useStore(reachable);
  const open = useStore(panelOpen);
  const waiting = useStore(dropped);
  const share = useStore(importShare);
  const loading = useRouterState({ select: (state) => state.isLoading && state.resolvedLocation === undefined });
  useArrival();
  useHotkeys("everywhere", null, [
    { keys: ["?"], label: "common:key.help", run: () => setHelp((old) => !old) },
    { keys: ["g d"], label: "common:key.dossiers", run: () => void navigate({ to: "/dossiers" }).then(arrive) },
    { keys: ["g s"], label: "common:key.search", run: () => void navigate({ to: "/search" }).then(arrive) },
    ...(rail ? [{ keys: ["Escape"], label: "common:key.closeMenu", run: () => setRail(false) }] : []),
  ]);
  return (
    <div className={styles["frame"]}>
      <a className="skip" href="#content">{t("common:skip")}</a>
      <Rail open={rail} onGo={() => setRail(false)} />
      <TopBar rail={rail} onRail={() => setRail(!rail)} onHelp={() => setHelp(true)} />
      <div className={styles["lines"]}>
        {!online && (
          <div className={styles["offline"]} role="status">
            <Icon name="warning" />
            {t("common:offline")}
          </div>
        )}
      </div>
      <main id="content" tabIndex={-1} className={styles["main"]}>
        {loading ? <Waiting what={t("common:waiting.screen")} /> : <Outlet />}
      </main>
      <div className={styles["panel"]}>
        {(open || waiting !== null || share !== null) && <Suspense fallback={null}><ImportPanel /></Suspense>}
      </div>
      {help && <HotkeyHelp onClose={() => setHelp(false)} />}
    </div>
  );
}
