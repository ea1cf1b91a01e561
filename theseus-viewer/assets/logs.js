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
  const lines = Number(log.dataset.lines);
  const isOfOne = log.classList.contains("of-one");
  // Where the log of each container begins that has more before, as the server calls it.
  let places = {};
  let fetching = false;
  // Whether lines come as they are written, and whether they have ceased to.
  let live = false;
  let lost = "";
  let over = false;
  let resume = null;
  // Why older lines did not come.
  let refused = "";
  // Who waits for the end to be in sight.
  let awaited = null;
  // Whether the end is to stay in sight, and where the log was scrolled to last.
  let follows = true;
  let place = 0;
  let unseen = 0;

  const parse = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  };

  // As the server writes numbers.
  const count = (number) => number.toLocaleString("en");

  const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  // How high rows are is only known once they were in sight for a frame, and those that come into sight
  // for that are no different: the end is kept until it has stayed in its place for some frames.
  const SETTLED = 3;
  let unsettled = 0;
  const settle = () => {
    if (!follows) unsettled = 0;
    else if (!isAtEnd()) unsettled = SETTLED;
    if (unsettled === 0) return;
    unsettled -= 1;
    log.scrollTop = log.scrollHeight;
    place = log.scrollTop;
    requestAnimationFrame(settle);
  };
  const keepEnd = () => {
    const isSettling = unsettled > 0;
    unsettled = SETTLED;
    if (!isSettling) settle();
  };
  const atEnd = () => {
    follows = true;
    unseen = 0;
    awaited?.();
    awaited = null;
  };
  const toEnd = () => {
    atEnd();
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
    const jump = unseen ? `Jump to the end (${count(unseen)} new)` : "Jump to the end";
    if (end.textContent !== jump) end.textContent = jump;
    if (older) older.hidden = Object.keys(places).length === 0;
    const now = live ? "live" : "as of now";
    const broken = awaited ? "to go on, jump to the end" : lost && `${lost}, trying again`;
    const how = over ? "ended" : resume ? "paused" : broken || now;
    const all = log.children.length;
    const noun = all === 1 ? "line" : "lines";
    const found = sought() && log.querySelectorAll(":scope > :not([hidden])").length;
    const some = sought() ? `${count(found)} of ` : "";
    const missing = refused && `; no older lines: ${refused}`;
    const text = `${some}${count(all)} ${noun}, ${how}${missing}`;
    if (state.textContent !== text) state.textContent = text;
  }

  const append = (rows) => {
    const count = rows.children.length;
    if (sought()) filter(rows.children);
    log.append(rows);
    while (log.children.length > MOST) {
      log.firstElementChild.remove();
      // What is before the first row is no longer what was before it.
      places = {};
    }
    if (follows) keepEnd();
    else unseen += count;
    if (count > 0) document.getElementById("log-empty")?.remove();
  };

  // What was there is put together aside, and takes the place of what is shown at once.
  const replace = (rows) => {
    log.replaceChildren();
    unseen = 0;
    append(rows);
  };

  const whose = (row) => row.querySelector(".who")?.title;

  // Puts older rows where their time is: of one who writes little they go back further than of others.
  const insert = (rows) => {
    if (sought()) filter(rows);
    const timed = rows.findLast((row) => row.dataset.at);
    if (!timed) {
      // Nothing tells where they belong but whose they are.
      const first = new Map();
      for (const row of [...log.children].reverse()) first.set(whose(row), row);
      const top = log.firstElementChild;
      for (const row of rows) log.insertBefore(row, first.get(whose(row)) ?? top);
      return;
    }
    // Whatever time it tells, none goes behind what follows it, nor behind what the same container
    // wrote later, which is here already.
    const first = new Map();
    [...log.children].forEach((row, index) => {
      if (!first.has(whose(row))) first.set(whose(row), index);
    });
    const times = [];
    const limits = [];
    let least = Number(timed.dataset.at);
    let limit = Infinity;
    for (let index = rows.length - 1; index >= 0; index -= 1) {
      least = Math.min(least, Number(rows[index].dataset.at ?? Infinity));
      limit = Math.min(limit, first.get(whose(rows[index])) ?? Infinity);
      times[index] = least;
      limits[index] = limit;
    }
    let next = log.firstElementChild;
    let passed = 0;
    let at = NaN;
    rows.forEach((row, index) => {
      // What tells none stays with what was before it.
      const moves = index === 0 || row.dataset.at;
      for (; moves && next && passed < limits[index]; next = next.nextElementSibling) {
        at = Number(next.dataset.at ?? at);
        if (!(at < times[index])) break;
        passed += 1;
      }
      log.insertBefore(row, next);
    });
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

  // What a page is told that gets nothing.
  const reason = async (response) => {
    const problem = await response.json().catch(() => null);
    return problem?.error ?? `the viewer answers with ${response.status}`;
  };

  // Browsers keep few connections to a place: a page that nobody sees needs none, nor one that was
  // left and is kept to go back to.
  let left = false;
  const hidden = () => left || document.hidden;
  const lookers = new Set();
  const look = () => [...lookers].forEach((it) => it());
  document.addEventListener("visibilitychange", look);
  for (const [event, isLeft] of [["pagehide", true], ["pageshow", false]]) {
    addEventListener(event, () => {
      left = isLeft;
      look();
    });
  }
  const seen = () =>
    new Promise((ready) => {
      const wait = () => {
        if (hidden()) return;
        lookers.delete(wait);
        ready();
      };
      lookers.add(wait);
      wait();
    });

  // Reads what is told until it ends, or the page is no longer seen.
  async function read(signal) {
    const response = await fetch(`${log.dataset.stream}&tail=${lines}`, { signal });
    // The page itself leads to where one signs in.
    if (response.status === 401) location.reload();
    // It is over, and nothing is known of it any more.
    if (response.status === 404) over = true;
    if (!response.ok) {
      lost = await reason(response);
      return;
    }
    let before = document.createDocumentFragment();
    const begun = {};
    for await (const piece of told(response)) {
      // Nothing is read meanwhile: the rest waits where it was written.
      if (resume) await resume.promise;
      lost = "";
      const rows = parse(piece.rows);
      over ||= piece.hasEnded && isOfOne;
      if (before) {
        before.append(rows);
        Object.assign(begun, piece.places);
        live ||= piece.isCaughtUp;
        // Where nobody could tell anything in time, what the page came with stays until somebody does.
        if (!live || (!before.hasChildNodes() && log.hasChildNodes())) continue;
        replace(before);
        places = begun;
        before = null;
      } else {
        append(rows);
      }
      tell();
    }
  }

  // Follows from so many lines back.
  async function follow() {
    while (!over) {
      await seen();
      // Whoever has scrolled back keeps what he reads.
      if (!follows) {
        await new Promise((ready) => {
          awaited = ready;
          tell();
        });
      }
      const leave = new AbortController();
      const go = () => {
        if (hidden()) leave.abort();
      };
      lookers.add(go);
      lost = "";
      try {
        await read(leave.signal);
        lost ||= "connection lost";
      } catch {
        lost = leave.signal.aborted ? "" : "connection lost";
      }
      lookers.delete(go);
      live = false;
      tell();
      if (lost && !over) await new Promise((ready) => setTimeout(ready, 2000));
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
  async function more() {
    if (fetching || Object.keys(places).length === 0 || log.children.length >= MOST) return;
    fetching = true;
    refused = "";
    follows = false;
    const asked = places;
    try {
      const response = await fetch(log.dataset.older, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ output: log.dataset.output, places }),
      });
      if (response.status === 401) location.reload();
      if (!response.ok) throw new Error(await reason(response));
      const piece = await response.json();
      // Unless all of it was replaced meanwhile.
      if (asked === places) {
        const fromEnd = log.scrollHeight - log.scrollTop;
        insert([...parse(piece.rows).children]);
        log.scrollTop = log.scrollHeight - fromEnd;
        place = log.scrollTop;
        places = piece.places;
      }
    } catch (error) {
      // Whoever scrolls once more asks once more.
      refused = error instanceof TypeError ? "connection lost" : error.message;
    }
    fetching = false;
    tell();
  }
  older?.addEventListener("click", (event) => {
    event.preventDefault();
    log.scrollTop = 0;
    more();
  });
  log.addEventListener("scroll", () => {
    if (isAtEnd()) {
      atEnd();
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

  addEventListener("resize", keepEnd);
  pause.hidden = false;
  toEnd();
  follow();
})();
