/** Lets a part of the page receive folders and files that fall on it. */
import { useEffect, useState, type RefObject } from "react";
import { fromDrop } from "../../app/folder";
import { startImport } from "../../app/imports";

const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true;

/** Calls `take` with what falls on the element; returns whether something hovers over it now. */
export function useDrop(element: RefObject<HTMLElement | null>, take: (data: DataTransfer) => void): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const target = element.current;
    if (target === null) return;
    let depth = 0;
    const enter = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      depth += 1;
      setOver(true);
      event.preventDefault();
    };
    const move = (event: DragEvent) => {
      if (hasFiles(event)) event.preventDefault();
    };
    const leave = () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) setOver(false);
    };
    const drop = (event: DragEvent) => {
      depth = 0;
      setOver(false);
      if (!hasFiles(event) || event.dataTransfer === null) return;
      event.preventDefault();
      event.stopPropagation();
      take(event.dataTransfer);
    };
    target.addEventListener("dragenter", enter);
    target.addEventListener("dragover", move);
    target.addEventListener("dragleave", leave);
    target.addEventListener("drop", drop);
    return () => {
      target.removeEventListener("dragenter", enter);
      target.removeEventListener("dragover", move);
      target.removeEventListener("dragleave", leave);
      target.removeEventListener("drop", drop);
    };
  }, [element, take]);
  return over;
}

/** Files dropped without a folder are kept together under the moment they came: files of one name dropped at two times are no versions of each other. */
const looseName = () => `files-${new Date().toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "")}`;

function importDropped(data: DataTransfer): void {
  const found = fromDrop(data, looseName());
  if (found !== null) startImport(found);
}

export function useFolderDrop(element: RefObject<HTMLElement | null>): boolean {
  return useDrop(element, importDropped);
}
