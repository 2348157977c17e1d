// Fetches the page again while a part of it says that something is under way.
(function () {
  "use strict";
  function look(part) {
    var wait = Number(part.dataset.poll);
    if (!wait) return;
    setTimeout(async function () {
      try {
        var answer = await fetch(location.href, { credentials: "same-origin" });
        if (answer.ok) {
          var page = new DOMParser().parseFromString(await answer.text(), "text/html");
          var fresh = page.getElementById(part.id);
          if (fresh) {
            part.replaceWith(fresh);
            part = fresh;
          }
        }
      } catch (error) {
        // The server is away for a moment: look again.
      }
      look(part);
    }, wait);
  }
  document.querySelectorAll("[data-poll]").forEach(look);
})();
