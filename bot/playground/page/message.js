// One message as an element: built once, then patched in place so that an edit moves nothing but what changed.
// chat.js calls it. It never asks the server and never decides who may do what.

const DAY_CLOCK = { hourCycle: "h23" };  // as the bot writes times
const clockTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", ...DAY_CLOCK });
const fullTime = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium", ...DAY_CLOCK });
const dayName = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export function element(tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

const icon = (path) => `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${path}"/></svg>`;

export function firstLine(message) {
  return message.text.split("\n", 1)[0] || (message.photo ? "Picture" : "");
}

// An element for `message`; `patch` fills it. `on` has tap, reply, jump, open and command.
export function build(message, on) {
  const node = element("article", "message");
  node.id = `message-${message.id}`;
  node.tabIndex = -1;
  node.append(element("div", "day"), element("div", "avatar"));
  const column = element("div", "column");
  const bubble = element("div", "bubble");
  const author = element("div", "author");
  author.append(element("span", "author-name"), element("span", "author-role"));
  const quote = element("button", "quote");
  quote.type = "button";
  quote.append(element("span", "quote-name"), element("span", "quote-text"));
  const photo = element("button", "photo");
  photo.type = "button";
  photo.append(element("img"));
  const words = element("div", "words");
  words.append(element("div", "text"), element("div", "meta"));
  bubble.append(author, quote, photo, words);
  const reply = element("button", "reply");
  reply.type = "button";
  reply.setAttribute("aria-label", "Reply");
  reply.innerHTML = icon("M8 5L3.5 9.5 8 14M4 9.5h7c3.5 0 5.5 2 5.5 5.5");
  const line = element("div", "line");
  line.append(bubble, reply);
  column.append(line, element("div", "keyboard"));
  node.append(column);
  reply.addEventListener("click", () => on.reply(node.message));
  quote.addEventListener("click", () => on.jump(node.message.reply_to));
  photo.addEventListener("click", () => on.open(node.message));
  bubble.addEventListener("dblclick", (event) => {
    if (!event.target.closest("button, a, .spoiler")) on.reply(node.message);
  });
  words.addEventListener("click", (event) => clicked(event, on));
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches(".spoiler")) event.target.classList.add("shown");
  });
  return node;
}

function clicked(event, on) {
  const spoiler = event.target.closest(".spoiler");
  if (spoiler) spoiler.classList.add("shown");
  const command = event.target.closest("button.command");
  if (command) on.command(command.textContent);
}

// Brings `node` up to `message`. `about` knows the people: mine, author {name, role, tint}, quoted message or null.
export function patch(node, message, about, on) {
  const before = node.message;
  node.message = message;
  node.classList.toggle("mine", about.mine);
  node.classList.toggle("pictured", Boolean(message.photo));
  node.classList.toggle("wordless", !message.text);
  node.style.setProperty("--tint", about.author.tint);
  node.querySelector(".avatar").textContent = about.author.name.slice(0, 1);
  node.querySelector(".author-name").textContent = about.author.name;
  node.querySelector(".author-role").textContent = about.author.role;
  const at = clockTime.format(new Date(message.date));
  node.setAttribute("aria-label", `${about.mine ? "You" : about.author.name}, ${at}`);
  node.querySelector(".day").textContent = dayOf(message);
  patchQuote(node.querySelector(".bubble > .quote"), message, about.quoted);
  patchPhoto(node.querySelector(".photo"), message, before);
  const text = node.querySelector(".text");
  if (!before || before.html !== message.html) {
    text.innerHTML = message.html;
    finishText(text, node);
  }
  patchMeta(node.querySelector(".meta"), message);
  if (!before || JSON.stringify(before.buttons) !== JSON.stringify(message.buttons)) {
    patchKeyboard(node.querySelector(".keyboard"), message, on);
  }
}

export function dayOf(message) {
  const date = new Date(message.date), today = new Date();
  if (date.toDateString() === today.toDateString()) return "Today";
  today.setDate(today.getDate() - 1);
  return date.toDateString() === today.toDateString() ? "Yesterday" : dayName.format(date);
}

function patchQuote(node, message, quoted) {
  node.hidden = !message.reply_to;
  node.disabled = !quoted;
  node.querySelector(".quote-name").textContent = quoted ? quoted.from.name : "";
  node.querySelector(".quote-text").textContent = quoted ? firstLine(quoted) : "Deleted message";
}

