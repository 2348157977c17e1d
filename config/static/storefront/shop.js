// The demo shop's pages: what was looked at, what was clicked, whose offers.
import "./cart.js";
import "./chat.js";
import { show, track } from "./events.js";
import { load } from "./offers.js";

const { page, currency } = document.body.dataset;
const skus = (where) => [...document.querySelectorAll(where)].map((one) => one.dataset.sku);

const VIEWS = {
  home: () => track("page_viewed", { name: "Home" }),
  list: () => {
    const { list, category } = document.getElementById("list").dataset;
    track("product_list_viewed", { list, category, skus: skus("#list .card") });
  },
  product: () => {
    const { sku, category } = document.getElementById("product").dataset;
    track("product_viewed", { sku, category });
  },
  cart: () => track("cart_viewed", { skus: skus("#cart .line[data-sku]") }),
  checkout: () => track("checkout_started", { currency, value: document.getElementById("total").dataset.value }),
  thanks: () => track("page_viewed", { name: "Thanks" }),
  orders: () => track("page_viewed", { name: "Orders" }),
};

document.addEventListener("click", (event) => {
  const card = event.target.closest(".card a")?.closest(".card");
  if (!card) return;
  const position = [...card.parentElement.children].indexOf(card) + 1;
  const { sku, category, list } = card.dataset;
  track("product_clicked", { sku, category, list, position });
});
document.addEventListener("keydown", (event) => {
  const open = document.querySelector(".who[open], .chat[open]");
  if (event.key !== "Escape" || !open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  const open = document.querySelector(".who[open]");
  if (open && !open.contains(event.target)) open.open = false;
});

show();
VIEWS[page]?.();
load();
