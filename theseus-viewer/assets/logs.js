// Keeps a page of logs going: lines come as they are written, older ones when they are scrolled to.
"use strict";

(() => {
  const log = document.getElementById("log");
  if (!log) return;
  const state = document.getElementById("log-state");
  const pause = document.getElementById("log-pause");
  const end = document.getElementById("log-end");
  const older = document.getElementById("log-older");
  const form = document.getElementById("log-form");
  const search = form.elements.q;

  // A page that stays open for a day does not grow: so many lines, and the oldest go.
  const MOST = Number(log.dataset.most);
  let lines = Number(log.dataset.lines);
  let shown = lines;
  let stream = null;
  let resume = null;
  let unseen = 0;

  // What a page would obey is seen instead.
  const COLOUR = /\u001b\[[0-9;:]*m/g;
  const COMMANDS = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
  const inert = (text) =>
    text.replace(COLOUR, "").replace(COMMANDS, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

  const short = (id) => {
    const number = id.split(/[^0-9A-Za-z]/).find((word) => /^[0-9a-f]{8}/i.test(word));
    return number ? number.slice(0, 8) : [...id].slice(-8).join("");
  };

  const element = (name, text, title) => {
    const span = document.createElement("span");
    span.className = name;
    span.textContent = text;
    if (title) span.title = title;
    return span;
  };

  const WORDS = {
    joined: () => "is followed, too",
    ended: () => "ended",
    "out-of-reach": (told) => `cannot be read, and is tried again: ${told.reason}`,
    "in-reach": () => "can be read again",
    missed: (told) => `has written more to ${told.output} than was kept until it could be read`,
    failed: (told) => `cannot be read: ${told.reason}`,
    "cluster-away": (told) => `The cluster does not tell which containers there are: ${told.reason}`,
  };

  const row = (told) => {
    const item = document.createElement("li");
    if (told.container) item.append(element("who", short(told.container), told.container));
    if (told.event === "line") {
      if (told.output === "stderr") item.classList.add("stderr");
      item.append(element("mark", told.output === "stderr" ? "!" : "|", told.output));
      item.append(element("what", inert(told.text)));
      return item;
    }
    const word = WORDS[told.event];
    if (!word) return null;
    item.className = "word";
    item.append(element("what", inert(word(told))));
    return item;
  };

  const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const toEnd = () => {
    log.scrollTop = log.scrollHeight;
    unseen = 0;
    tell();
  };

  const matches = (item) => {
    const wanted = search.value.trim().toLowerCase();
    return !wanted || item.textContent.toLowerCase().includes(wanted);
  };
  const filter = () => {
    for (const item of log.children) item.hidden = !matches(item);
    tell();
  };

  function tell() {
    end.hidden = isAtEnd();
    end.textContent = unseen ? `Jump to the end (${unseen} new)` : "Jump to the end";
    const how = resume ? "paused" : stream?.lost ? "connection lost, trying again" : "live";
    state.textContent = `${log.children.length} lines, ${how}`;
  }

  const append = (items) => {
    const wasAtEnd = isAtEnd();
    const fragment = document.createDocumentFragment();
    for (const item of items) {
      item.hidden = !matches(item);
      fragment.append(item);
    }
    log.append(fragment);
    while (log.children.length > MOST) log.firstElementChild.remove();
    if (wasAtEnd) log.scrollTop = log.scrollHeight;
    else unseen += items.length;
    document.getElementById("log-empty")?.remove();
  };

  // What was there is put together aside, and takes the place of what is shown at once.
  const replace = (items, keeps) => {
    const fromEnd = log.scrollHeight - log.scrollTop;
    log.replaceChildren();
    append(items);
    log.scrollTop = keeps ? log.scrollHeight - fromEnd : log.scrollHeight;
    shown = lines;
  };

  async function* told(response) {
    const decoder = new TextDecoder();
    let rest = "";
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = parts.pop();
      yield parts.filter(Boolean).map((line) => JSON.parse(line));
    }
  }

  // Follows from so many lines back, until another stream takes over.
  async function follow(keeps) {
    stream?.abort.abort();
    const own = { abort: new AbortController(), lost: false };
    stream = own;
    for (; stream === own; keeps = false) {
      try {
        const response = await fetch(`${log.dataset.stream}&tail=${lines}`, { signal: own.abort.signal });
        // The page itself leads to where one signs in.
        if (response.status === 401) location.reload();
        if (!response.ok) throw new Error(response.status);
        let before = [];
        for await (const batch of told(response)) {
          // Nothing is read meanwhile: the rest waits where it was written.
          if (resume) await resume.promise;
          if (stream !== own) return;
          own.lost = false;
          const items = batch.map(row).filter(Boolean);
          if (before) {
            before.push(...items);
            if (!batch.some((it) => it.event === "caught-up")) continue;
            replace(before, keeps);
            before = null;
          } else {
            append(items);
          }
          tell();
        }
      } catch (error) {
        if (stream !== own) return;
      }
      own.lost = true;
      tell();
      await new Promise((ready) => setTimeout(ready, 2000));
    }
  }

  pause.addEventListener("click", () => {
    if (resume) {
      resume.done();
      resume = null;
    } else {
      resume = {};
      resume.promise = new Promise((done) => (resume.done = done));
    }
    pause.textContent = resume ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(Boolean(resume)));
    tell();
  });
  end.addEventListener("click", toEnd);
  const more = () => {
    if (resume || lines > shown || lines >= MOST) return;
    lines = Math.min(lines * 2, MOST);
    follow(true);
  };
  older?.addEventListener("click", (event) => {
    event.preventDefault();
    more();
  });
  log.addEventListener("scroll", () => {
    if (isAtEnd()) unseen = 0;
    if (log.scrollTop < 20 && log.scrollHeight > log.clientHeight) more();
    tell();
  });
  search.addEventListener("input", filter);
  for (const select of form.querySelectorAll("select")) {
    select.addEventListener("change", () => form.requestSubmit());
  }

  pause.hidden = false;
  toEnd();
  follow(false);
})();
