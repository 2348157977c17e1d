// Keys of the review of matches: what a control's data-key names, presses or chooses it.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const typed = event.target.closest("input:not([type=radio]), textarea, select");
  const pressed = event.key === "Enter" && event.target.closest("a, button");
  if (typed || pressed) return;
  const control = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!control) return;
  event.preventDefault();
  if (control.type === "radio") control.focus();
  control.click();
});
