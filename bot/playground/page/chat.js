// The chat page: holds the state, draws what the server tells, and says and taps as whoever is chosen at the top.
// The server decides everything; this page only shows it and passes on what a person does.

import { Composer } from "./composer.js";
import { browser, tab } from "./memory.js";
import { build, element, firstLine, group, listen, patch, showTime } from "./message.js";
import { alertBox, announce, copy, openPicture, toast } from "./notices.js";
import { Pins } from "./pins.js";
import { Place, fitAboveKeyboard } from "./place.js";
import { Reach, onSwipe } from "./reach.js";
import { Line, post } from "./server.js";
import { SignalSheet } from "./signal.js";
import { Bell } from "./sound.js";

const $ = (id) => document.getElementById(id);
const list = $("messages");
const TINTS = ["#1f5fae", "#a3540b", "#6b4fb3", "#12705a", "#a8325f", "#5b6470"];
const MOST_MESSAGES = 600;  // a page left open does not grow for ever; the server sends 500
const ACTION_MS = 5000;
const BUSY = { typing: "is typing…", upload_photo: "is sending a picture…" };
const INTRODUCTIONS = {
  owner: "you may approve, /kill and /resume",
  approver: "you may approve and /kill",
  viewer: "you may look, not decide",
  "": "you are a stranger to the bot",
};

const state = {
  bot: { id: 0, name: "Countersign" },
  group: { id: 0, title: "Countersign" },
  people: [],
  commands: {},
  messages: new Map(),  // oldest first
  me: chosenBefore(),
  view: "group",
  unread: { group: 0, private: 0 },
  known: false,  // whether the server has told the state yet
};

const here = () => (state.view === "group" ? state.group.id : state.me);
const inView = (message) => message.chat === here();
const viewOf = (message) =>
  message.chat === state.group.id ? "group" : message.chat === state.me ? "private" : null;
const nodeOf = (id) => document.getElementById(`message-${id}`);

const composer = new Composer(say, toast);
const on = { tap, reply: (message) => composer.replyTo(message), jump, open: openPicture, command: (text) => say(text) };
const place = new Place($("scroller"), list, drawUnread);
const reach = new Reach(list, () => composer.text.focus());
const pins = new Pins(on);
const bell = new Bell($("sound"));
const signals = new SignalSheet(() => {
  if (state.view !== "group") show("group");
  place.stayAtEnd();
});

// The address may name who one is, once: what is chosen later wins.
function chosenBefore() {
  const named = new URLSearchParams(location.search).get("as");
  if (named) {
    tab.set("me", named);
    history.replaceState(null, "", location.pathname);
  }
  return Number(named || tab.get("me")) || 0;
}

// What the server tells

function learned(fresh) {
  const newest = Math.max(0, ...state.messages.keys());
  const missed = state.known ? fresh.messages.filter((message) => message.id > newest) : [];
  Object.assign(state, { bot: fresh.bot, group: fresh.group, people: fresh.people, commands: fresh.commands });
  state.messages = new Map(fresh.messages.map((message) => [message.id, message]));
  state.known = true;
  if (!state.people.some((person) => person.id === state.me)) state.me = state.people[0]?.id ?? 0;
  document.body.classList.remove("offline");
  signals.offer(fresh.signals);
  drawPeople();
  draw();
  arrived(missed);
}

function away() {
  document.body.classList.add("offline");
  drawStatus();
}

function changed(kind, data) {
  if (kind === "action") return act(data.chat, BUSY[data.action] ?? "is busy…");
  if (kind === "commands") {
    state.commands = data;
    return offerCommands();
  }
  const before = state.messages.get(data.id);
  if (kind === "deleted") state.messages.delete(data.id);
  else if (kind === "edited" && !before && !data.pinned) return undefined;  // older than what this page holds
  else state.messages.set(data.id, data);
  if (inView(data)) place.keep(() => (kind === "deleted" ? remove(data.id) : update(data, before)));
  if (before?.pinned || data.pinned) drawPins();
  if (before && inView(data) && data.text && firstLine(before) !== firstLine(data)) announce(`Edited: ${firstLine(data)}`);
  if (kind === "new" && !before) arrived([data]);
  return settle();
}

// New messages: counted where they were not seen, read out, and rung for once.
function arrived(messages) {
  const seen = messages.filter(viewOf), theirs = seen.filter((message) => message.from.id !== state.me);
  const unseen = (view) => view !== state.view || document.hidden || !place.atEnd;
  for (const message of theirs) if (unseen(viewOf(message))) state.unread[viewOf(message)] += 1;
  for (const message of seen) if (message.from.bot) act(message.chat, "");
  const said = theirs.filter(inView), last = said.at(-1);
  if (said.length > 1) announce(`${said.length} new messages`);
  else if (last) announce(`${last.from.name}: ${firstLine(last)}`);
  if (theirs.some((message) => !message.silent)) bell.ring();
  if (seen.length > theirs.length && inView(seen.at(-1))) requestAnimationFrame(() => place.toEnd(true));
  const question = said.find((message) => message.force_reply);
  if (question) composer.replyTo(question);
  drawUnread();
}

// Drawing

function draw() {
  const shown = [...state.messages.values()].filter(inView);
  const ids = new Set(shown.map((message) => `message-${message.id}`));
  const fresh = !list.children.length;
  place.keep(() => {
    for (const node of [...list.children]) if (!ids.has(node.id)) node.remove();
    for (const message of shown) put(message);
    for (const node of list.children) group(node);
  });
  if (fresh) place.stayAtEnd();
  composer.enter(`${state.me} ${state.view}`);
  offerCommands();
  drawPins();
  settle();
}

