// Staying where one reads: at the end when at the end, else the first visible message does not move.
// chat.js makes every change through `keep`. The layout is read once per change, never per message.

const NEAR_END = 48;

export class Place {
  // `moved` is called when the reader has scrolled or the end has come or gone.
  constructor(scroller, list, moved) {
    Object.assign(this, { scroller, list, moved, atEnd: true, keepEnd: true, lastTop: 0 });
    scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    const sizes = new ResizeObserver(() => this.keepEnd && this.toEnd());
    sizes.observe(scroller);
    sizes.observe(list);
  }

  // Only a person scrolling up leaves the end; content that grows does not.
  scrolled() {
    const { scrollTop } = this.scroller;
    this.look();
    if (this.atEnd) this.keepEnd = true;
    else if (scrollTop < this.lastTop) this.keepEnd = false;
    this.lastTop = scrollTop;
    this.moved();
  }

  look() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  toEnd(smooth = false) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior: smooth && !calm ? "smooth" : "instant" });
  }

  // To the end, and staying there.
  stayAtEnd() {
    this.keepEnd = this.atEnd = true;
    this.toEnd();
  }

  keep(change) {
    if (this.keepEnd) {
      change();
      this.toEnd();
      return;
    }
    const anchor = this.firstVisible();
    const was = anchor?.getBoundingClientRect().top;
    change();
    if (anchor?.isConnected) this.scroller.scrollTop += anchor.getBoundingClientRect().top - was;
    this.look();
  }

  firstVisible() {
    const { children } = this.list, top = this.scroller.getBoundingClientRect().top;
    let first = 0, last = children.length;
    while (first < last) {
      const middle = (first + last) >> 1;
      if (children[middle].getBoundingClientRect().bottom > top) last = middle;
      else first = middle + 1;
    }
    return children[first];
  }

  jump(node) {
    node.scrollIntoView({ block: "center" });
    node.focus({ preventScroll: true });
    node.classList.remove("found");
    requestAnimationFrame(() => node.classList.add("found"));
  }
}

// Browsers that lay their keyboard over the page tell only here what is left of the screen.
export function fitAboveKeyboard() {
  const screen = window.visualViewport;
  screen?.addEventListener("resize", () => {
    if (screen.scale !== 1) return;
    document.documentElement.style.setProperty("--height", `${screen.height}px`);
    scrollTo(0, 0);
  });
}
