// Whoever may look no longer is taken to the login: the socket of an open page is closed then, and not opened again.
// When the dashboard itself is gone nothing answers, and the page waits for it to come back.
const asked = new URL("../visit", document.currentScript.src);

function watchSocket() {
  if (!window.socket) {
    setTimeout(watchSocket, 200);
    return;
  }
  window.socket.on("connect_error", async () => {
    asked.search = new URLSearchParams({ client_id: window.clientId });
    try {
      const answer = await fetch(asked, { cache: "no-store" });
      if ([401, 403, 409].includes(answer.status)) window.location.reload();
    } catch {
      // Nothing answers.
    }
  });
}

document.addEventListener("DOMContentLoaded", watchSocket);
