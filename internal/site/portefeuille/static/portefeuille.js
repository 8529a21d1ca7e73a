// The wallet. Certificates are kept in this browser's database, sealed by a key that scripts can use and
// cannot read; the engine reads and verifies them on the device. Nothing of them is ever sent: the
// page asks for its own files and for what is trusted.
(async () => {
  const $ = (id) => document.getElementById(id);
  const page = $("wallet");
  const words = JSON.parse(page.dataset.words);
  const lang = document.documentElement.lang;
  const MOST = 100, SOON = 30, ROUNDS = 600000, LEAST = 12;

  // The link that led here holds a certificate: it is taken out of the address and the history at once.
  const link = location.pathname === "/" ? "" : location.href;
  if (link) history.replaceState(null, "", "/");

  const { Reader, Camera, bytesOf } = await import(page.dataset.reader);

  const say = (key, args = {}) => words[key].replace(/\{(\w+)\}/g, (_, name) => args[name]);
  const day = (iso) => new Intl.DateTimeFormat(lang, { dateStyle: "long", timeZone: "UTC" }).format(new Date(iso + "T00:00:00Z"));
  const icon = (name) => $("icons").content.querySelector(`[data-icon="${name}"] svg`).cloneNode(true);
  const base64 = (bytes) => btoa(Array.from(new Uint8Array(bytes), (b) => String.fromCharCode(b)).join(""));
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

  function el(name, attributes = {}, ...children) {
    const e = document.createElement(name);
    for (const [k, v] of Object.entries(attributes)) if (v !== undefined && v !== "") e.setAttribute(k, v);
    e.append(...children.filter((c) => c !== undefined && c !== null && c !== ""));
    return e;
  }

  const button = (text, action, kind = "second") => {
    const b = el("button", { type: "button", class: "button " + kind }, text);
    b.addEventListener("click", action);
    return b;
  };

  const tell = (text) => { $("told").textContent = text; };

  // ---- What is kept

  const settled = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

  const store = {
    async open() {
      const request = indexedDB.open("portefeuille", 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("keys", { keyPath: "id" });
        request.result.createObjectStore("documents", { keyPath: "id" });
      };
      this.db = await settled(request);
      const kept = await settled(this.of("keys").get("main"));
      if (kept) this.key = kept.key;
      else await this.renew();
    },
    of(name, mode = "readonly") { return this.db.transaction(name, mode).objectStore(name); },
    async renew() {
      this.key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
      await settled(this.of("keys", "readwrite").put({ id: "main", key: this.key }));
    },
    async put(document) {
      const id = crypto.randomUUID(), iv = crypto.getRandomValues(new Uint8Array(12));
      const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: new TextEncoder().encode(id) }, this.key, new TextEncoder().encode(JSON.stringify(document)));
      await settled(this.of("documents", "readwrite").put({ id, iv, sealed }));
      navigator.storage?.persist?.();
      return id;
    },
    async all() {
      const list = [];
      for (const { id, iv, sealed } of await settled(this.of("documents").getAll())) {
        try {
          const text = await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: new TextEncoder().encode(id) }, this.key, sealed);
          list.push({ id, ...JSON.parse(new TextDecoder().decode(text)) });
        } catch (e) {
          console.warn("a document does not open", e);
        }
      }
      return list;
    },
    remove(id) { return settled(this.of("documents", "readwrite").delete(id)); },
    async clear() {
      await settled(this.of("documents", "readwrite").clear());
      await this.renew(); // what may be left on the disk opens with nothing
    },
  };

  // ---- What is shown

  let reader = null;
  let cards = []; // { id, payload, format, document, kept, view }

  const ended = (kept) => kept.ends && kept.ends < new Date().toISOString().slice(0, 10);
  const soon = (kept) => kept.ends && !ended(kept) && new Date(kept.ends) - Date.now() < SOON * 86400000;
  const invalid = (card) => !card.view.valid;

  // state gives the words and the kind of the tag of a certificate.
  function state({ view, kept }) {
    if (kept.revoked) return ["refused", "error", say("card.revoked")];
    if (ended(kept)) return ["refused", "error", say("card.ended", { date: day(kept.ends) })];
    if (!view.valid) return ["refused", "error", say("card.invalid")];
    if (soon(kept)) return ["going", "warning", say("card.soon", { date: day(kept.ends) })];
    if (view.test) return ["going", "warning", say("card.test")];
    return ["success", "check", say("card.valid")];
  }

  function tag(card) {
    const [kind, name, text] = state(card);
    return el("span", { class: "tag " + kind }, icon(name), text);
  }

  function facts(view) {
    const list = el("dl", { class: "rows" });
    for (const { label, value } of view.rows ?? []) list.append(el("div", {}, el("dt", {}, label), el("dd", {}, value)));
    const reasons = (view.reasons ?? []).map((r) => el("li", {}, r.words));
    const out = el("div", {}, list);
    if (reasons.length) out.prepend(el("ul", { class: "bullets" }, ...reasons));
    return out;
  }

  // look asks the engine about a payload, as of now.
  async function look(payload) {
    const answer = await reader.ask({ kind: "file", keep: true }, payload.buffer.slice(0));
    return { view: answer.verdicts?.[0], kept: answer.kept?.[0] };
  }

  async function refresh() {
    const list = [];
    for (const d of await store.all()) {
      const card = { ...d, payload: bytes(d.payload), ...await look(bytes(d.payload)) };
      if (card.view && card.kept) list.push(card);
    }
    cards = list.sort((a, b) => (a.view.name ?? "").localeCompare(b.view.name ?? "", lang) || (a.added < b.added ? 1 : -1));
    draw();
  }

  function draw() {
    const people = new Map();
    for (const card of cards) {
      const key = (card.view.name ?? "") + "\n" + (card.view.birth ?? "");
      if (!people.has(key)) people.set(key, []);
      people.get(key).push(card);
    }
    $("people").replaceChildren(...[...people.values()].map((mine) => el("section", {},
      el("h2", {}, mine[0].view.name ?? "", mine[0].view.birth && el("small", {}, mine[0].view.birth)),
      ...mine.map(pass))));
    const alerts = cards.filter((c) => c.kept.revoked || (invalid(c) && !ended(c.kept))).map((c) => el("div", { class: "banner warning" }, icon("warning"), el("div", {},
      el("p", { class: "text" }, c.kept.revoked ? say("card.revoked-words", { name: c.view.name }) : say("card.changed", { name: c.view.name, why: (c.view.reasons ?? []).map((r) => r.words).join(", ") })))));
    $("alerts").replaceChildren(...alerts);
    $("alerts").hidden = !alerts.length;
    $("more").hidden = false;
    page.dataset.cards = cards.length;
  }

  function pass(card) {
    const more = card.kept.ends && !soon(card.kept) && !ended(card.kept) ? el("p", { class: "small" }, say("card.ends", { date: day(card.kept.ends) })) : "";
    const remove = el("div", { class: "actions" });
    const ask = () => {
      remove.replaceChildren(el("p", {}, say("card.sure")), button(say("card.remove"), async () => {
        await store.remove(card.id);
        await refresh();
        tell(say("card.removed"));
        $("add-title").parentElement.querySelector("button, input").focus();
      }, ""), button(say("card.no"), calm));
      remove.querySelector("button").focus();
    };
    const calm = () => remove.replaceChildren(button(say("card.remove"), ask));
    calm();
    return el("article", { class: "pass" + (invalid(card) ? " bad" : "") },
      el("div", { class: "what" }, el("p", { class: "kind" }, card.view.document), tag(card), more),
      button(say("card.show"), () => show(card), ""),
      el("details", { class: "wide" }, el("summary", {}, say("card.details")), el("div", { class: "flow" }, el("p", { class: "small" }, say("card.signed")), facts(card.view), remove)));
  }

  // ---- Showing one for control

  let at = 0, awake = null;

  async function show(card) {
    at = cards.indexOf(card);
    const { symbol } = await reader.ask({ kind: "draw" }, card.payload.buffer.slice(0));
    if (!symbol) return;
    const quiet = symbol.kind === "qr" ? 4 : 2, side = symbol.side + 2 * quiet;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `${-quiet} ${-quiet} ${side} ${side}`);
    svg.setAttribute("class", "code");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `${say("card.code")} ${symbol.kind === "qr" ? "QR" : "2D-Doc"}, ${card.view.name ?? ""}`);
    svg.setAttribute("shape-rendering", "crispEdges");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", symbol.path);
    svg.append(path);
    $("symbol").replaceChildren(svg);
    $("shown-name").textContent = card.view.name ?? "";
    $("shown-birth").textContent = card.view.birth ?? "";
    $("shown-about").textContent = card.view.document + " · " + state(card)[2];
    $("place").textContent = say("show.of", { n: at + 1, total: cards.length });
    document.querySelector(".steps-of").hidden = cards.length < 2;
    if (!$("shown").open) $("shown").showModal();
    page.dataset.showing = card.view.name;
    awake ??= await navigator.wakeLock?.request("screen").catch(() => null) ?? null;
  }

  const step = (by) => show(cards[(at + by + cards.length) % cards.length]);

  $("close").addEventListener("click", () => $("shown").close());
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("shown").addEventListener("keydown", (e) => {
    if (e.key === "ArrowRight" && cards.length > 1) step(1);
    if (e.key === "ArrowLeft" && cards.length > 1) step(-1);
  });
  $("shown").addEventListener("close", () => {
    $("symbol").replaceChildren();
    awake?.release();
    awake = null;
    delete page.dataset.showing;
  });

  // ---- Adding

  const busy = (text) => { $("busy").textContent = text; };

  // choices puts what is wise first: what is not valid is better left.
  function choices(wise, away, keep) {
    const list = [button(say("add.keep"), keep, wise ? "" : "second"), button(say("add.leave"), away, wise ? "second" : "")];
    return wise ? list : list.reverse();
  }

  // offer shows what was read, each document once, and lets the person decide.
  function offer({ verdicts = [], kept = [], problem }) {
    const seen = new Set(), list = [];
    verdicts.forEach((view, i) => {
      const known = kept[i].format + " " + (kept[i].id || kept[i].payload);
      if (!seen.has(known)) list.push({ view, kept: kept[i], known });
      seen.add(known);
    });
    const found = $("found");
    const away = () => { found.replaceChildren(); found.hidden = true; delete page.dataset.found; };
    if (!list.length) {
      found.replaceChildren(el("div", { class: "banner warning" }, icon("warning"), el("div", {}, el("h2", { class: "title", tabindex: "-1" }, say("add.unread")), el("p", { class: "text" }, problem?.words ?? say("add.nothing")))),
        el("div", { class: "actions" }, button(say("add.leave"), away)));
    } else {
      found.replaceChildren(el("h2", { tabindex: "-1" }, say("add.found")), ...list.map(({ view, kept }) => el("div", { class: "pass" + (view.valid ? "" : " bad") },
        el("div", { class: "what wide" }, el("p", { class: "kind" }, `${view.name ?? ""}${view.birth ? ", " + view.birth : ""}`), el("p", {}, view.document), tag({ view, kept }), facts({ ...view, rows: view.valid ? [] : view.rows })))),
      el("div", { class: "actions" }, ...choices(list.some(({ view }) => view.valid), away, async () => {
        let text = say("add.there");
        const there = new Set(cards.map((c) => c.format + " " + (c.document || base64(c.payload))));
        for (const { kept, known } of list) {
          if (there.has(known)) continue;
          if (cards.length >= MOST) { text = say("add.full"); break; }
          await store.put({ payload: kept.payload, format: kept.format, document: kept.id, added: new Date().toISOString() });
          text = say("add.kept");
        }
        away();
        await refresh();
        tell(text);
        $("people").querySelector("button")?.focus();
      })));
    }
    found.hidden = false;
    found.querySelector("h2").focus();
    page.dataset.found = list.length;
  }

  async function read(body) {
    busy(say("add.busy"));
    try {
      offer(await reader.ask({ kind: "file", keep: true }, body));
    } catch (e) {
      console.error(e);
      offer({ problem: { words: say("add.failed") } });
      reader.start();
    } finally {
      busy("");
      $("form").reset();
    }
  }

  const camera = new Camera($("video"));

  function stop() {
    camera.stop();
    $("camera").hidden = true;
    $("form").hidden = false;
  }

  async function scan() {
    try {
      await camera.open();
    } catch (e) {
      busy(say(e.name === "NotAllowedError" ? "add.denied" : "add.camera"));
      return;
    }
    busy("");
    $("camera").hidden = false;
    $("form").hidden = true;
    $("stop").focus();
    try {
      const answer = await camera.look(async (request, frame) => {
        const answer = await reader.ask({ ...request, keep: true }, frame);
        return answer.verdicts?.length ? answer : null;
      });
      if (!answer) return;
      navigator.vibrate?.(60);
      stop();
      offer(answer);
    } catch (e) {
      console.error(e);
      stop();
      busy(say("add.failed"));
      reader.start();
    }
  }

  $("scan").hidden = !Camera.there;
  $("scan").addEventListener("click", scan);
  $("stop").addEventListener("click", () => { stop(); $("scan").focus(); });
  $("file").addEventListener("change", () => { if ($("file").files[0]) bytesOf($("file").files[0]).then(read); });
  $("form").addEventListener("submit", (e) => {
    e.preventDefault();
    if ($("text").value.trim()) read(new TextEncoder().encode($("text").value).buffer);
    else busy(say("add.nothing"));
  });
  addEventListener("pagehide", stop);

  // ---- Copies

  async function keyOf(secret, salt, rounds) {
    const from = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret.normalize("NFC")), "PBKDF2", false, ["deriveKey"]);
    return crypto.subtle.deriveKey({ name: "PBKDF2", hash: "SHA-256", salt, iterations: rounds }, from, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  }

  $("export").addEventListener("submit", async (e) => {
    e.preventDefault();
    const secret = $("secret").value;
    if (secret.length < LEAST) return tell(say("copy.short"));
    const salt = crypto.getRandomValues(new Uint8Array(16)), iv = crypto.getRandomValues(new Uint8Array(12));
    const text = JSON.stringify((await store.all()).map(({ payload, format, document, added }) => ({ payload, format, document, added })));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await keyOf(secret, salt, ROUNDS), new TextEncoder().encode(text));
    const copy = JSON.stringify({ portefeuille: 1, rounds: ROUNDS, salt: base64(salt), iv: base64(iv), sealed: base64(sealed) });
    const a = el("a", { href: URL.createObjectURL(new Blob([copy], { type: "application/json" })), download: `portefeuille-${new Date().toISOString().slice(0, 10)}.json` });
    document.body.append(a);
    a.click();
    a.remove();
    setTimeout(() => URL.revokeObjectURL(a.href), 60000);
    $("export").reset();
    page.dataset.copy = copy.length;
    tell(say("copy.done"));
  });

  $("restore").addEventListener("submit", async (e) => {
    e.preventDefault();
    const file = $("copy").files[0];
    if (!file || file.size > 4 << 20) return tell(say("copy.file"));
    let list;
    try {
      const copy = JSON.parse(await file.text());
      if (copy.portefeuille !== 1 || copy.rounds > 10 * ROUNDS) throw new Error("no copy of a wallet");
      const text = await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes(copy.iv) }, await keyOf($("opens").value, bytes(copy.salt), copy.rounds), bytes(copy.sealed));
      list = JSON.parse(new TextDecoder().decode(text));
    } catch {
      return tell(say("copy.wrong"));
    }
    let n = 0;
    const there = new Set(cards.map((c) => c.format + " " + (c.document || base64(c.payload))));
    for (const d of list.slice(0, MOST - cards.length)) {
      const { kept } = await look(bytes(d.payload));
      if (!kept || there.has(kept.format + " " + (kept.id || kept.payload))) continue;
      await store.put({ payload: kept.payload, format: kept.format, document: kept.id, added: d.added });
      n++;
    }
    $("restore").reset();
    await refresh();
    tell(say("copy.restored", { n }));
  });

  $("forget").addEventListener("click", () => {
    const forget = $("forget");
    $("erase").replaceChildren(el("p", {}, say("all.sure")), button(say("all.yes"), async () => {
      await store.clear();
      $("erase").replaceChildren(forget);
      await refresh();
      tell(say("all.gone"));
    }, ""), button(say("all.no"), () => $("erase").replaceChildren(forget)));
    $("erase").querySelector("button").focus();
  });

  // ---- Beginning

  let asked = false;

  function prepared(answer) {
    $("facts").replaceChildren(...answer.facts.map(({ label, value }) => el("div", {}, el("dt", {}, label), el("dd", {}, value))));
    begin();
  }

  function unable(problem) {
    console.error(problem);
    $("adding").hidden = true;
    tell(say("state.unable"));
    page.dataset.state = "unable";
  }

  async function begin() {
    try {
      if (!store.db) await store.open();
    } catch (e) {
      console.error(e);
      $("adding").hidden = true;
      tell(say("state.storage"));
      page.dataset.state = "storage";
      return;
    }
    await refresh();
    $("adding").hidden = false;
    page.dataset.state = "ready";
    if (link && !asked) {
      asked = true;
      await read(new TextEncoder().encode(link).buffer);
    }
  }

  $("refresh").addEventListener("click", async () => {
    const answer = await fetch(page.dataset.trust, { cache: "no-cache" }).catch(() => null);
    reader.start();
    tell(say(answer?.ok && navigator.onLine ? "state.refreshed" : "state.away"));
  });

  reader = new Reader(page.dataset, { lang, minimal: false }, prepared, unable);
  navigator.serviceWorker?.register("/sw.js").catch((e) => console.warn(e));
  navigator.serviceWorker?.addEventListener("message", ({ data }) => {
    page.dataset.offline = data.kept;
    $("ready").hidden = false;
    $("ready").querySelector("span").textContent = say("state.ready");
  });
  navigator.serviceWorker?.ready.then((registration) => registration.active.postMessage({ lang }));
})();
