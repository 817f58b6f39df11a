// The chat page: holds the state, follows the server's events, and says and taps as whoever is chosen at the top.
// The server decides everything; this page only shows it and passes on what a person does.

import { Composer } from "./composer.js";
import { build, dayOf, element, firstLine, patch, showTime } from "./message.js";

const $ = (id) => document.getElementById(id);
const scroller = $("scroller"), list = $("messages");
const TINTS = ["#1f5fae", "#a3540b", "#6b4fb3", "#12705a", "#a8325f", "#5b6470"];
const GROUPED_MS = 3 * 60 * 1000;

const state = {
  bot: { id: 0, name: "Countersign" },
  group: { id: 0, title: "Countersign" },
  people: [],
  commands: {},
  messages: new Map(),
  me: Number(new URLSearchParams(location.search).get("as") || sessionStorage.getItem("me")) || 0,
  view: "group",
  unread: { group: 0, private: 0 },
};
const composer = new Composer(say);
const on = { tap, reply: (message) => composer.replyTo(message), jump, open, command: (text) => say(text) };

const here = () => (state.view === "group" ? state.group.id : state.me);
const inView = (message) => message.chat === here();
const viewOf = (message) =>
  message.chat === state.group.id ? "group" : message.chat === state.me ? "private" : null;

// Following the server: events wait while the state is fetched, so that nothing newer is overwritten by it.

let waiting = null;

function connect() {
  const source = new EventSource("/playground/events");
  source.addEventListener("hello", refresh);
  for (const kind of ["new", "edited", "deleted", "typing", "commands"]) {
    source.addEventListener(kind, (event) => {
      const change = [kind, JSON.parse(event.data)];
      if (waiting) waiting.push(change);
      else apply(...change);
    });
  }
  source.onerror = () => {
    status("Reconnecting…");
    document.body.classList.add("offline");
    if (source.readyState !== EventSource.CLOSED) return;
    source.close();
    setTimeout(connect, 2000);
  };
}

async function refresh() {
  waiting = [];
  try {
    const answer = await fetch("/playground/state");
    if (!answer.ok) throw new Error(await answer.text());
    const fresh = await answer.json();
    Object.assign(state, { bot: fresh.bot, group: fresh.group, people: fresh.people, commands: fresh.commands });
    state.messages = new Map(fresh.messages.map((message) => [message.id, message]));
    if (!state.people.some((person) => person.id === state.me)) state.me = state.people[0]?.id ?? 0;
    document.body.classList.remove("offline");
    drawPeople();
    draw();
  } catch (error) {
    status("Reconnecting…");
    setTimeout(refresh, 2000);
  }
  const missed = waiting;
  waiting = null;
  missed.forEach((change) => apply(...change));
}

function apply(kind, data) {
  if (kind === "typing") return data.chat === here() ? typing() : undefined;
  if (kind === "commands") return refresh();
  if (kind === "deleted") state.messages.delete(data.id);
  else state.messages.set(data.id, data);
  if (kind === "new") arrived(data);
  if (inView(data)) keepPlace(() => (kind === "deleted" ? $(`message-${data.id}`)?.remove() : put(data)));
  if (kind === "edited" && inView(data)) announce(`Edited: ${firstLine(data)}`);
  return settle();
}

function arrived(message) {
  const view = viewOf(message), mine = message.from.id === state.me;
  if (!view) return;
  if (message.from.bot) typing(false);
  if (!mine && (view !== state.view || document.hidden || !atEnd())) state.unread[view] += 1;
  if (view !== state.view) return;
  if (!mine) announce(`${message.from.name}: ${firstLine(message)}`);
  if (mine) requestAnimationFrame(() => toEnd(true));
  if (message.force_reply) composer.replyTo(message);
}

// Drawing

function draw() {
  const shown = [...state.messages.values()].filter(inView);
  const ids = new Set(shown.map((message) => `message-${message.id}`));
  const fresh = !list.children.length;
  keepPlace(() => {
    for (const node of [...list.children]) if (!ids.has(node.id)) node.remove();
    shown.forEach(put);
  });
  if (fresh) {
    keepEnd = true;
    toEnd();
  }
  composer.offer(state.commands[state.me]?.[state.view] ?? []);
  settle();
}

function put(message) {
  let node = $(`message-${message.id}`);
  if (!node) {
    node = build(message, on);
    const after = [...list.children].find((other) => other.message.id > message.id);
    list.insertBefore(node, after ?? null);
  }
  patch(node, message, about(message), on);
}

function about(message) {
  const index = state.people.findIndex((person) => person.id === message.from.id);
  const role = message.from.bot ? "bot" : state.people[index]?.role || "stranger";
  const tint = message.from.bot ? TINTS[0] : TINTS[1 + (Math.max(index, 0) % (TINTS.length - 1))];
  return {
    mine: message.from.id === state.me,
    author: { name: message.from.name, role, tint },
    quoted: state.messages.get(message.reply_to) ?? null,
  };
}

// What depends on the neighbours and on the whole: groups of messages, days, pins, counts, emptiness.
function settle() {
  let previous = null;
  for (const node of list.children) {
    const message = node.message;
    const newDay = !previous || dayOf(previous) !== dayOf(message);
    const near = previous && new Date(message.date) - new Date(previous.date) < GROUPED_MS;
    node.classList.toggle("new-day", newDay);
    node.classList.toggle("follows", Boolean(near && !newDay && previous.from.id === message.from.id));
    previous = message;
  }
  drawPins();
  drawUnread();
  $("title").textContent = state.view === "group" ? state.group.title : state.bot.name;
  if (!document.body.classList.contains("offline") && !typingTimer) status();
  $("empty").hidden = Boolean(list.children.length);
  $("empty").firstElementChild.textContent =
    state.view === "group"
      ? "Nothing here yet. The first card arrives in a few seconds."
      : "A private chat with the bot. Only a few commands work here; try /help.";
}

