/** How keys are named and spelt: by meaning first, by place on the keyboard when the layout is not Latin (brief §3). */

/** Letters and signs of physical keys, for layouts that write no Latin letter there. */
const signs: Record<string, string> = { Slash: "/", Minus: "-", Equal: "=", BracketLeft: "[", BracketRight: "]", Space: "Space" };

/** Names the key that was pressed by its meaning, or by its place on the keyboard when the layout is not Latin. */
export function keyName(event: Pick<KeyboardEvent, "key" | "code">): string {
  const { key, code } = event;
  if (key === " " || key === "Spacebar") return "Space";
  if (key.length > 1) return key;
  if (key === "؟") return "?";
  if (key.charCodeAt(0) < 0x80) return key.toLowerCase();
  if (code.startsWith("Key")) return code.slice(3).toLowerCase();
  if (code.startsWith("Digit")) return code.slice(5);
  return signs[code] ?? key;
}

type Pressed = Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey">;

/** Spells a pressed key as hotkeys are spelt. Shift is named only where it makes another key (letters and named keys). */
export function spell(event: Pressed): string {
  const name = keyName(event);
  const isSign = name.length === 1 && !/[a-z]/.test(name);
  return [event.ctrlKey || event.metaKey ? "mod" : "", event.altKey ? "alt" : "", event.shiftKey && !isSign ? "shift" : "", name].filter(Boolean).join("+");
}

/** Single letters and signs can be switched off; chords with Ctrl, arrows and named keys cannot. */
export const isSingle = (keys: string) => /^(shift\+)?\S$/.test(keys) || keys.includes(" ");
