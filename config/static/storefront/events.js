// What happens on the page becomes events: POST /api/v1/events, by the publishable key.
// They wait a moment to go together, and at once when the page is left.
import { call } from "./api.js";

const KEPT = "proffer-sent";
const MOST = 40;
const page = document.body.dataset;
let waiting = [];
let timer = 0;

export function track(type, data = {}) {
  waiting.push({
    id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(36).slice(2)}`,
    type,
    ...(page.customer ? { customer: page.customer } : {}),
    anonymous: page.visitor,
    data,
  });
  clearTimeout(timer);
  timer = setTimeout(flush, 250);
}

async function flush() {
  clearTimeout(timer);
  const events = waiting;
  waiting = [];
  if (!events.length) return;
  // Noted before they are sent: the page may be left before the answer comes.
  events.forEach((event) => note(event, ""));
  try {
    const told = await call("POST", "events", { events }, { keepalive: true });
    told.results.forEach((result, i) => result.status === "rejected" && note(events[i], result.reason));
  } catch {
    waiting = [...events, ...waiting].slice(0, 500);  // the same ids: sent twice, kept once
  }
}

function note(event, reason) {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]").filter((one) => one.id !== event.id);
  kept.unshift({ id: event.id, type: event.type, data: event.data, reason });
  sessionStorage.setItem(KEPT, JSON.stringify(kept.slice(0, MOST)));
  show();
}

export function show() {
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
  document.getElementById("sent").textContent = kept.length;
  document.getElementById("events").replaceChildren(
    ...kept.map((one) => {
      const row = document.createElement("li");
      const type = document.createElement("b");
      row.className = one.reason ? "rejected" : "";
      type.textContent = one.type;
      row.append(type, ` ${one.reason || JSON.stringify(one.data)}`);
      return row;
    }),
  );
}

addEventListener("pagehide", flush);
document.addEventListener("visibilitychange", () => document.hidden && flush());
