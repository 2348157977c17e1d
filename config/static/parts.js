// Parts of a page that come once the page itself is there:
// <div data-from="address" data-part="what of it">a link to the same</div>.

for (const place of document.querySelectorAll("[data-from][data-part]"))
  fetch(place.dataset.from, { credentials: "same-origin" })
    .then((answer) => (answer.ok ? answer.text() : Promise.reject(answer)))
    .then((text) => new DOMParser().parseFromString(text, "text/html"))
    .then((page) => place.replaceChildren(...page.querySelector(place.dataset.part).childNodes))
    .catch(() => {})
    .finally(() => place.removeAttribute("aria-busy"));
