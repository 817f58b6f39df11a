// The pinned panel under the header: the newest pinned message and, when it has just one button, that button.
// A tap on it goes to the message, and shows the next older pin.

import { firstLine, key } from "./message.js";

const $ = (id) => document.getElementById(id);

export class Pins {
  // `on` has jump(id) and tap(...), as for messages.
  constructor(on) {
    Object.assign(this, { on, pins: [], at: 0, drawn: "" });
    $("pin").addEventListener("click", () => this.tapped());
  }

  // `pins` come oldest first. The one shown stays shown until a newer one is pinned.
  show(pins) {
    const newestFirst = pins.toReversed(), shown = this.pins[this.at]?.id;
    const same = newestFirst[0]?.id === this.pins[0]?.id;
    this.pins = newestFirst;
    this.at = same ? Math.max(0, newestFirst.findIndex((pin) => pin.id === shown)) : 0;
    this.draw();
  }

  tapped() {
    this.on.jump(this.pins[this.at].id);
    this.at = (this.at + 1) % this.pins.length;
    this.draw();
  }

  draw() {
    const pin = this.pins[this.at];
    $("pins").hidden = !pin;
    if (!pin) return;
    const count = this.pins.length > 1 ? ` ${this.at + 1} of ${this.pins.length}` : "";
    $("pin").querySelector(".pin-label").textContent = `Pinned message${count}`;
    $("pin").querySelector(".pin-text").textContent = firstLine(pin);
    const keys = pin.buttons.flatMap((row, r) => row.map((button, c) => [button, r, c]));
    const wanted = keys.length === 1 ? JSON.stringify([pin.id, ...keys]) : "";
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    $("pin-key").replaceChildren(...(wanted ? [key(pin, ...keys[0], this.on)] : []));
  }
}
