// What stands over the conversation for a moment: the pop-up answers to taps, a picture opened, and what a screen
// reader is told. Every dialog closes on Escape and on a tap beside it, and gives the focus back.

import { firstLine } from "./message.js";

const $ = (id) => document.getElementById(id);
let toastTimer = 0;

// Beside it means pressed and let go there: not a text selection that ends outside, and never a tap that goes through
// to a button underneath.
for (const dialog of document.querySelectorAll("dialog")) {
  let pressed = null;
  dialog.addEventListener("pointerdown", (event) => (pressed = event.target));
  dialog.addEventListener("click", (event) => event.target === dialog && pressed === dialog && dialog.close());
}
$("toast").addEventListener("click", () => ($("toast").hidden = true));

export function toast(text) {
  clearTimeout(toastTimer);
  $("toast").hidden = false;
  $("toast").textContent = text;
  toastTimer = setTimeout(() => ($("toast").hidden = true), 3000 + 40 * text.length);
}

// `back` gets the focus afterwards when the button that had it is gone: cards change their buttons meanwhile.
export function alertBox(text, back) {
  const close = () => {
    if (document.activeElement === document.body) back?.focus({ preventScroll: true });
  };
  $("alert-text").textContent = text;
  $("alert").addEventListener("close", close, { once: true });
  $("alert").showModal();
}

export function openPicture(message) {
  const image = $("lightbox").querySelector("img");
  image.src = message.photo.url;
  image.alt = firstLine(message);
  $("lightbox").showModal();
}

// A new element each time, so that the same words twice are read twice.
export function announce(text) {
  const line = document.createElement("p");
  line.textContent = text;
  $("announcer").replaceChildren(line);
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
