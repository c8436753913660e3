// Keys for the pages, buttons that copy, and the words for a dashboard that is gone. Keys do nothing while somebody
// types, and can be switched off in the list that "?" shows. Not here: light and dark (theme.js).
(() => {
  const KEPT = "warren-keys";
  const PATIENCE = 1500; // milliseconds between "g" and the letter of a page
  let goingUntil = 0;

  const isOff = () => {
    try {
      return localStorage.getItem(KEPT) === "off";
    } catch {
      return false;
    }
  };

  function isTyping(target) {
    return target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
  }

  function showKeys() {
    const keys = document.getElementById("keys");
    if (!keys || keys.open) return;
    keys.querySelector("[data-keys-on]").checked = !isOff();
    keys.showModal();
  }

  // The rows of a page are the first links of its tables' rows.
  function goToRow(step) {
    const rows = [...document.querySelectorAll("#main tbody tr")].map((row) => row.querySelector("a, button, summary"));
    const links = rows.filter(Boolean);
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + step, 0), links.length - 1);
    links[next]?.focus();
  }

  const ACTS = {
    "/": () => document.querySelector("#main input[type=search]")?.focus(),
    j: () => goToRow(1),
    k: () => goToRow(-1),
    t: () => window.warrenToggleTheme?.(),
    g: () => (goingUntil = Date.now() + PATIENCE),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && event.target.matches?.("#main input[type=search]")) event.target.blur();
    if (isTyping(event.target) || document.querySelector("dialog[open], .q-dialog")) return;
    if (isOff()) return;
    const goes = Date.now() < goingUntil;
    goingUntil = 0;
    if (event.key === "?") showKeys();
    else if (goes) document.querySelector(`[data-go="${CSS.escape(event.key)}"]`)?.click();
    else if (Object.hasOwn(ACTS, event.key)) ACTS[event.key]();
    else return;
    event.preventDefault();
  });

  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea"); // over plain HTTP from elsewhere a browser has no clipboard
    area.value = text;
    document.body.append(area);
    area.select();
    const isDone = document.execCommand("copy");
    area.remove();
    if (!isDone) throw new Error("the browser does not let pages copy");
  }

  function say(text) {
    const said = document.getElementById("said");
    if (said) said.textContent = text;
  }

  async function copied(button) {
    const near = "copyNear" in button.dataset;
    try {
      await copy(near ? button.parentElement.querySelector("pre").textContent : button.dataset.copy);
    } catch {
      return say("It could not be copied: select it, and copy it with the keyboard.");
    }
    say("Copied");
    button.classList.add("is-copied");
    setTimeout(() => button.classList.remove("is-copied"), 1500);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy], [data-copy-near]");
    if (button) copied(button);
    if (event.target.closest?.("[data-show-keys]")) showKeys();
    if (event.target.closest?.("[data-close-keys]")) document.getElementById("keys").close();
  });

  // NiceGUI shows this where the server does not answer.
  function wordPopup() {
    const popup = document.getElementById("popup");
    if (!popup) return;
    popup.setAttribute("role", "alert");
    popup.children[0].textContent = "The dashboard does not answer.";
    popup.children[1].textContent = "What stands here is from before. It is tried again until it does.";
  }

  wordPopup();
  document.addEventListener("change", (event) => {
    if (!event.target.matches?.("[data-keys-on]")) return;
    try {
      if (event.target.checked) localStorage.removeItem(KEPT);
      else localStorage.setItem(KEPT, "off");
    } catch {
      // a browser that keeps nothing keeps the keys on
    }
  });
})();
