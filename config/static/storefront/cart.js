// The cart without a new page at each click. Without scripts the same forms work.
import { track } from "./events.js";
import { say } from "./offers.js";

const words = document.getElementById("words").dataset;

async function send(form, button, headers) {
  const body = new FormData(form);
  if (button?.name) body.append(button.name, button.value);
  const answer = await fetch(form.action, { method: "POST", body, headers });
  if (!answer.ok) throw new Error(`${form.action}: ${answer.status}`);
  return answer;
}

const count = (units) => (document.getElementById("units").textContent = units);

async function add(form, button) {
  const goods = form.closest("[data-sku]");
  const answer = await send(form, button, { Accept: "application/json" });
  const { units, added: quantity } = await answer.json();
  // What is in the cart now, not what was typed: 99 of a product at most.
  if (quantity > 0)
    track("product_added", { sku: goods.dataset.sku, category: goods.dataset.category, quantity });
  count(units);
  say(words.added.replace("{name}", goods.querySelector(".name, h1").textContent));
  if (document.getElementById("cart")) await refresh();
}

async function change(form, button) {
  told(form, button);
  put(await (await send(form, button, { "X-Part": "cart" })).text(), form, button);
}

async function refresh() {
  put(await (await fetch("/shop/cart", { headers: { "X-Part": "cart" } })).text());
}

function put(html, form, button) {
  const part = new DOMParser().parseFromString(html, "text/html").getElementById("cart");
  document.getElementById("cart").replaceWith(part);
  count(part.dataset.units);
  if (form?.classList.contains("enter")) answered(new FormData(form).get("code"), part);
  focusAgain(part, form, button);
}

// What was pressed is gone with the old cart: stay at the same place by keyboard.
function focusAgain(part, form, button) {
  const sku = form?.closest("[data-sku]")?.dataset.sku;
  const line = sku && part.querySelector(`[data-sku="${CSS.escape(sku)}"]`);
  const at = form && [...form.querySelectorAll("button")].indexOf(button);
  if (line) line.querySelectorAll("button")[at]?.focus();
  else if (form) (part.querySelector("#code, a") ?? part).focus();
}

function told(form, button) {
  const line = form.closest(".line");
  if (form.classList.contains("enter")) track("coupon_entered", { coupon: form.code.value.trim() });
  else if (form.classList.contains("code")) track("coupon_removed", { coupon: form.dataset.code });
  else if (line) {
    const { sku, category, quantity } = line.dataset;
    const by = Number(button.value) - Number(quantity);
    track(by > 0 ? "product_added" : "product_removed", { sku, category, quantity: Math.abs(by) });
  }
}

function answered(code, part) {
  const rows = [...part.querySelectorAll("[data-code]")];
  const row = rows.find((one) => one.dataset.code === code.trim());
  if (row) track(row.dataset.denied === "yes" ? "coupon_denied" : "coupon_applied", { coupon: row.dataset.code });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const mine = form.matches(".add") ? add : form.closest("#cart") ? change : null;
  if (!mine) return;
  event.preventDefault();
  try {
    await mine(form, event.submitter);
  } catch {
    say(words.failed);
  }
});
