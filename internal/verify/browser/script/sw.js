// The service worker: after the first visit the page, the engine and what is trusted are here, and
// the page works without a network. The server puts NAME, VERSION, FILES and PAGES above: PAGES are the
// addresses besides "/" that show the page, whatever stands behind their ? or #, which is not sent.

const PATIENCE = 3000; // ms that a network may take to answer before what is kept is shown

self.addEventListener("install", (e) => {
  e.waitUntil(caches.open(NAME).then((c) => c.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (e) => {
  e.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== NAME) await caches.delete(name);
    await self.clients.claim();
  })());
});

// speak makes the page of a language the one that is shown without a network.
async function speak(lang) {
  const cache = await caches.open(NAME);
  const page = await cache.match("/" + lang);
  if (page) await cache.put("/", page);
  return cache.match("/");
}

self.addEventListener("message", (e) => { e.waitUntil(speak(e.data.lang).then(() => e.source.postMessage({ kept: VERSION }))); });

// fresh asks the network, keeps what it gives, and gives what is kept when it gives nothing in time.
async function fresh(request, key) {
  const cache = await caches.open(NAME);
  const kept = await cache.match(key);
  const asked = fetch(request).then(async (answer) => {
    if (answer.ok) await cache.put(key, answer.clone());
    return answer;
  });
  if (!kept) return asked;
  asked.catch(() => {}); // too late to matter
  const patience = new Promise((resolve) => setTimeout(resolve, PATIENCE, kept));
  return Promise.race([asked.catch(() => kept), patience]);
}

self.addEventListener("fetch", (e) => {
  const { request } = e;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (PAGES.includes(url.pathname) && request.mode === "navigate") {
    e.respondWith(fresh("/", "/"));
  } else if (url.pathname === "/" && request.mode === "navigate") {
    const lang = url.searchParams.get("lang");
    e.respondWith(lang ? fetch(request).catch(() => speak(lang)) : fresh(request, "/"));
  } else if (url.pathname === "/trust") {
    e.respondWith(fresh(request, "/trust"));
  } else if (url.pathname.startsWith("/static/") || FILES.includes(url.pathname)) {
    e.respondWith(caches.match(request, { ignoreVary: true }).then((kept) => kept ?? fetch(request)));
  }
});
