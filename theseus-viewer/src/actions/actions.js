// The deploy pages: a file that is dropped becomes the manifest, and a deploy that is under way is
// shown as it goes on. Without this, people paste, and the page reloads.
"use strict";
(() => {
  const manifest = document.getElementById("manifest");
  if (manifest !== null) {
    const stop = (event) => event.preventDefault();
    const mark = (over) => manifest.classList.toggle("over", over);
    for (const name of ["dragenter", "dragover"]) {
      manifest.addEventListener(name, (event) => {
        if (!event.dataTransfer.types.includes("Files")) return;
        stop(event);
        mark(true);
      });
    }
    manifest.addEventListener("dragleave", () => mark(false));
    manifest.addEventListener("drop", async (event) => {
      const [file] = event.dataTransfer.files;
      if (file === undefined) return;
      stop(event);
      mark(false);
      manifest.value = await file.text();
      manifest.focus();
    });
    // A file that misses the field would replace the page.
    for (const name of ["dragover", "drop"]) document.addEventListener(name, stop);
  }

  const again = 1_000;
  async function follow() {
    const shown = document.getElementById("work");
    if (shown === null || shown.dataset.over === "true") return;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" });
      // It leads to where one signs in.
      if (answer.type === "opaqueredirect") location.reload();
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById("work");
        if (fresh !== null && fresh.innerHTML !== shown.innerHTML) shown.replaceWith(fresh);
      }
    } catch {
      // The viewer is away for a moment, or for good: what is shown stays.
    }
    setTimeout(follow, again);
  }
  setTimeout(follow, again);
})();
