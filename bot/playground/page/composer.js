// The place to write: the text field, the reply line above it, and the command menu behind "/".
// chat.js tells it what may be offered and is told what to send. It knows no messages but the one replied to, keeps a
// draft for each chat, and never loses what was typed: too long a text is told, not cut.

import { element, firstLine } from "./message.js";

const $ = (id) => document.getElementById(id);
const LONGEST = 4096, NEAR_LONGEST = 3900;
const hovers = matchMedia("(hover: hover)");

export class Composer {
  // `send(text, replyTo)` resolves to whether it was sent; `tell` shows a sentence.
  constructor(send, tell) {
    this.send = send;
    this.tell = tell;
    this.commands = [];
    this.drafts = new Map();
    this.chat = "";
    this.target = null;
    this.chosen = -1;
    this.text = $("text");
    $("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit(this.text.value);
    });
    this.text.addEventListener("input", () => this.typed());
    this.text.addEventListener("keydown", (event) => this.pressed(event));
    $("slash").addEventListener("click", () => (this.menuOpen() ? this.closeMenu() : this.openMenu("")));
    $("reply-cancel").addEventListener("click", () => this.replyTo(null));
    document.addEventListener("pointerdown", (event) => {
      if (!event.target.closest(".composer")) this.closeMenu();
    });
  }

  // Another chat, or another person in it: what was typed stays where it was typed.
  enter(chat) {
    if (chat === this.chat) return;
    if (this.chat) {
      this.drafts.set(this.chat, this.text.value);
      this.text.value = this.drafts.get(chat) ?? "";
    }
    this.chat = chat;
    this.replyTo(null);
    this.fit();
  }

  offer(commands) {
    const same = JSON.stringify(commands) === JSON.stringify(this.commands);
    this.commands = commands;
    $("slash").hidden = !commands.length;
    if (!same) this.closeMenu();
  }

  replyTo(message) {
    this.target = message;
    $("replying").hidden = !message;
    if (!message) return;
    $("replying").querySelector(".quote-name").textContent = `Reply to ${message.from.name}`;
    $("replying").querySelector(".quote-text").textContent = firstLine(message);
    this.text.focus();
  }

  async submit(text) {
    const length = text.trim().length;
    if (!length || this.busy) return;
    if (length > LONGEST) {
      this.tell(`Not sent: it has ${length} characters, a message holds ${LONGEST}.`);
      return;
    }
    this.busy = true;
    this.closeMenu();
    const sent = await this.send(text, this.target?.id);
    this.busy = false;
    if (!sent) return;
    if (text === this.text.value) this.text.value = "";
    this.replyTo(null);
    this.fit();
  }

  typed() {
    this.fit();
    const word = /^\/(\w*)$/.exec(this.text.value);
    if (word && this.commands.length) this.openMenu(word[1].toLowerCase());
    else this.closeMenu();
  }

  fit() {
    const { length } = this.text.value.trim();
    $("send").disabled = !length;
    $("counter").hidden = length < NEAR_LONGEST;
    $("counter").classList.toggle("over", length > LONGEST);
    $("counter").textContent = length > LONGEST ? `${length - LONGEST} too many` : `${LONGEST - length} left`;
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, 160)}px`;
  }

  pressed(event) {
    if (event.isComposing) return;
    const open = this.menuOpen();
    if (event.key === "Escape") {
      if (open) this.closeMenu();
      else this.replyTo(null);
    } else if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.choose(this.chosen + (event.key === "ArrowDown" ? 1 : -1));
    } else if (open && event.key === "Tab" && this.options().length) {
      event.preventDefault();
      this.text.value = `/${this.options()[Math.max(this.chosen, 0)].dataset.command} `;
      this.typed();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      const option = open && this.chosen >= 0 ? this.options()[this.chosen] : null;
      if (option) this.text.value = `/${option.dataset.command}`;
      this.submit(this.text.value);
    }
  }

  menuOpen() {
    return !$("menu").hidden;
  }

  options() {
    return [...$("menu").children];
  }

  openMenu(prefix) {
    const fitting = this.commands.filter(({ command }) => command.startsWith(prefix));
    $("menu").replaceChildren(...fitting.map((command, n) => this.option(command, n)));
    $("menu").hidden = !fitting.length;
    $("slash").setAttribute("aria-expanded", String(this.menuOpen()));
    this.choose(prefix && fitting.length ? 0 : -1);
    if (hovers.matches) this.text.focus();
  }

  closeMenu() {
    $("menu").hidden = true;
    $("slash").setAttribute("aria-expanded", "false");
    this.text.removeAttribute("aria-activedescendant");
    this.chosen = -1;
  }

  option({ command, description }, n) {
    const node = element("div", "option");
    node.id = `option-${n}`;
    node.dataset.command = command;
    node.setAttribute("role", "option");
    node.append(element("span", "option-command", `/${command}`), element("span", "option-words", description));
    node.addEventListener("click", () => this.submit(`/${command}`).then(() => this.typed()));
    return node;
  }

  choose(n) {
    const options = this.options();
    this.chosen = options.length && n >= 0 ? n % options.length : n < -1 ? options.length - 1 : -1;
    options.forEach((option, index) => {
      option.setAttribute("aria-selected", String(index === this.chosen));
    });
    const chosen = options[this.chosen];
    if (!chosen) return this.text.removeAttribute("aria-activedescendant");
    chosen.scrollIntoView({ block: "nearest" });
    return this.text.setAttribute("aria-activedescendant", chosen.id);
  }
}
