// The ring: two short notes for a message that would ring on a phone, and the bell that turns it on and off.
// Browsers allow sound only after a first tap or key on the page; until then the bell is off, which is the truth.

import { browser } from "./memory.js";

const NOTES = [[784, 0], [1047, 0.13]];  // Hz, seconds after the start: G5, C6
const QUIET_MS = 1500;  // several messages at once ring once

export class Bell {
  constructor(button) {
    this.button = button;
    this.wanted = browser.get("sound") !== "off";
    this.context = null;
    this.rangAt = -QUIET_MS;
    button.addEventListener("click", () => this.toggle());
    for (const gesture of ["pointerup", "keydown"]) {
      addEventListener(gesture, (event) => this.wanted && !button.contains(event.target) && this.wake());
    }
    this.show();
  }

  get audible() {
    return this.wanted && this.context?.state === "running";
  }

  toggle() {
    this.wanted = !this.audible;
    browser.set("sound", this.wanted ? "on" : "off");
    if (this.wanted) this.wake();
    this.show();
  }

  wake() {
    if (!window.AudioContext || this.context?.state === "running") return;
    if (!this.context) {
      this.context = new AudioContext();
      this.context.addEventListener("statechange", () => this.show());
    }
    this.context.resume().catch(() => {});  // not a gesture to this browser: the next one may be
  }

  show() {
    const { button, audible } = this;
    button.setAttribute("aria-pressed", String(audible));
    button.title = audible ? "Sound is on" : this.wanted ? "Sound comes on with your first tap" : "Sound is off";
  }

  // Where several tabs are open, the first to take the lock rings for all.
  async ring() {
    if (!this.audible || performance.now() - this.rangAt < QUIET_MS) return;
    this.rangAt = performance.now();
    if (!navigator.locks) return this.play();
    return navigator.locks.request("countersign ring", { ifAvailable: true }, async (lock) => {
      if (!lock) return;
      this.play();
      await new Promise((done) => setTimeout(done, QUIET_MS));
    });
  }

  play() {
    const { context } = this, start = context.currentTime + 0.02;
    for (const [pitch, after] of NOTES) {
      const note = new OscillatorNode(context, { type: "sine", frequency: pitch });
      const loudness = new GainNode(context, { gain: 0 });
      loudness.gain.setValueAtTime(0, start + after);
      loudness.gain.linearRampToValueAtTime(0.14, start + after + 0.015);
      loudness.gain.exponentialRampToValueAtTime(0.001, start + after + 0.45);
      note.connect(loudness).connect(context.destination);
      note.start(start + after);
      note.stop(start + after + 0.5);
    }
  }
}
