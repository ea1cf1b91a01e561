// Keeps an open page true: takes what changed from the server, and swaps those elements only.
"use strict";
(() => {
  const main = document.querySelector("main[data-events]");
  const rows = document.getElementById("rows");
  const link = document.getElementById("link");
  // The server sends something at least every 40 s, however slow the cluster is.
  const SILENCE = 45_000;
  const MAX_PAUSE = 30_000;

  let version = main.dataset.version;
  let offset = Number(main.dataset.now) - Date.now();
  let source = null;
  let watchdog = 0;
  let pause = 1_000;

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

  // Replaces an element, and keeps the focus that was in it.
  function swap(old, fresh) {
    const links = [...old.querySelectorAll("a")];
    const focused = links.indexOf(document.activeElement);
    old.replaceWith(fresh);
    if (focused >= 0) fresh.querySelectorAll("a")[focused]?.focus({ preventScroll: true });
  }

  // Brings the rows into this order. What is not in it goes.
  function arrange(order, fresh) {
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
    offset = update.now - Date.now();
    const fresh = new Map();
    for (const [id, html] of Object.entries(update.parts)) {
      const element = parse(html);
      if (element.localName === "tr") element.classList.add("changed");
      const old = document.getElementById(id);
      if (old === null) fresh.set(id, element);
      else swap(old, element);
    }
    if (update.rows !== undefined) arrange(update.rows, fresh);
    tick();
  }

  // The same as the server's.
  function span(seconds) {
    if (seconds < 120) return `${Math.max(0, seconds)} s`;
    if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
    return `${Math.floor(seconds / 86_400)} d`;
  }

  function tick() {
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

  function open() {
    const address = new URL(main.dataset.events, location.href);
    address.searchParams.set("from", version);
    source = new EventSource(address);
    source.onmessage = (message) => {
      pause = 1_000;
      apply(JSON.parse(message.data));
      show("live", "Connected");
      listen();
    };
    source.onerror = () => {
      show("lost", "Connection lost, trying again");
      // Else the browser itself tries again.
      if (source.readyState === EventSource.CLOSED) reopen();
    };
    listen();
  }

  function reopen() {
    clearTimeout(watchdog);
    source.close();
    show("lost", "Connection lost, trying again");
    setTimeout(open, pause * (0.5 + Math.random() / 2));
    pause = Math.min(pause * 2, MAX_PAUSE);
  }

  setInterval(tick, 1_000);
  open();
})();
