// Runs before the first paint, so that a chosen theme does not flash in late.
// Without a choice the page follows the system (`color-scheme: light dark`).
(() => {
  const KEY = "greenstream-theme";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const current = () => root.dataset.theme ?? (dark.matches ? "dark" : "light");
  const other = () => (current() === "dark" ? "light" : "dark");

  try {
    const chosen = localStorage.getItem(KEY);
    if (chosen === "dark" || chosen === "light") root.dataset.theme = chosen;
  } catch {
    // Storage is forbidden here: the choice then lasts as long as the page.
  }

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const label = () => {
      button.textContent = other() === "dark" ? "Dark theme" : "Light theme";
    };
    button.addEventListener("click", () => {
      root.dataset.theme = other();
      label();
      try {
        localStorage.setItem(KEY, current());
      } catch {
        // As above.
      }
    });
    dark.addEventListener("change", label);
    label();
  });
})();
