// Tabs of snippets, copying, and what comes in: asked every two seconds while looked at.
const EVERY = 2000;
const watch = document.getElementById("watch");
let paused = false;
let seen = null;

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const code = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);  // without TLS: marked, to be copied by hand
    }
  });
}

const tabs = [...document.querySelectorAll(".connect [role=tab]")];
function choose(tab) {
  for (const one of tabs) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", chosen);
    one.tabIndex = chosen ? 0 : -1;
    document.getElementById(one.getAttribute("aria-controls")).hidden = !chosen;
  }
}
tabs.forEach((tab, at) => {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", ({ key }) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!by) return;
    const next = tabs[(at + by + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
});

function row(one) {
  const made = document.createElement("tr");
  const state = document.createElement("span");
  state.className = `state ${one.state}`;
  state.textContent = watch.dataset[one.state];
  const link = document.createElement("a");
  link.href = one.link;
  link.textContent = one.what;
  const time = new Date(one.at).toLocaleTimeString(document.documentElement.lang);
  for (const cell of [state, time, link, one.source, one.who]) made.insertCell().append(cell);
  made.className = seen && !seen.has(one.id) ? "fresh" : "";
  return made;
}

async function ask() {
  if (!paused && !document.hidden) {
    try {
      const answer = await fetch(watch.dataset.newest, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.status);
      show((await answer.json()).rows);
    } catch {
      document.getElementById("pulse").textContent = watch.dataset.lost;
    }
  }
  setTimeout(ask, EVERY);
}

const said = document.getElementById("pulse")?.textContent;
function show(rows) {
  document.getElementById("pulse").textContent = said;
  // Left alone while nothing is new: a reader's place and selection stay.
  if (seen && rows.every((one) => seen.has(one.id))) return;
  if (rows.length) document.getElementById("rows").replaceChildren(...rows.map(row));
  seen = new Set(rows.map((one) => one.id));
}

if (watch) {
  const button = document.getElementById("pause");
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", paused);
    button.textContent = paused ? watch.dataset.resume : watch.dataset.pause;
  });
  ask();
}
