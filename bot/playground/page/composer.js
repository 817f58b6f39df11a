// The place to write: the text field, the reply line above it, and the command menu behind "/".
// chat.js tells it what may be offered and is told what to send. It knows no messages but the one replied to.

import { element, firstLine } from "./message.js";

const $ = (id) => document.getElementById(id);

export class Composer {
  constructor(send) {
    this.send = send;
    this.commands = [];
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

  offer(commands) {
    this.commands = commands;
    $("slash").hidden = !commands.length;
    this.closeMenu();
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
    if (!text.trim() || this.busy) return;
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
    $("send").disabled = !this.text.value.trim();
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
    this.text.focus();
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
