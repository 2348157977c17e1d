// The shopper's offers, read by the browser; what is really seen is told as shown.
import { call } from "./api.js";
import { track } from "./events.js";

const page = document.body.dataset;
const words = document.getElementById("words").dataset;
const list = document.getElementById("offers");
const language = document.documentElement.lang;
const SEEN = 0.6;

export function money(amount, currency = page.currency) {
  const format = { style: "currency", currency, currencyDisplay: "narrowSymbol", trailingZeroDisplay: "stripIfInteger" };
  return new Intl.NumberFormat(language, format).format(amount);
}

export function deal({ terms, title, currency }) {
  const pattern = words[terms.kind];
  const figures = {
    rate: terms.rate && `${+(100 * terms.rate).toFixed(1)}%`,
    spend: terms.spend && money(terms.spend, currency),
    amount: terms.amount && money(terms.amount, currency),
    name: terms.name,
  };
  const holes = pattern?.match(/\{\w+\}/g)?.map((hole) => hole.slice(1, -1)) ?? [];
  if (!pattern || holes.some((hole) => !figures[hole])) return title;
  return pattern.replace(/\{(\w+)\}/g, (_, hole) => figures[hole]);
}

// How the shop writes and draws the categories that offers are about.
let labels = {};
async function learn(categories) {
  const asked = [...new Set(categories)].map((name) => `category=${encodeURIComponent(name)}`);
  if (asked.length) labels = await (await fetch(`${words.labels}?${asked.join("&")}`)).json();
}
const scope = (categories) => categories.map((name) => labels[name]?.label ?? name).join(", ") || words.everything;

function card(offer) {
  const made = document.getElementById("offer").content.cloneNode(true).firstElementChild;
  const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "long" }).format(new Date(offer.expires_at));
  const drawn = labels[offer.scope[0]] ?? { aisle: "produce", motif: "marigold" };
  made.classList.add(`aisle-${drawn.aisle}`, `motif-${drawn.motif}`);
  made.querySelector("use").setAttribute("href", `${words.art}#${drawn.motif}`);
  made.querySelector(".deal").textContent = deal(offer);
  made.querySelector(".scope").textContent = scope(offer.scope);
  made.querySelector(".until").textContent = words.until.replace("{day}", day);
  const see = made.querySelector(".see");
  see.setAttribute("aria-label", `${see.textContent}: ${deal(offer)}, ${scope(offer.scope)}`);
  if (offer.scope.length) see.href = `/shop/category/${offer.scope[0].split("/").map(encodeURIComponent).join("/")}`;
  else see.remove();
  made.querySelector(".no").addEventListener("click", () => refuse(offer, made));
  watcher.observe(Object.assign(made, { offer: offer.id }));
  return made;
}

// Reading an offer proves nothing: it is shown once most of its card is in view.
const watcher = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      track("offer_shown", { offer: target.offer, placement: list.dataset.placement });
    }
  },
  { threshold: SEEN },
);

async function refuse(offer, made) {
  await call("POST", `offers/${offer.id}/feedback`, { feedback: "not_for_me" });
  made.remove();
  say(words.hidden);
}

export function say(text) {
  const toast = document.getElementById("toast");
  toast.textContent = text;
  toast.classList.add("on");
  setTimeout(() => toast.classList.remove("on"), 3000);
}

// A card of a product says what the shopper gets off it.
function mark(offers) {
  const rates = offers.filter((offer) => offer.terms.kind === "percentage");
  for (const made of document.querySelectorAll(".card")) {
    const mine = rates.find((offer) => !offer.scope.length || offer.scope.includes(made.dataset.category));
    if (!mine) continue;
    const badge = document.createElement("span");
    badge.className = "badge";
    badge.textContent = words.forYou.replace("{deal}", deal(mine));
    made.append(badge);
  }
}

function banners(promotions) {
  const place = document.getElementById("banners");
  place?.replaceChildren(
    ...promotions.slice(0, 4).map((one) => {
      const row = document.createElement("li");
      row.textContent = `${deal(one)}: ${scope(one.categories)}`;
      track("promotion_viewed", { promotion: one.id, position: page.page });
      return row;
    }),
  );
}

export async function load() {
  const person = encodeURIComponent(page.customer || page.visitor);
  const [{ offers }, { promotions }] = await Promise.all([
    call("GET", `customers/${person}/offers`),
    call("GET", "promotions?limit=4"),
  ]);
  await learn([...offers.flatMap((one) => one.scope), ...promotions.flatMap((one) => one.categories)]);
  mark(offers);
  banners(promotions);
  if (!list) return;
  const { only } = list.dataset;
  const here = offers.filter((offer) => !only || !offer.scope.length || offer.scope.includes(only));
  list.replaceChildren(...here.map(card));
  const none = document.getElementById("no-offers");
  if (none) none.hidden = here.length > 0;
}
