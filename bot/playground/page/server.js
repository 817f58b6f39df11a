// The line to the server: fetches the state whenever the line is new, follows what happens from then on, and posts
// what a person does. Comes back by itself. It knows no message and draws nothing.

const KINDS = ["new", "edited", "deleted", "action", "commands"];
const RETRY_MS = 2000;

// `on` has state(whole), change(kind, data) and away().
export class Line {
  constructor(on) {
    this.on = on;
    this.waiting = null;
    this.connect();
  }

  connect() {
    const source = new EventSource("/playground/events");
    source.addEventListener("hello", () => this.refresh());
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => this.heard(kind, JSON.parse(event.data)));
    }
    source.onerror = () => {
      this.on.away();
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.connect(), RETRY_MS);
    };
  }

  // Changes wait while the state is fetched, so that nothing newer is overwritten by it.
  heard(kind, data) {
    if (this.waiting) this.waiting.push([kind, data]);
    else this.on.change(kind, data);
  }

  async refresh() {
    const waiting = (this.waiting = []);
    const superseded = () => waiting !== this.waiting;
    const fresh = await fetched("/playground/state");
    if (superseded()) return;
    if (!fresh) {
      this.on.away();
      setTimeout(() => superseded() || this.refresh(), RETRY_MS);
      return;
    }
    this.waiting = null;
    this.on.state(fresh);
    waiting.forEach((change) => this.on.change(...change));
  }
}

async function fetched(path) {
  try {
    const answer = await fetch(path);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

// Posts JSON; [status, answer], with status 0 and a sentence when nobody answers.
export async function post(path, body) {
  const request = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let status = 0;
  try {
    const answer = await fetch(path, request);
    status = answer.status;
    return [status, await answer.json()];
  } catch {
    return [status, { detail: status ? `The demo answered ${status}.` : "Not sent: the demo does not answer." }];
  }
}
