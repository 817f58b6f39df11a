// What this browser remembers. A private window may refuse to: then nothing is remembered, and nothing breaks.

function memory(name) {
  return {
    get(key) {
      try {
        return window[name].getItem(key);
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        window[name].setItem(key, value);
      } catch {
        // Refused: the choice lasts as long as the page.
      }
    },
  };
}

export const tab = memory("sessionStorage");
export const browser = memory("localStorage");
