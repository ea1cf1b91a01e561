// Keeps an open page true: takes what changed from the server, and swaps those elements only.
// Filters what is in the page, by the same marks that the server goes by.
"use strict";
(() => {
  document.documentElement.classList.add("js");
  const form = document.querySelector("form[data-filter]");
  const list = form && document.getElementById(form.dataset.filter);

  // As the server writes numbers.
  const count = (number) => number.toLocaleString("en");

  // What is looked for, in small letters.
  function sought() {
    const value = (name) => (form.elements[name]?.value ?? "").trim().toLowerCase();
    return {
      words: value("q").split(/\s+/).filter((word) => word !== ""),
      service: value("service"),
      label: value("label"),
      state: value("state"),
      host: value("host"),
    };
  }

  function matches(row, want) {
    const marks = row.dataset;
    return want.words.every((word) => marks.text.includes(word))
      && marks.service.includes(want.service)
      && marks.labels.includes(want.label)
      && (want.state === "" || marks.state === want.state)
      && marks.hosts.includes(want.host);
  }

  function filter() {
    if (!list) return;
    const want = sought();
    let seen = 0;
    for (const row of list.children) {
      const shown = matches(row, want);
      if (row.hidden === shown) row.hidden = !shown;
      if (shown) seen += 1;
    }
    const all = list.childElementCount;
    const noun = form.dataset.noun + (all === 1 ? "" : "s");
    const text = seen === all ? `${count(all)} ${noun}` : `${count(seen)} of ${count(all)} ${noun}`;
    const output = document.getElementById("seen");
    if (output.textContent !== text) output.textContent = text;
    const { words, ...more } = want;
    form.querySelector(".clear").hidden = words.length === 0 && Object.values(more).every((it) => it === "");
  }

  // The address says what is looked for, so that it can be sent to somebody.
  let addressing = 0;
  function address() {
    const url = new URL(location.href);
    for (const [name, value] of new FormData(form)) {
      if (value.trim() === "") url.searchParams.delete(name);
      else url.searchParams.set(name, value.trim());
    }
    if (url.href !== location.href) history.replaceState(null, "", url);
  }

  if (list) {
    form.addEventListener("input", () => {
      filter();
      clearTimeout(addressing);
      addressing = setTimeout(address, 300);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      filter();
      address();
    });
    form.querySelector(".clear").addEventListener("click", (event) => {
      event.preventDefault();
      clear();
    });
  }

  function clear() {
    for (const field of form.elements) {
      if (field.type !== "hidden" && "value" in field && field.name) field.value = "";
    }
    filter();
    address();
    form.elements.q.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (!form || event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, select, textarea, [contenteditable]");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      form.elements.q.focus();
      form.elements.q.select();
    } else if (event.key === "Escape" && list && (!typing || form.contains(typing))) {
      clear();
    }
  });

  // The same as the server's.
  function span(seconds) {
    if (seconds < 120) return `${Math.max(0, seconds)} s`;
    if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
    return `${Math.floor(seconds / 86_400)} d`;
  }

  const main = document.querySelector("main[data-live]");
  if (!main) return;
  const link = document.getElementById("link");
  // The server sends a beat every 15 s in which nothing changes, also while the cluster is away.
  const SILENCE = 45_000;
  const MAX_PAUSE = 30_000;

  let version = main.dataset.version;
  let late = main.dataset.late;
  let offset = Number(main.dataset.now) - Date.now();
  let source = null;
  let watchdog = 0;
  let reopening = 0;
  let pause = 1_000;
  let held = false;
  let left = false;

  function show(state, text) {
    if (link.dataset.link === state) return;
    link.dataset.link = state;
    link.textContent = text;
  }

  function parse(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  }

  // Replaces an element, and keeps what somebody did in it: the focus, and what was opened.
  function swap(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    const links = [...old.querySelectorAll("a, summary, button, select, input")];
    const focused = links.indexOf(document.activeElement);
    const opened = [...old.querySelectorAll("details")].map((it) => it.open);
    [...fresh.querySelectorAll("details")].forEach((it, index) => {
      if (opened[index] !== undefined) it.open = opened[index];
    });
    [...old.querySelectorAll("select")].forEach((it, index) => {
      const same = fresh.querySelectorAll("select")[index];
      if (same && it === document.activeElement) same.value = it.value;
    });
    old.replaceWith(fresh);
    if (focused >= 0) fresh.querySelectorAll("a, summary, button, select, input")[focused]?.focus({ preventScroll: true });
  }

  // Brings the rows of a list into this order. What is not in it goes.
  function arrange(rows, order, fresh) {
    let at = rows.firstElementChild;
    for (const id of order) {
      const row = fresh.get(id) ?? document.getElementById(id);
      if (row === null) continue;
      if (row === at) at = at.nextElementSibling;
      else rows.insertBefore(row, at);
    }
    while (at !== null) {
      const next = at.nextElementSibling;
      at.remove();
      at = next;
    }
  }

  function apply(update) {
    version = update.version;
    late = update.late;
    offset = update.now - Date.now();
    const fresh = new Map();
    for (const [id, html] of Object.entries(update.parts)) {
      const element = parse(html);
      if (element.localName === "tr") element.classList.add("changed");
      const old = document.getElementById(id);
      if (old === null) fresh.set(id, element);
      else swap(old, element);
    }
    for (const [id, order] of Object.entries(update.lists ?? {})) {
      const rows = document.getElementById(id);
      if (rows !== null) arrange(rows, order, fresh);
    }
    filter();
    tick();
  }

  function tick() {
    if (document.hidden || held) return;
    const now = Math.floor((Date.now() + offset) / 1_000);
    for (const time of document.querySelectorAll("time[data-age]")) {
      const text = span(now - Math.floor(Date.parse(time.dateTime) / 1_000));
      if (time.textContent !== text) time.textContent = text;
    }
  }

  function listen() {
    clearTimeout(watchdog);
    watchdog = setTimeout(reopen, SILENCE);
  }

  function hear() {
    pause = 1_000;
    show("live", "Connected");
    listen();
  }

  // Why is not told. Where the page itself is led elsewhere now, whoever looks has to sign in again.
  async function refused() {
    reopen();
    try {
      const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" });
      if (answer.type === "opaqueredirect" && source === null) location.reload();
    } catch {
      // The viewer is away.
    }
  }

  function open() {
    const url = new URL(main.dataset.live, location.href);
    url.searchParams.set("version", version);
    url.searchParams.set("late", late);
    source = new EventSource(url);
    source.onopen = () => show("live", "Connected");
    source.onmessage = (message) => {
      apply(JSON.parse(message.data));
      hear();
    };
    source.addEventListener("beat", hear);
    source.onerror = () => {
      show("lost", "Connection lost, trying again");
      // Else the browser itself tries again.
      if (source.readyState === EventSource.CLOSED) refused();
    };
    listen();
  }

  function close() {
    clearTimeout(watchdog);
    clearTimeout(reopening);
    source?.close();
    source = null;
  }

  function reopen() {
    close();
    show("lost", "Connection lost, trying again");
    reopening = setTimeout(attend, pause * (0.5 + Math.random() / 2));
    pause = Math.min(pause * 2, MAX_PAUSE);
  }

  // Browsers have few connections to one place, and keep pages that were left, to go back to. So a page
  // that nobody sees leaves its connection to the others, and is true again once it is seen.
  function attend() {
    const wanted = !held && !left && !document.hidden;
    if (!wanted) {
      close();
      if (held) show("held", "Frozen");
      else show("off", "");
    } else if (source === null) {
      clearTimeout(reopening);
      tick();
      open();
    }
  }

  // Nothing moves for as long as somebody wants to read in peace.
  const hold = document.getElementById("hold");
  hold.hidden = false;
  hold.addEventListener("click", () => {
    held = !held;
    hold.textContent = held ? "Go on" : "Freeze";
    hold.setAttribute("aria-pressed", String(held));
    attend();
  });

  for (const [event, isLeft] of [["pagehide", true], ["pageshow", false]]) {
    addEventListener(event, () => {
      left = isLeft;
      attend();
    });
  }
  document.addEventListener("visibilitychange", attend);

  setInterval(tick, 1_000);
  if (list) filter();
  attend();
})();
