/** Keys are told by meaning, and by place where the layout is not Latin. */
import { expect, test } from "vitest";
import { isSingle, keyName, spell } from "../../src/app/keys";

const plain = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };

test("a Latin letter is itself, in either case", () => {
  expect(keyName({ key: "J", code: "KeyJ" })).toBe("j");
});

test("J on an Arabic keyboard is J", () => {
  expect(keyName({ key: "ت", code: "KeyJ" })).toBe("j");
  expect(keyName({ key: "؟", code: "Slash" })).toBe("?");
  expect(keyName({ key: "١", code: "Digit1" })).toBe("1");
});

test("shift is spelt for letters and named keys, not for signs", () => {
  expect(spell({ ...plain, key: "J", code: "KeyJ", shiftKey: true })).toBe("shift+j");
  expect(spell({ ...plain, key: "F3", code: "F3", shiftKey: true })).toBe("shift+F3");
  expect(spell({ ...plain, key: "?", code: "Slash", shiftKey: true })).toBe("?");
});

test("Ctrl and Cmd are one", () => {
  expect(spell({ ...plain, key: "k", code: "KeyK", ctrlKey: true })).toBe("mod+k");
  expect(spell({ ...plain, key: "k", code: "KeyK", metaKey: true })).toBe("mod+k");
});

test("only letters, signs and chords of letters can be switched off", () => {
  expect(["j", "shift+j", "?", "g d", "["].every(isSingle)).toBe(true);
  expect(["mod+k", "Home", "ArrowDown", "Enter", "F3"].some(isSingle)).toBe(false);
});