function put(message) {
  let node = nodeOf(message.id);
  if (!node) {
    node = build(message);
    let after = null;
    for (let other = list.lastElementChild; other?.message.id > message.id; other = other.previousElementSibling) {
      after = other;
    }
    list.insertBefore(node, after);
  }
  patch(node, message, about(message), on);
  reach.refit(node);
  return node;
}

// Draws what was told of one message, and what depends on it nearby.
function update(message, before) {
  const node = put(message);
  group(node);
  if (node.nextElementSibling) group(node.nextElementSibling);
  if (before && firstLine(before) !== firstLine(message)) quoteAnew(message.id);
}

function remove(id) {
  const node = nodeOf(id), next = node?.nextElementSibling;
  node?.remove();
  if (next) group(next);
  quoteAnew(id);
}

function quoteAnew(id) {
  for (const { message } of list.children) if (message.reply_to === id) patch(nodeOf(message.id), message, about(message), on);
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

// What depends on the whole: what is let go of, counts, what to tab to, emptiness.
function settle() {
  forget();
  reach.settle();
  drawUnread();
  drawStatus();
  $("title").textContent = state.view === "group" ? state.group.title : state.bot.name;
  $("empty").hidden = Boolean(list.children.length);
  $("empty").firstElementChild.textContent =
    state.view === "group"
      ? "Nothing here yet. The first card arrives in a few seconds."
      : "A private chat with the bot. Only a few commands work here; try /help.";
}

function forget() {
  if (state.messages.size <= MOST_MESSAGES) return;
  const old = [...state.messages.values()].filter((message) => !message.pinned);
  for (const { id } of old.slice(0, state.messages.size - MOST_MESSAGES)) {
    state.messages.delete(id);
    if (nodeOf(id)) place.keep(() => remove(id));
  }
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
  const me = state.people.find((person) => person.id === state.me);
  $("introduction").hidden = !me || browser.get("introduced") === "yes";
  if (me) $("introduction-text").textContent = `As ${me.name} ${INTRODUCTIONS[me.role] ?? me.role}. Try the others too: switch above.`;
}

function drawPins() {
  pins.show([...state.messages.values()].filter((message) => message.pinned && inView(message)));
}

function drawUnread() {
  if (place.atEnd && !document.hidden) state.unread[state.view] = 0;
  for (const view of ["group", "private"]) {
    const badge = $(`view-${view}`).querySelector(".unread"), count = state.unread[view];
    badge.hidden = !count || view === state.view;
    badge.textContent = count;
  }
  $("newest").hidden = place.atEnd;
  $("newest").dataset.count = state.unread[state.view] || "";
  const all = state.unread.group + state.unread.private;
  const title = all ? `(${all}) Countersign` : "Countersign";
  if (document.title !== title) document.title = title;
}

const acts = new Map();  // chat to what the bot is busy with there, until it says something or 5 s have passed

function act(chat, words) {
  clearTimeout(acts.get(chat)?.timer);
  acts.delete(chat);
  if (words) acts.set(chat, { words, timer: setTimeout(() => act(chat, ""), ACTION_MS) });
  drawStatus();
}

function drawStatus() {
  const busy = acts.get(here()), offline = document.body.classList.contains("offline");
  $("status").classList.toggle("busy", Boolean(busy) && !offline);
  $("status").textContent = offline
    ? "Reconnecting…"
    : busy
      ? `${state.bot.name} ${busy.words}`
      : "Stands in for Telegram";
}

function offerCommands() {
  composer.offer(state.commands[state.me]?.[state.view] ?? []);
}

// What a person does

function jump(id) {
  const node = nodeOf(id);
  if (node) place.jump(node);
}

async function say(text, replyTo) {
  const [status, answer] = await post("/playground/say", { as: state.me, text, chat: here(), reply_to: replyTo });
  if (status !== 200) toast(answer.detail);
  return status === 200;
}

async function tap(node, message, button, row, column) {
  if (button.copy_text) return toast((await copy(button.copy_text)) ? "Copied." : "This browser does not let pages copy.");
  if (node.getAttribute("aria-busy") === "true") return undefined;
  node.setAttribute("aria-busy", "true");
  const [status, answer] = await post("/playground/tap", { as: state.me, message: message.id, row, column, label: button.text });
  node.removeAttribute("aria-busy");
  if (status !== 200) return toast(answer.field === "row, column" ? "That button has just changed." : answer.detail);
  if (!answer.answer) return undefined;
  return answer.alert ? alertBox(answer.answer, nodeOf(message.id)) : toast(answer.answer);
}

function show(view) {
  state.view = view;
  for (const name of ["group", "private"]) {
    $(`view-${name}`).setAttribute("aria-pressed", String(name === view));
  }
  list.replaceChildren();
  draw();
}

// Each second: times that are told as distances; past midnight, the names of the days.
let today = new Date().toDateString();

function tick() {
  for (const time of document.querySelectorAll('time[data-format="r"]')) showTime(time);
  if (today === new Date().toDateString()) return;
  today = new Date().toDateString();
  for (const node of list.children) group(node);
}

$("who").addEventListener("change", (event) => {
  state.me = Number(event.target.value);
  tab.set("me", state.me);
  state.unread.private = 0;
  drawPeople();
  show(state.view);
});
$("view-group").addEventListener("click", () => show("group"));
$("view-private").addEventListener("click", () => show("private"));
$("newest").addEventListener("click", () => place.toEnd(true));
$("introduction-close").addEventListener("click", () => {
  browser.set("introduced", "yes");
  $("introduction").hidden = true;
  composer.text.focus();
});
document.addEventListener("visibilitychange", drawUnread);
listen(list, on);
onSwipe(list, on.reply);
fitAboveKeyboard();
setInterval(tick, 1000);
new Line({ state: learned, change: changed, away });
