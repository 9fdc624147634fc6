/** The door between screens that receive dropped folders and the import feature, which is loaded only when something falls. */
import { createStore } from "./store";

export interface FoundFile {
  /** Path inside the dropped folder, with `/` between the parts. */
  path: string;
  file: File;
}

export interface Dropped {
  /** Name of the folder, for the dossier that receives files lying at its root. */
  folderName: string;
  /** Names the origin, so that a second run takes only what is new. */
  source: string;
  read: () => AsyncIterable<FoundFile>;
}

/** What was dropped last and has not begun to be imported. */
export const dropped = createStore<Dropped | null>(null);
/** Whether the panel of the running import is open. */
export const panelOpen = createStore(false);
/** Share done (0 to 1) of a running import, for the button in the top bar; `null` when none runs. */
export const importShare = createStore<number | null>(null);

/** Hands a folder to the import feature. */
export function startImport(what: Dropped): void {
  dropped.set(what);
  panelOpen.set(true);
}
