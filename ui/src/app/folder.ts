/** Reads folders that were dropped on the page or chosen in a dialog, one file after the other, in the order of their paths. */
import type { Dropped, FoundFile } from "./imports";

const byName = new Intl.Collator("en", { numeric: true });

function filesOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** A directory reader answers at most a hundred entries at a time, and nothing when it has ended. */
async function childrenOf(entry: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = entry.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all.sort((a, b) => byName.compare(a.name, b.name));
    all.push(...some);
  }
}

async function* walk(entry: FileSystemEntry, prefix: string): AsyncGenerator<FoundFile> {
  if (entry.isFile) {
    yield { path: prefix + entry.name, file: await filesOf(entry as FileSystemFileEntry) };
  } else {
    for (const child of await childrenOf(entry as FileSystemDirectoryEntry)) yield* walk(child, `${prefix}${entry.name}/`);
  }
}

async function* walkInside(folder: FileSystemDirectoryEntry): AsyncGenerator<FoundFile> {
  for (const child of await childrenOf(folder)) yield* walk(child, "");
}

async function* walkAll(entries: FileSystemEntry[]): AsyncGenerator<FoundFile> {
  for (const entry of entries) yield* walk(entry, "");
}

/** Takes what was dropped. One folder: its inside is the import. Anything else: the things lie side by side. */
export function fromDrop(data: DataTransfer, looseName: string): Dropped | null {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const [first] = entries;
  if (first === undefined) return null;
  if (entries.length === 1 && first.isDirectory) {
    return { folderName: first.name, source: first.name, read: () => walkInside(first as FileSystemDirectoryEntry) };
  }
  return { folderName: looseName, source: looseName, read: () => walkAll(entries) };
}

/** Takes what a file dialog with `webkitdirectory` returned. */
export function fromInput(list: FileList): Dropped | null {
  const files = [...list].map((file) => ({ file, full: file.webkitRelativePath || file.name }));
  const [first] = files;
  if (first === undefined) return null;
  const root = first.full.split("/")[0] ?? first.full;
  files.sort((a, b) => byName.compare(a.full, b.full));
  async function* read(): AsyncGenerator<FoundFile> {
    for (const { file, full } of files) yield { file, path: full.startsWith(`${root}/`) ? full.slice(root.length + 1) : full };
  }
  return { folderName: root, source: root, read };
}
