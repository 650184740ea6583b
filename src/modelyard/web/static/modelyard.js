// The console works without this file; with it, it is live: copy buttons, `/` to search, tabs, and build logs that
// follow along. Nothing here decides anything, and nothing is built from strings of markup.
"use strict";

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const before = button.textContent;
    button.textContent = "copied";
    setTimeout(() => { button.textContent = before; }, 1200);
  });
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  const search = document.querySelector("[data-search]");
  if (event.key === "/" && !typing && search) {
    event.preventDefault();
    search.focus();
  }
});

for (const tabs of document.querySelectorAll("[data-tabs]")) {
  const buttons = [...tabs.querySelectorAll("[role=tab]")];
  const show = (chosen) => {
    for (const button of buttons) {
      const selected = button === chosen;
      button.setAttribute("aria-selected", String(selected));
      button.tabIndex = selected ? 0 : -1;
      document.getElementById(button.getAttribute("aria-controls")).hidden = !selected;
    }
  };
  tabs.hidden = false;
  for (const heading of document.querySelectorAll("[data-tab-heading]")) heading.hidden = true;
  buttons.forEach((button, index) => {
    button.addEventListener("click", () => show(button));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) {
        const next = buttons[(index + step + buttons.length) % buttons.length];
        show(next);
        next.focus();
      }
    });
  });
  if (buttons.length) show(buttons[0]);
}

// A build's live log: lines arrive as they are written; steps change the page's state by loading it again once.
const live = document.querySelector("[data-events]");
if (live) {
  const events = new EventSource(live.dataset.events);
  const log = document.querySelector(".log");
  events.addEventListener("log", (event) => {
    const pinned = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(JSON.parse(event.data).line + "\n");
    if (pinned) log.scrollTop = log.scrollHeight;
  });
  events.addEventListener("step", () => refresh());
  events.addEventListener("done", () => { events.close(); location.reload(); });
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (fresh) part.replaceChildren(...fresh.childNodes);
  }
}

// Pages that wait for something (a release going live) look again every second until they say they are settled.
const waiting = document.querySelector("[data-refresh]");
if (waiting) {
  const timer = setInterval(async () => {
    await refresh();
    if (!document.querySelector("[data-refresh] [data-unsettled]")) clearInterval(timer);
  }, 1000);
}
