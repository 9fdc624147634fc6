/** The registry of keys: it runs them and the `?` page is made from it, so that help cannot drift from behaviour (brief §3). */
import { useEffect, useRef, type RefObject } from "react";
import { isSingle, spell } from "./keys";
import { preferences } from "./preferences";
import { createStore } from "./store";

export type Area = "everywhere" | "list" | "dossier" | "viewer" | "search";

export interface Hotkey {
  /** Spelt as `j`, `shift+j`, `mod+k`, `g d` (one after the other), `Home`, `Space`, `?`. */
  keys: string[];
  /** Catalogue key of what it does. */
  label: string;
  run: (event: KeyboardEvent) => void;
  /** Works even while typing in a field. */
  whileTyping?: boolean;
}

interface Registration {
  area: Area;
  owner: RefObject<HTMLElement | null> | null;
  hotkeys: { current: Hotkey[] };
}

const registrations = createStore<readonly Registration[]>([]);
let pending = "";
let pendingUntil = 0;

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) && !/^(checkbox|radio|button)$/.test((target as HTMLInputElement).type);
}

function owns(registration: Registration, target: EventTarget | null): boolean {
  if (registration.owner === null) return true;
  const owner = registration.owner.current;
  return owner !== null && (target === document.body || (target instanceof Node && owner.contains(target)));
}

function onKeyDown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const layer = document.querySelector("[data-layer]");
  const pressed = spell(event);
  const chord = Date.now() < pendingUntil ? `${pending} ${pressed}` : "";
  pending = "";
  const typing = isTyping(event.target);
  for (const registration of [...registrations.get()].reverse()) {
    if (!owns(registration, event.target)) continue;
    if (layer !== null && registration.owner !== null && !layer.contains(registration.owner.current)) continue;
    for (const hotkey of registration.hotkeys.current) {
      if (typing && hotkey.whileTyping !== true) continue;
      const match = hotkey.keys.find((keys) => keys === pressed || keys === chord);
      if (match === undefined || (isSingle(match) && !preferences.get().singleKeys)) continue;
      event.preventDefault();
      hotkey.run(event);
      return;
    }
  }
  if (!typing && pressed === "g") {
    pending = pressed;
    pendingUntil = Date.now() + 1200;
  }
}

/** Starts listening; called once. */
export function startHotkeys(): void {
  document.addEventListener("keydown", onKeyDown);
}

/** Registers keys while the component is on screen. With an owner they work only when focus is inside it, or nowhere. */
export function useHotkeys(area: Area, owner: RefObject<HTMLElement | null> | null, hotkeys: Hotkey[]): void {
  const latest = useRef(hotkeys);
  useEffect(() => {
    latest.current = hotkeys;
  });
  useEffect(() => {
    const mine: Registration = { area, owner, hotkeys: latest };
    registrations.set((old) => [...old, mine]);
    return () => registrations.set((old) => old.filter((one) => one !== mine));
  }, [area, owner]);
}

/** Lists the keys valid now, by area, the most particular first. */
export function activeHotkeys(): { area: Area; hotkeys: Hotkey[] }[] {
  const areas = new Map<Area, Hotkey[]>();
  for (const registration of [...registrations.get()].reverse()) {
    if (registration.owner !== null && registration.owner.current === null) continue;
    const list = areas.get(registration.area) ?? [];
    for (const hotkey of registration.hotkeys.current) if (!list.some((one) => one.label === hotkey.label)) list.push(hotkey);
    areas.set(registration.area, list);
  }
  return [...areas].map(([area, list]) => ({ area, hotkeys: list }));
}
