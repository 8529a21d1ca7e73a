// The service worker of the phone: it keeps the page for a moment without a network, and shows that
// a request waits. A push says no more than an opaque id and whether to be quiet; what is asked, the
// page fetches after it has proved its key. The server puts VERSION and CONFIG above.

const NAME = "phone-" + VERSION;

self.addEventListener("install", (e) => {
  e.waitUntil(caches.open(NAME).then((c) => c.addAll([CONFIG.page, ...CONFIG.files])).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (e) => {
  e.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== NAME && name.startsWith("phone-")) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (e) => {
  const { request } = e;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate" && url.pathname === CONFIG.page) {
    e.respondWith(fetch(request).then(async (answer) => {
      if (answer.ok && !answer.redirected) await caches.open(NAME).then((c) => c.put(CONFIG.page, answer.clone()));
      return answer;
    }).catch(() => caches.match(CONFIG.page)));
  } else if (CONFIG.files.includes(url.pathname)) {
    e.respondWith(caches.match(request, { ignoreVary: true }).then((kept) => kept ?? fetch(request)));
  }
});

const LANG = CONFIG.page + "/lang"; // not an address: where the language of the page is kept

async function show(id, quiet) {
  const lang = await (await caches.match(LANG))?.text();
  const words = CONFIG.words[lang] ?? CONFIG.words.fr;
  return self.registration.showNotification(words.title, {
    body: words.body, icon: CONFIG.icon, badge: CONFIG.icon, tag: "request", renotify: !quiet, silent: quiet, requireInteraction: !quiet, data: { id },
  });
}

self.addEventListener("push", (e) => {
  let message = {};
  try { message = e.data.json(); } catch { /* a browser wants something shown for every push */ }
  e.waitUntil((async () => {
    const pages = await self.clients.matchAll({ type: "window" });
    for (const page of pages) page.postMessage({ look: true });
    if (!pages.some((p) => p.visibilityState === "visible")) return show(message.id, message.quiet === true);
    // The reader looks at the page already; browsers let a push pass without a notification then.
  })());
});

self.addEventListener("message", (e) => {
  if (e.data?.ring) e.waitUntil(show("", e.data.ring === "quiet"));
  if (e.data?.lang) e.waitUntil(caches.open(NAME).then((c) => c.put(LANG, new Response(e.data.lang))));
});

self.addEventListener("notificationclick", (e) => {
  e.notification.close();
  e.waitUntil((async () => {
    for (const page of await self.clients.matchAll({ type: "window" })) {
      if (new URL(page.url).pathname === CONFIG.page) return page.focus();
    }
    return self.clients.openWindow(CONFIG.page);
  })());
});