function patchPhoto(node, message, before) {
  node.hidden = !message.photo;
  const image = node.querySelector("img");
  if (!message.photo) return image.removeAttribute("src");
  node.setAttribute("aria-label", `Open picture: ${firstLine(message)}`);
  if (before?.photo?.url === message.photo.url) return undefined;
  image.alt = firstLine(message);
  image.width = message.photo.width;
  image.height = message.photo.height;
  image.src = message.photo.url;
  return undefined;
}

function patchMeta(node, message) {
  node.textContent = "";
  if (message.edited) {
    const edited = element("span", "edited", "edited");
    edited.title = `Edited ${fullTime.format(new Date(message.edited))}`;
    node.append(edited);
  }
  const time = element("time", "", clockTime.format(new Date(message.date)));
  time.dateTime = message.date;
  time.title = fullTime.format(new Date(message.date));
  node.append(time);
}

// Rows of buttons; the focus stays at its place when the labels under it change.
function patchKeyboard(node, message, on) {
  const focused = node.contains(document.activeElement) ? document.activeElement.dataset.place : null;
  node.textContent = "";
  node.hidden = !message.buttons.length;
  message.buttons.forEach((row, r) => {
    const line = element("div", "keys");
    row.forEach((button, c) => line.append(key(message, button, r, c, on)));
    node.append(line);
  });
  if (focused) node.querySelector(`[data-place="${focused}"]`)?.focus({ preventScroll: true });
}

function key(message, button, row, column, on) {
  const node = element(button.url ? "a" : "button", `key ${button.style}`.trim());
  node.dataset.place = `${row}-${column}`;
  node.append(element("span", "key-text", button.text));
  if (button.url) {
    if (/^https?:/.test(button.url)) node.href = button.url;
    node.target = "_blank";
    node.rel = "noopener noreferrer";
    node.insertAdjacentHTML("beforeend", icon("M7 4h9v9M16 4L5 15"));
    return node;
  }
  node.type = "button";
  if (button.copy_text) node.insertAdjacentHTML("beforeend", icon("M8 8h9v9H8zM12 8V3H3v9h5"));
  node.addEventListener("click", () => on.tap(node, message, button, row, column));
  return node;
}

// What HTML alone cannot do: times in the reader's zone, spoilers by keyboard, long quotes folded.
function finishText(text, node) {
  for (const time of text.querySelectorAll("time[data-format]")) showTime(time);
  for (const spoiler of text.querySelectorAll(".spoiler")) {
    spoiler.tabIndex = 0;
    spoiler.setAttribute("role", "button");
  }
  for (const quote of text.querySelectorAll("blockquote.expandable")) {
    const toggle = element("button", "fold");
    toggle.type = "button";
    const show = () => {
      quote.classList.toggle("unfolded", Boolean(node.unfolded));
      toggle.setAttribute("aria-expanded", String(Boolean(node.unfolded)));
      toggle.textContent = node.unfolded ? "Show less" : "Show all";
    };
    toggle.addEventListener("click", () => {
      node.unfolded = !node.unfolded;
      show();
    });
    quote.after(toggle);
    show();
    requestAnimationFrame(() => {
      toggle.hidden = !node.unfolded && quote.scrollHeight <= quote.clientHeight + 2;
    });
  }
}

// Formats of date_time entities: "Date-time entity formatting" in the Bot API.
export function showTime(node) {
  const date = new Date(node.dateTime), format = node.dataset.format;
  node.title = fullTime.format(date);
  if (!format) return;
  if (format === "r") {
    node.textContent = relative((date - Date.now()) / 1000);
    return;
  }
  const parts = {};
  if (format.includes("w")) parts.weekday = "long";
  if (format.includes("d")) Object.assign(parts, { day: "2-digit", month: "2-digit", year: "2-digit" });
  if (format.includes("D")) Object.assign(parts, { day: "numeric", month: "long", year: "numeric" });
  if (/[tT]/.test(format)) Object.assign(parts, { hour: "2-digit", minute: "2-digit", ...DAY_CLOCK });
  if (format.includes("T")) parts.second = "2-digit";
  node.textContent = new Intl.DateTimeFormat(undefined, parts).format(date);
}

function relative(seconds) {
  const words = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  const [unit, size] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]].find(
    ([, size]) => Math.abs(seconds) >= size || size === 1,
  );
  return words.format(Math.round(seconds / size), unit);
}
