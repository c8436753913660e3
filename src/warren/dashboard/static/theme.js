// Light or dark: the system's choice until somebody presses the button, kept by this browser. It is set before anything
// is drawn, so that nothing flashes. Not here: the colours (style.css), and keys (keys.js).
(() => {
  const KEPT = "warren-theme";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function chosen() {
    try {
      return localStorage.getItem(KEPT);
    } catch {
      return null; // a browser that keeps nothing
    }
  }

  function keep(theme) {
    try {
      if (theme === (system.matches ? "dark" : "light")) localStorage.removeItem(KEPT);
      else localStorage.setItem(KEPT, theme);
    } catch {
      // then it holds for this page alone
    }
  }

  function apply(theme) {
    root.dataset.theme = theme;
    document.dispatchEvent(new CustomEvent("warren-theme", { detail: theme }));
    window.Quasar?.Dark.set(theme === "dark");
  }

  function applyChosen() {
    const kept = chosen();
    apply(kept === "dark" || kept === "light" ? kept : system.matches ? "dark" : "light");
  }

  window.warrenToggleTheme = () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    keep(theme);
    apply(theme);
  };

  applyChosen();
  system.addEventListener("change", applyChosen);
  window.addEventListener("storage", (event) => event.key === KEPT && applyChosen());
  window.addEventListener("load", applyChosen); // Quasar is there by now
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-toggle-theme]")) window.warrenToggleTheme();
  });
})();
