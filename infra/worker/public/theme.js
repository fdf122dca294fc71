// Applies the theme that the reader chose. It runs before the first paint, so that the page does not
// flash in the other theme. Without a choice the page follows the system (`color-scheme: light dark`).
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
    // The browser forbids storage, so the choice lasts as long as the page.
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
        // The browser forbids storage, so the choice lasts as long as the page.
      }
    });
    dark.addEventListener("change", label);
    label();
  });
})();
