// Keeps a log in a page going: rows come as lines are written, older ones when they are scrolled to.
// The server makes the rows, from the beginning and later.
"use strict";

(() => {
  const log = document.getElementById("log");
  if (!log) return;
  const state = document.getElementById("log-state");
  const pause = document.getElementById("log-pause");
  const end = document.getElementById("log-end");
  const older = document.getElementById("log-older");
  const form = document.getElementById("log-form");
  const search = form?.elements.q;

  // A page that stays open for a day does not grow: so many lines, and the oldest go.
  const MOST = Number(log.dataset.most);
  let lines = Number(log.dataset.lines);
  let shown = lines;
  let stream = null;
  let resume = null;
  // Whether the end is to stay in sight, and where the log was scrolled to last.
  let follows = true;
  let place = 0;
  let unseen = 0;

  const parse = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  };

  const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  // How high rows are is only known once they have been in sight, so the end may move a little.
  const keepEnd = () => {
    if (!follows) return;
    log.scrollTop = log.scrollHeight;
    place = log.scrollTop;
    requestAnimationFrame(() => {
      if (!isAtEnd()) keepEnd();
    });
  };
  const toEnd = () => {
    follows = true;
    unseen = 0;
    keepEnd();
    tell();
  };

  const sought = () => search?.value.trim().toLowerCase() ?? "";
  const filter = (rows) => {
    const wanted = sought();
    for (const row of rows) {
      const hidden = !row.textContent.toLowerCase().includes(wanted);
      if (row.hidden !== hidden) row.hidden = hidden;
    }
  };

  function tell() {
    end.hidden = follows;
    const jump = unseen ? `Jump to the end (${unseen} new)` : "Jump to the end";
    if (end.textContent !== jump) end.textContent = jump;
    const how = resume ? "paused" : stream?.lost ? "connection lost, trying again" : "live";
    const all = log.children.length;
    const noun = all === 1 ? "line" : "lines";
    const some = sought() ? `${log.querySelectorAll(":scope > :not([hidden])").length} of ` : "";
    const text = `${some}${all} ${noun}, ${how}`;
    if (state.textContent !== text) state.textContent = text;
  }

  const append = (rows) => {
    const count = rows.children.length;
    if (sought()) filter(rows.children);
    log.append(rows);
    while (log.children.length > MOST) log.firstElementChild.remove();
    if (follows) keepEnd();
    else unseen += count;
    if (count > 0) document.getElementById("log-empty")?.remove();
  };

  // What was there is put together aside, and takes the place of what is shown at once.
  const replace = (rows, keeps) => {
    const fromEnd = log.scrollHeight - log.scrollTop;
    log.replaceChildren();
    append(rows);
    if (!follows) log.scrollTop = keeps ? log.scrollHeight - fromEnd : log.scrollHeight;
    place = log.scrollTop;
    unseen = 0;
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
      for (const part of parts.filter(Boolean)) yield JSON.parse(part);
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
        let before = document.createDocumentFragment();
        for await (const piece of told(response)) {
          // Nothing is read meanwhile: the rest waits where it was written.
          if (resume) await resume.promise;
          if (stream !== own) return;
          own.lost = false;
          const rows = parse(piece.rows);
          if (before) {
            before.append(rows);
            if (!piece.isCaughtUp) continue;
            replace(before, keeps);
            before = null;
          } else {
            append(rows);
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
    if (isAtEnd()) {
      follows = true;
      unseen = 0;
    } else if (log.scrollTop < place) {
      follows = false;
    }
    place = log.scrollTop;
    if (log.scrollTop < 20 && log.scrollHeight > log.clientHeight) more();
    tell();
  });
  search?.addEventListener("input", () => {
    filter(log.children);
    tell();
  });
  for (const select of form?.querySelectorAll("select") ?? []) {
    select.addEventListener("change", () => form.requestSubmit());
  }

  pause.hidden = false;
  toEnd();
  follow(false);
})();