function drawPeople() {
  $("who").replaceChildren(
    ...state.people.map((person) => {
      const option = element("option", "", `${person.name}, ${person.role || "stranger"}`);
      option.value = person.id;
      option.selected = person.id === state.me;
      return option;
    }),
  );
}

function drawPins() {
  const pins = [...state.messages.values()].filter((message) => message.pinned && inView(message));
  const pinned = pins.at(-1);
  $("pin").hidden = !pinned;
  if (!pinned) return;
  $("pin").dataset.message = pinned.id;
  $("pin").querySelector(".pin-text").textContent = firstLine(pinned);
}

function drawUnread() {
  if (atEnd() && !document.hidden) state.unread[state.view] = 0;
  for (const view of ["group", "private"]) {
    const badge = $(`view-${view}`).querySelector(".unread"), count = state.unread[view];
    badge.hidden = !count || view === state.view;
    badge.textContent = count;
  }
  const count = state.unread[state.view];
  $("newest").hidden = atEnd();
  $("newest").dataset.count = count || "";
  const all = state.unread.group + state.unread.private;
  document.title = all ? `(${all}) Countersign` : "Countersign";
}

let typingTimer = 0;

function typing(yes = true) {
  clearTimeout(typingTimer);
  typingTimer = yes ? setTimeout(() => typing(false), 5000) : 0;
  status(yes ? `${state.bot.name} is typing…` : undefined);
}

function status(text = "Stands in for Telegram") {
  $("status").textContent = text;
}

// Staying where one reads: at the end when at the end, else the first visible message does not move.

let keepEnd = true, lastTop = 0;

// Only a person scrolling up leaves the end; content that grows does not.
function scrolled() {
  if (atEnd()) keepEnd = true;
  else if (scroller.scrollTop < lastTop) keepEnd = false;
  lastTop = scroller.scrollTop;
  drawUnread();
}

function atEnd() {
  return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 48;
}

function toEnd(smooth = false) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  scroller.scrollTo({ top: scroller.scrollHeight, behavior: smooth && !calm ? "smooth" : "instant" });
}

function keepPlace(change) {
  const top = scroller.getBoundingClientRect().top;
  const anchor = [...list.children].find((node) => node.getBoundingClientRect().bottom > top);
  const was = anchor?.getBoundingClientRect().top;
  change();
  if (keepEnd) toEnd();
  else if (anchor?.isConnected) scroller.scrollTop += anchor.getBoundingClientRect().top - was;
}

function jump(id) {
  const node = $(`message-${id}`);
  if (!node) return;
  node.scrollIntoView({ block: "center" });
  node.focus({ preventScroll: true });
  node.classList.remove("found");
  requestAnimationFrame(() => node.classList.add("found"));
}

function open(message) {
  const image = $("lightbox").querySelector("img");
  image.src = message.photo.url;
  image.alt = firstLine(message);
  $("lightbox").showModal();
}

// What a person does

async function post(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ as: state.me, ...body }),
    });
    return [answer.ok, await answer.json()];
  } catch (error) {
    return [false, { detail: "Not sent: the demo does not answer." }];
  }
}

async function say(text, replyTo) {
  const [ok, answer] = await post("/playground/say", { text, chat: here(), reply_to: replyTo });
  if (!ok) toast(answer.detail);
  return ok;
}

async function tap(node, message, button, row, column) {
  if (button.copy_text) {
    await navigator.clipboard.writeText(button.copy_text);
    return toast("Copied.");
  }
  if (node.getAttribute("aria-busy") === "true") return undefined;
  node.setAttribute("aria-busy", "true");
  const place = { message: message.id, row, column, label: button.text };
  const [ok, answer] = await post("/playground/tap", place);
  node.removeAttribute("aria-busy");
  if (!ok) return toast(answer.field === "row, column" ? "That button has just changed." : answer.detail);
  if (!answer.answer) return undefined;
  return answer.alert ? alertBox(answer.answer) : toast(answer.answer);
}

let toastTimer = 0;

function toast(text) {
  clearTimeout(toastTimer);
  $("toast").hidden = false;
  $("toast").textContent = text;
  toastTimer = setTimeout(() => ($("toast").hidden = true), 3000 + 40 * text.length);
}

function alertBox(text) {
  $("alert-text").textContent = text;
  $("alert").showModal();
}

function announce(text) {
  $("announcer").textContent = text;
}

function show(view) {
  state.view = view;
  for (const name of ["group", "private"]) {
    $(`view-${name}`).setAttribute("aria-pressed", String(name === view));
  }
  composer.replyTo(null);
  list.replaceChildren();
  draw();
}

$("who").addEventListener("change", (event) => {
  state.me = Number(event.target.value);
  sessionStorage.setItem("me", state.me);
  state.unread.private = 0;
  show(state.view);
});
$("view-group").addEventListener("click", () => show("group"));
$("view-private").addEventListener("click", () => show("private"));
$("pin").addEventListener("click", () => jump($("pin").dataset.message));
$("newest").addEventListener("click", () => toEnd(true));
$("toast").addEventListener("click", () => ($("toast").hidden = true));
scroller.addEventListener("scroll", scrolled, { passive: true });
document.addEventListener("visibilitychange", drawUnread);
const sizes = new ResizeObserver(() => keepEnd && toEnd());
sizes.observe(scroller);
sizes.observe(list);

setInterval(() => document.querySelectorAll('time[data-format="r"]').forEach(showTime), 1000);
connect();
