// One message as an element: built once, then patched in place so that an edit moves nothing but what changed.
// chat.js calls it. It never asks the server and never decides who may do what.

const DAY_CLOCK = { hourCycle: "h23" };  // as the bot writes times
const clockTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", ...DAY_CLOCK });
const fullTime = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium", ...DAY_CLOCK });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export function element(tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

const GROUPED_MS = 3 * 60 * 1000;
const icon = (path) => `<svg viewBox="0 0 20 20" aria-hidden="true"><path d="${path}"/></svg>`;

export function firstLine(message) {
  return message.text.split("\n", 1)[0] || (message.photo ? "Picture" : "");
}

// An empty element for `message`, from the template in index.html; `patch` fills it.
export function build(message) {
  const node = document.getElementById("message").content.firstElementChild.cloneNode(true);
  node.id = `message-${message.id}`;
  return node;
}

// What a person does within messages. `on` has reply, jump, open and command.
export function listen(list, on) {
  list.addEventListener("click", (event) => {
    const clicked = event.target.closest("button, .spoiler"), message = clicked?.closest(".message").message;
    if (!clicked) return;
    if (clicked.matches(".spoiler")) clicked.classList.add("shown");
    if (clicked.matches(".command")) on.command(clicked.textContent);
    if (clicked.matches(".reply")) on.reply(message);
    if (clicked.matches(".quote")) on.jump(message.reply_to);
    if (clicked.matches(".photo")) on.open(message);
    if (clicked.matches(".fold")) fold(clicked, clicked.getAttribute("aria-expanded") !== "true");
  });
  list.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches(".spoiler")) event.target.classList.add("shown");
  });
  list.addEventListener("dblclick", (event) => {
    if (event.target.closest(".bubble") && !event.target.closest("button, a, .spoiler")) {
      on.reply(event.target.closest(".message").message);
    }
  });
}

// Brings `node` up to `message`. `about` knows the people: mine, author {name, role, tint}, quoted message or null.
export function patch(node, message, about, on) {
  const before = node.message;
  node.message = message;
  node.classList.toggle("mine", about.mine);
  node.classList.toggle("pictured", Boolean(message.photo));
  node.classList.toggle("wordless", !message.text);
  node.classList.toggle("keyed", message.buttons.length > 0);
  if (!before) patchAuthor(node, message, about);
  patchQuote(node.querySelector(".quote"), message, about.quoted);
  patchPhoto(node.querySelector(".photo"), message, before);
  const text = node.querySelector(".text");
  if (before?.html !== message.html) {
    const unfolded = text.querySelector('.fold[aria-expanded="true"]');
    text.innerHTML = message.html;
    finishText(text, Boolean(unfolded));
  }
  if (!before || before.edited !== message.edited) patchMeta(node.querySelector(".meta"), message);
  if (JSON.stringify(before?.buttons ?? []) !== JSON.stringify(message.buttons)) {
    patchKeyboard(node.querySelector(".keyboard"), message, on);
  }
}

function patchAuthor(node, message, { mine, author }) {
  node.style.setProperty("--tint", author.tint);
  node.querySelector(".avatar").textContent = author.name.slice(0, 1);
  node.querySelector(".author-name").textContent = author.name;
  node.querySelector(".author-role").textContent = author.role;
  node.setAttribute("aria-label", `${mine ? "You" : author.name}, ${clockTime.format(new Date(message.date))}`);
}

// What depends on the message before: whether a day begins, and whether the same person goes on.
export function group(node) {
  const previous = node.previousElementSibling?.message, { message } = node;
  const newDay = !previous || dayOf(previous) !== dayOf(message);
  const near = previous && Date.parse(message.date) - Date.parse(previous.date) < GROUPED_MS;
  node.classList.toggle("new-day", newDay);
  node.classList.toggle("follows", Boolean(near && !newDay && previous.from.id === message.from.id));
  if (newDay) node.querySelector(".day").textContent = dayName(new Date(message.date));
}

function dayOf(message) {
  message.day ??= new Date(message.date).toDateString();
  return message.day;
}

function dayName(date) {
  const day = new Date();
  if (date.toDateString() === day.toDateString()) return "Today";
  day.setDate(day.getDate() - 1);
  return date.toDateString() === day.toDateString() ? "Yesterday" : dayFormat.format(date);
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
  image.alt = firstLine(message);
  if (before?.photo?.url === message.photo.url) return undefined;
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

// One button of a message; a tap on it is `on.tap(node, message, button, row, column)`.
export function key(message, button, row, column, on) {
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
function finishText(text, unfolded) {
  for (const time of text.querySelectorAll("time[data-format]")) showTime(time);
  for (const spoiler of text.querySelectorAll(".spoiler")) spoiler.setAttribute("role", "button");
  for (const quote of text.querySelectorAll("blockquote.expandable")) {
    const toggle = element("button", "fold");
    toggle.type = "button";
    quote.after(toggle);
    fold(toggle, unfolded);
    requestAnimationFrame(() => {
      toggle.hidden = !unfolded && quote.scrollHeight <= quote.clientHeight + 2;
    });
  }
}

function fold(toggle, open) {
  toggle.previousElementSibling.classList.toggle("unfolded", open);
  toggle.setAttribute("aria-expanded", String(open));
  toggle.textContent = open ? "Show less" : "Show all";
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
