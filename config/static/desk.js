// The form of a proposal: rows are added, and names are found as they are typed.
(() => {
  const { find, search, hint } = document.currentScript.dataset;
  let made = 0;
  const searchable = (box) => {
    const list = document.createElement("datalist"), input = document.createElement("input");
    list.id = `names-${made++}`;
    Object.assign(input, { type: "search", className: `${box.className} find`, placeholder: hint });
    input.setAttribute("list", list.id);
    input.setAttribute("aria-label", `${search}: ${box.labels[0]?.firstChild.textContent ?? ""}`);
    let wait;
    input.addEventListener("input", () => {
      clearTimeout(wait);
      wait = setTimeout(async () => {
        const answer = await fetch(`${find.replace("OF", box.dataset.names)}?q=${encodeURIComponent(input.value)}`);
        if (!answer.ok) return;
        list.replaceChildren(...(await answer.json()).names.map(({ value, label }) => new Option(label || value, value)));
      }, 150);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      if (input.value.trim()) box.value = `${box.value.trimEnd()}\n${input.value.trim()}`.trimStart();
      input.value = "";
    });
    box.after(input, list);
  };
  // Amounts are of the campaign's currency, which stands beside them.
  const campaign = document.getElementById("id_strategy-campaign"), coins = document.getElementById("id_campaign-currency");
  const tell = () => {
    const currency = campaign ? JSON.parse(campaign.dataset.currencies)[campaign.value] ?? "" : coins?.value ?? "";
    document.querySelectorAll("form.desk [data-money]").forEach(({ labels }) => {
      if (!labels?.[0]) return;
      const said = labels[0].querySelector(".unit") ?? labels[0].appendChild(Object.assign(document.createElement("span"), { className: "unit" }));
      said.textContent = currency && ` (${currency})`;
    });
  };
  (campaign ?? coins)?.addEventListener("input", tell);
  tell();
  document.querySelectorAll("form.desk textarea[data-names]").forEach((box) => box.closest("template") || searchable(box));
  document.querySelectorAll("[data-more]").forEach((button) => button.addEventListener("click", () => {
    const name = button.dataset.more, total = document.getElementById(`id_${name}-TOTAL_FORMS`);
    const row = document.querySelector(`[data-empty="${name}"]`).innerHTML.replaceAll("__prefix__", total.value);
    document.querySelector(`[data-rows="${name}"]`).insertAdjacentHTML("beforeend", row);
    total.value = Number(total.value) + 1;
    const last = document.querySelector(`[data-rows="${name}"]`).lastElementChild;
    last.querySelectorAll("textarea[data-names]").forEach(searchable);
    tell();
    last.querySelector("input, select, textarea").focus();
  }));
  document.getElementById("id_campaign-zone")?.setAttribute("list", "zones");
  // Before the page's own scripts have run, all is hidden, and takes no focus.
  addEventListener("load", () => setTimeout(() => document.querySelector(".wrong input, .wrong select, .wrong textarea")?.focus(), 100));
})();
