// The page that waits for the telephone: it asks how far the request is instead of loading itself
// again, so that a reader is not interrupted. Without scripts the page loads itself.
const page = document.getElementById("waiting");
const away = document.getElementById("away");
const every = Math.max(2, Number(page.dataset.every)) * 1000;
let timer = 0;

async function look() {
  clearTimeout(timer);
  try {
    const answer = await fetch(page.dataset.state, { headers: { Accept: "application/json" }, cache: "no-store", redirect: "error" });
    const { state } = await answer.json();
    if (state !== "pending" && state !== "away") {
      location.reload();
      return;
    }
    away.hidden = state !== "away";
  } catch {
    away.hidden = false; // the network: the next look says more
  }
  timer = setTimeout(look, every);
}

timer = setTimeout(look, every);
// A telephone that was used as the browser comes back from the application: look at once.
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") look(); });
