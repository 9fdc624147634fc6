/** A picture on the desk, at its own size or fitted. */
import { useLayoutEffect, useRef, useState } from "react";
import styles from "./page.module.css";
import type { Fit } from "./PdfView";

interface ImageViewProps {
  url: string;
  label: string;
  fit: Fit;
  rotation: number;
  onScale: (scale: number) => void;
  onFault: () => void;
}

const desk = 20;

export function ImageView({ url, label, fit, rotation, onScale, onFault }: ImageViewProps) {
  const box = useRef<HTMLDivElement>(null);
  const [natural, setNatural] = useState({ width: 0, height: 0 });
  const [room, setRoom] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setRoom({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const turned = rotation % 180 !== 0;
  const width = turned ? natural.height : natural.width;
  const height = turned ? natural.width : natural.height;
  const byWidth = Math.min(1, (room.width - 2 * desk) / Math.max(1, width));
  const scale = typeof fit === "number" ? fit : fit === "width" ? byWidth : Math.min(byWidth, (room.height - 2 * desk) / Math.max(1, height));
  useLayoutEffect(() => {
    if (natural.width > 0) onScale(scale);
  }, [scale, natural.width, onScale]);
  const shift = turned ? (natural.width - natural.height) * scale / 2 : 0;
  return (
    <div ref={box} className={styles["scroller"]} dir="ltr" tabIndex={0} role="region" aria-label={label} data-region-focus="">
      <div className={styles["imageHost"]}>
        <img
          className={styles["image"]} src={url} alt={label} onError={onFault}
          onLoad={(event) => setNatural({ width: event.currentTarget.naturalWidth, height: event.currentTarget.naturalHeight })}
          style={natural.width === 0 ? { visibility: "hidden" } : { width: natural.width * scale, height: natural.height * scale, transform: `rotate(${rotation}deg)`, margin: `${shift}px ${-shift}px` }}
        />
      </div>
    </div>
  );
}
