// A signal of one's own: a form, the curl command that does the same, and what the door answered. It posts the very
// JSON that the command shows to the very address it names; the door treats it as anybody's.

import { element } from "./message.js";
import { copy } from "./notices.js";
import { post } from "./server.js";

const $ = (id) => document.getElementById(id);
const PRICES = new Set(["price", "notional", "stop_loss", "take_profit"]);
const COPIED_MS = 2000;

export class SignalSheet {
  // `taken` is called when the sheet closes after a signal was accepted.
  constructor(taken) {
    Object.assign(this, { form: $("signal-form"), door: null, accepted: false });
    $("signal-open").addEventListener("click", () => this.open());
    $("signal-close").addEventListener("click", () => $("signal").close());
    $("signal-copy").addEventListener("click", () => this.copyCommand());
    $("signal").addEventListener("close", () => this.accepted && taken());
    this.form.addEventListener("input", (event) => this.changed(event.target.name));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  // `door` is {url, symbols}, or null where no signals are taken from the page.
  offer(door) {
    $("signal-open").hidden = !door;
    const same = JSON.stringify(door?.symbols) === JSON.stringify(this.door?.symbols);
    this.door = door;
    if (door && !same) this.form.elements.symbol.replaceChildren(...door.symbols.map((name) => new Option(name)));
    if (door) this.changed();
  }

  open() {
    this.accepted = false;
    this.answer("");
    this.changed();
    $("signal").showModal();
  }

  changed(name) {
    const { symbol, type } = this.form.elements;
    $("signal-price").hidden = $("signal-price").disabled = type.value !== "limit";
    $("signal-size").textContent = `Size in ${symbol.value.split("/")[1] ?? "the quote currency"}`;
    $("signal-curl").textContent = curl(new URL(this.door.url, location.origin).href, this.body());
    if (name) this.blame(name, "");
  }

  // What is filled in, as JSON. Prices lose their spaces, so that one copied from a card fits.
  body() {
    const filled = [...new FormData(this.form)]
      .map(([name, value]) => [name, PRICES.has(name) ? value.replace(/\s/g, "") : value.trim()])
      .filter(([, value]) => value);
    return Object.fromEntries(filled);
  }

  async send() {
    for (const input of this.form.querySelectorAll("[aria-invalid]")) this.blame(input.name, "");
    this.answer("Sending…");
    const [status, answer] = await post(this.door.url, this.body());
    if (status === 202) {
      this.accepted = true;
      this.answer(`202: taken as signal ${answer.signal}. Its card comes in the group.`, "good");
    } else if (status === 200) {
      this.answer(`200: the same as signal ${answer.signal}. The same content counts once a minute.`);
    } else {
      const place = this.blame(String(answer.field ?? "").split(/[.[]/)[0], answer.detail);
      this.answer(`${status || "No answer"}: ${place ? "not taken, see above." : answer.detail}`, "bad");
      place?.focus();
    }
  }

  // Shows or clears what is wrong with a field; its input, if the form has it.
  blame(name, wrong) {
    const input = this.form.querySelector(`[name="${CSS.escape(name)}"]:not([type="radio"])`);
    if (!input) return null;
    document.getElementById(`wrong-${name}`)?.remove();
    if (!wrong) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
      return input;
    }
    const line = element("p", "wrong", wrong);
    line.id = `wrong-${name}`;
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", line.id);
    input.closest("label").after(line);
    return input;
  }

  answer(text, kind = "") {
    $("signal-answer").textContent = text;
    $("signal-answer").className = `answer ${kind}`.trim();
    if (text) $("signal-answer").scrollIntoView({ block: "nearest" });
  }

  async copyCommand() {
    const done = await copy($("signal-curl").textContent);
    $("signal-copy").textContent = done ? "Copied" : "Not copied";
    setTimeout(() => ($("signal-copy").textContent = "Copy"), COPIED_MS);
  }
}

// For a POSIX shell, where only a quote ends a quoted word.
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function curl(address, body) {
  const lines = [`curl ${quoted(address)}`, "-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body))}`];
  return lines.join(" \\\n  ");
}
