// Reaching messages without a mouse. The conversation is one tab stop: the arrows go from message to message, Tab goes
// on to the buttons of that message alone. A swipe to the left replies, as messengers do on touch screens.

const SWIPED = 56, FURTHEST = 76, SLOP = 12;

export class Reach {
  constructor(list, leave) {
    Object.assign(this, { list, leave, current: null });
    list.addEventListener("focusin", (event) => this.moveTo(event.target.closest(".message")));
    list.addEventListener("keydown", (event) => this.pressed(event));
  }

  // After the list has changed: the newest message is the one to tab to, unless a reader is elsewhere in the list.
  settle() {
    if (this.current?.isConnected && this.list.contains(document.activeElement)) return;
    this.moveTo(this.list.lastElementChild);
  }

  // After a message got other buttons.
  refit(node) {
    const index = node === this.current ? 0 : -1;
    node.tabIndex = index;
    for (const control of node.querySelectorAll("button, a, .spoiler")) control.tabIndex = index;
  }

  moveTo(node) {
    if (node === this.current) return;
    const before = this.current;
    this.current = node;
    if (before) this.refit(before);
    if (node) this.refit(node);
  }

  pressed(event) {
    const node = event.target;
    if (event.key === "Escape") return this.leave();
    if (!node.matches(".message")) return undefined;
    const there = {
      ArrowUp: node.previousElementSibling,
      ArrowDown: node.nextElementSibling,
      Home: this.list.firstElementChild,
      End: this.list.lastElementChild,
    }[event.key];
    if (there === undefined) return undefined;
    event.preventDefault();
    return there ? there.focus() : event.key === "ArrowDown" ? this.leave() : undefined;
  }
}

export function onSwipe(list, reply) {
  let node = null, startX = 0, moved = 0;
  const shift = (by) => {
    moved = by;
    node.classList.toggle("swiped", by < 0);
    node.querySelector(".bubble").style.translate = by ? `${by}px` : "";
  };
  list.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch" || !event.isPrimary || event.target.closest("pre, .key")) return;
    node = event.target.closest(".message");
    startX = event.clientX;
    moved = 0;
  });
  list.addEventListener("pointermove", (event) => {
    if (!node || !event.isPrimary) return;
    const by = Math.max(event.clientX - startX, -FURTHEST);
    shift(by < -SLOP ? by : 0);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    list.addEventListener(end, () => {
      if (!node) return;
      const far = end === "pointerup" && moved <= -SWIPED, { message } = node;
      shift(0);
      node = null;
      if (far) reply(message);
    });
  }
}
