// The assistant in a corner of each page. Without scripts the form leads to its own page.
const box = document.getElementById("chat");
const words = document.getElementById("words").dataset;
const POLL = 5000;
let shown = 0;
let timer;

function line(text, { mine = false, by = "", language } = {}) {
  const made = document.createElement("li");
  if (mine) made.className = "mine";
  if (language) made.lang = language;
  const who = document.createElement(by ? "b" : "span");
  if (!by) who.className = "unseen";
  who.textContent = `${by || (mine ? words.you : words.shop)}: `;
  made.append(who, text);
  return made;
}

function told(questions) {
  return questions.flatMap(({ text, answer, language, person }) => [
    line(text, { mine: true, language }),
    line(answer, { language }),
    ...(person?.answer ? [line(person.answer, { by: words.person, language })] : []),
  ]);
}

// Only what is new is added, so that only that is read out.
let waiting = false;

function show({ questions, fault }) {
  const list = document.getElementById("said");
  document.getElementById("chat-fault").textContent = fault;
  if (!fault) {
    const lines = told(questions);
    const added = list.dataset.of === "script" ? lines.slice(shown) : lines;
    const changed = lines.length < shown || list.dataset.of !== "script" || inserted(list, lines);
    if (changed) list.replaceChildren(...lines);
    else list.append(...added);
    list.dataset.of = "script";
    shown = lines.length;
    list.scrollTop = list.scrollHeight;
  }
  if (!fault) waiting = questions.some(({ person }) => person?.waiting);
  again();
}

// Also after a fault: who waits for a person goes on to wait.
function again() {
  clearTimeout(timer);
  if (waiting) timer = setTimeout(read, POLL);
}

// A colleague's answer may belong to a question before the last.
const inserted = (list, lines) =>
  [...list.children].some((one, place) => one.textContent !== lines[place]?.textContent);

async function call(options) {
  const answer = await fetch(box.dataset.url, { headers: { Accept: "application/json" }, ...options });
  if (!answer.ok) throw new Error(`${box.dataset.url}: ${answer.status}`);
  const said = await answer.json();
  show(said);
  return !said.fault;
}

async function read() {
  try {
    await call({});
  } catch {
    document.getElementById("chat-fault").textContent = words.failed;
    again();
  }
}

if (box) {
  const form = document.getElementById("chat-form");
  const field = document.getElementById("question");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new FormData(form);
    const button = form.querySelector("button");
    if (!field.value.trim() || button.disabled) return;
    button.disabled = true;
    try {
      if (await call({ method: "POST", body })) field.value = "";
    } catch {
      document.getElementById("chat-fault").textContent = words.failed;
    }
    button.disabled = false;
    field.focus();
  });
  if (box.tagName === "DETAILS")
    box.addEventListener("toggle", () => {
      if (!box.open) return clearTimeout(timer);
      read();
      field.focus();
    });
  else read();
}
