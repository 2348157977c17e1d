// "What if?": sliders ask the server as they move, and the newest answer is shown.
// A page that is to hold it all, once it is there itself, names its address:
// <div data-what-if data-from="…">.

const WAIT = 120;

async function fetched(address, signal) {
  const answer = await fetch(address, { signal, credentials: "same-origin" });
  if (!answer.ok) throw new Error(answer.statusText);
  return new DOMParser().parseFromString(await answer.text(), "text/html").body;
}

function follow(place) {
  const form = place.querySelector("form.what-if");
  let waiting, asking;
  const told = () => {
    for (const slider of form.querySelectorAll("input[type=range]"))
      form.querySelector(`output[for="${slider.id}"]`).value = `${slider.value} ${slider.dataset.unit}`;
  };
  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const wanted = new URLSearchParams(new FormData(form));
    const answer = place.querySelector("[data-answer]");
    answer.setAttribute("aria-busy", "true");
    try {
      const body = await fetched(`${form.action}?${wanted}&part=answer`, asking.signal);
      answer.replaceChildren(...body.querySelector("[data-answer]").childNodes);
      answer.removeAttribute("aria-busy");
    } catch (error) {
      if (error.name !== "AbortError") form.submit();
    }
  };
  form.addEventListener("input", () => {
    told();
    clearTimeout(waiting);
    waiting = setTimeout(ask, WAIT);
  });
  form.querySelector("button").hidden = true;
  told();
}

for (const place of document.querySelectorAll("[data-what-if]")) {
  if (!place.dataset.from) follow(place);
  else
    fetched(place.dataset.from).then((body) => {
      place.replaceChildren(...body.childNodes);
      follow(place);
    }, () => {});
}
