// The service worker of the data entry. It stands between the pages and a network that may be away:
// a page that cannot be had is the one for work without network; an entry that cannot be sent is sealed
// and waits on the device. It keeps no page about a person.
import { put, held } from "/hors-ligne/store.js";

const SHELL = "/vacciner/hors-ligne";
const CACHE = "carnet-shell";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin) return;
  if (url.pathname.startsWith("/static/") || url.pathname === "/hors-ligne/store.js") {
    event.respondWith(asset(event.request));
  } else if (event.request.mode === "navigate" && ["/vacciner", "/personnes", "/recherche"].some((p) => url.pathname === p || url.pathname.startsWith(p + "/"))) {
    event.respondWith(event.request.method === "POST" ? send(event.request, url) : page(event.request, url));
  }
});

// An asset whose name holds a hash never changes; the store module may, so the network is asked first.
async function asset(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.url);
  if (kept && request.url.includes("/static/")) return kept;
  try {
    return await fetch(request);
  } catch (away) {
    if (kept) return kept;
    throw away;
  }
}

async function page(request, url) {
  try {
    const answer = await fetch(request);
    if (![502, 504].includes(answer.status)) return answer;
  } catch { /* away */ }
  if (url.pathname !== SHELL) return Response.redirect(SHELL, 302);
  const cache = await caches.open(CACHE);
  return (await cache.match(SHELL)) ?? Response.error();
}

async function send(request, url) {
  const copy = request.clone();
  try {
    const answer = await fetch(request);
    if (![502, 504].includes(answer.status)) return answer;
  } catch { /* away */ }
  const entry = url.pathname.match(/^\/personnes\/([0-9a-f-]{36})\/saisies\/([0-9a-f-]{36})\/enregistrer$/);
  const who = await held();
  if (!entry || !who) return Response.redirect(SHELL, 303);
  await put("entry", entry[2], who, { form: await copy.text(), person: entry[1] });
  return Response.redirect(SHELL + "?gardee", 303);
}
