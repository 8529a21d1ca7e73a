"use strict";
// The phone: it holds the keys of its devices, proves them, shows what waits and sends signed
// answers. The number to type never comes here; it is on the computer.
(() => {
  const $ = (id) => document.getElementById(id);
  const root = $("phone");
  const origin = root.dataset.origin;
  const lang = document.documentElement.lang;
  const words = {};
  for (const p of $("words").content.querySelectorAll("[data-word]")) words[p.dataset.word] = p.textContent;
  const say = (key, values = {}) => Object.entries(values).reduce((s, [k, v]) => s.replace("{" + k + "}", v), words[key]);
  const icon = (name) => $("icons").content.querySelector(`[data-icon="${name}"] svg`).cloneNode(true);

  function el(name, attributes = {}, ...children) {
    const e = document.createElement(name);
    for (const [k, v] of Object.entries(attributes)) if (v !== undefined && v !== false) e.setAttribute(k, v === true ? "" : v);
    e.append(...children.filter(Boolean));
    return e;
  }

  const button = (label, className, onclick, about) => {
    const b = el("button", { type: "button", class: className }, label, about && el("span", { class: "hidden" }, " " + about));
    b.addEventListener("click", onclick);
    return b;
  };

  // ---- Keys: P-256, kept by the browser, not to be taken out of it

  let opened = null;
  const base = () => opened ??= new Promise((resolve, reject) => {
    const q = indexedDB.open("carnet-phone", 1);
    q.onupgradeneeded = () => q.result.createObjectStore("cards", { keyPath: "device" });
    q.onsuccess = () => resolve(q.result);
    q.onerror = () => reject(q.error);
  });
  async function store(mode, f) {
    const t = (await base()).transaction("cards", mode);
    const q = f(t.objectStore("cards"));
    return new Promise((resolve, reject) => { t.oncomplete = () => resolve(q.result); t.onerror = t.onabort = () => reject(t.error); });
  }
  const cards = () => store("readonly", (s) => s.getAll());
  const keep = (card) => store("readwrite", (s) => s.put(card));
  const forget = (device) => store("readwrite", (s) => s.delete(device));

  const text = (s) => new TextEncoder().encode(s);
  const base64 = (b) => btoa(String.fromCharCode(...new Uint8Array(b)));
  async function sign(key, purpose, ...parts) {
    return base64(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, statement(purpose, ...parts)));
  }

  // ---- A passkey of the device, for who wants one: it unlocks each approval

  const statement = (purpose, ...parts) => text(["carnet-phone/1", origin, purpose, ...parts].join("\n"));
  const can = () => window.PublicKeyCredential?.isUserVerifyingPlatformAuthenticatorAvailable?.() ?? Promise.resolve(false);
  async function passkey(name) {
    const c = await navigator.credentials.create({ publicKey: {
      rp: { name: root.querySelector("h1").textContent, id: location.hostname }, user: { id: crypto.getRandomValues(new Uint8Array(16)), name, displayName: name },
      challenge: crypto.getRandomValues(new Uint8Array(32)), pubKeyCredParams: [{ type: "public-key", alg: -7 }], attestation: "none",
      authenticatorSelection: { authenticatorAttachment: "platform", userVerification: "required", residentKey: "discouraged" },
    } });
    return { id: c.rawId, key: base64(c.response.getPublicKey()) };
  }
  async function assert(id, purpose, ...parts) {
    const challenge = await crypto.subtle.digest("SHA-256", statement(purpose, ...parts));
    const { response } = await navigator.credentials.get({ publicKey: { challenge, rpId: location.hostname, allowCredentials: [{ type: "public-key", id }], userVerification: "required" } });
    return { data: base64(response.authenticatorData), client: base64(response.clientDataJSON), signature: base64(response.signature) };
  }

  // ---- The server

  class Refused extends Error {
    constructor(body) { super(body.code); Object.assign(this, body); }
  }
  let ahead = 0; // how much the server's clock is ahead of ours, ms
  const now = () => Math.round(Date.now() + ahead);

  async function ask(name, body) {
    let r;
    try {
      r = await fetch("/wallet/api/" + name, body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    } catch (e) {
      away(true);
      throw e;
    }
    away(false);
    const answer = await r.json();
    if (!r.ok) throw new Refused(answer);
    if (answer.now) ahead = answer.now - Date.now();
    return answer;
  }

  function away(yes) { $("away").hidden = !yes; }

  // proved asks, and proves the keys first when the server wants it.
  async function proved(name, body) {
    try {
      return await ask(name, body);
    } catch (e) {
      if (e.code !== "phone.session") throw e;
      await prove();
      return ask(name, body);
    }
  }

  let proving = null;
  const prove = () => proving ??= proveNow().finally(() => { proving = null; });
  async function proveNow() {
    const { challenge } = await ask("challenge", {});
    const list = await cards();
    const proofs = await Promise.all(list.map(async (c) => ({ device: c.device, signature: await sign(c.key, "session", c.device, challenge) })));
    const answer = await ask("session", { challenge, proofs });
    for (const device of answer.revoked ?? []) await forget(device);
    if (answer.revoked?.length) {
      await begin(true);
      throw new Refused({ code: "phone.revoked" });
    }
  }

  // ---- Screens

  let screen = "", wasHome = false;
  function go(name, focus = true) {
    screen = name;
    root.dataset.shown = name;
    for (const s of root.querySelectorAll("[data-screen]")) s.hidden = s.dataset.screen !== name;
    const open = name === "none" || name === "home" || name === "gone";
    $("people").hidden = !open;
    if (name !== "home") $("people").open = true; else if (!wasHome) $("people").open = false;
    wasHome = name === "home";
    if (!focus) return;
    const first = name === "request" ? root.querySelector('[data-screen="request"] [data-decide="decline"]')
      : name === "type" ? $(looking ? "secret" : "number") : root.querySelector(`[data-screen="${name}"] [tabindex="-1"]`);
    first?.focus();
    window.scrollTo(0, 0);
  }

  const clock = (ms) => new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", timeZone: "Europe/Paris" }).format(ms);
  const moment = (ms) => new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short", timeZone: "Europe/Paris" }).format(ms);
  const digits = (s) => s.replace(/[\s\u00a0\u202f-]/g, "");
  const number = (s) => s.replace(/^(\d)(\d{2})(\d{3})(\d{3})(\d{3})$/, "$1 $2 $3 $4 $5");

  function fault(id, message) {
    const p = $(id + "-error");
    p.hidden = !message;
    p.querySelector("span").textContent = message ?? "";
    p.closest(".field").classList.toggle("bad", Boolean(message));
    $(id).setAttribute("aria-invalid", message ? "true" : "false");
    if (message) $(id).focus();
  }

  // ---- Waiting

  let state = { cards: [], requests: [] };
  let current = null; // the request on the screen
  let looking = ""; // the number that it was found by

  const answering = () => screen === "request" || screen === "type";

  async function refresh() {
    state = await proved("state");
    draw();
    return state;
  }

  function draw() {
    drawHome();
    const next = state.requests.find((r) => !r.pull); // one that did not ring does not come to the front
    if (answering()) {
      const still = looking || state.requests.some((r) => r.id === current.id);
      if (next && !looking && next.id !== current.id) show(next);
      else if (!still) verdict("over", "warning");
    } else if (next && screen !== "enrol" && next.id !== current?.id) {
      show(next);
    } else if (!screen || screen === "none" || screen === "plain") {
      go("home", false);
    } else if (screen === "phones") {
      drawPhones();
    }
    document.title = (state.requests.length ? "(1) " : "") + root.querySelector("h1").textContent;
  }

  const stateOf = (c) => c.state === "disabled" ? say("state-disabled") : c.locked ? say("state-locked", { time: clock(c.locked) }) : "";

  function drawHome() {
    $("cards").replaceChildren(...state.cards.map((c) => el("li", { class: "e-card" },
      el("div", {}, el("b", {}, c.owner), el("span", { class: "num" }, number(c.number)), el("br"), el("small", {}, say("phone-of", { name: c.name }))),
      stateOf(c) && el("strong", {}, stateOf(c)))));
    const more = state.cards.reduce((n, c) => n + c.waiting, 0);
    $("find-more").hidden = !more;
    $("find-more").textContent = more === 1 ? say("more-one") : say("more", { n: more });
    $("silent").replaceChildren(...state.requests.filter((r) => r.pull).map((r) => el("div", { class: "banner info" }, icon("info"), el("div", {},
      el("p", { class: "text" }, say("silent", { at: clock(r.at) })), el("div", { class: "actions" }, button(say("silent-read"), "button second small", () => show(r)))))));
    $("news").replaceChildren(...state.cards.flatMap((c) => c.news.map((n) => {
      const box = el("div", { class: "banner warning" }, icon("warning"), el("div", {},
        el("p", { class: "text" }, say("news-" + n.kind, { name: n.device, at: moment(n.at) })),
        el("div", { class: "actions" }, button(say("news-look"), "linkish", () => openPhones()),
          button(say("news-read"), "linkish", async () => { await proved("noticed", { device: c.device, event: n.id }); await refresh(); }))));
      return box;
    })));
    $("notify").hidden = !("Notification" in window) || state.cards.every((c) => c.push) || $("notify").dataset.done === "1";
  }

  // ---- A request

  let timer = 0, readAt = 0;
  const wait = () => Math.max(0, Math.ceil((readAt - Date.now()) / 1000));

  function show(r, found = "") {
    current = r;
    looking = found;
    readAt = Date.now() + r.wait;
    const reasons = [r.unusual && "unusual", r.first_time && "first-time", r.quiet && "quiet", r.pull && "pull"].filter(Boolean);
    $("reasons").hidden = !reasons.length;
    $("reasons").replaceChildren(...reasons.map((k) => el("li", {}, icon("warning"), el("span", {}, say(k)))));
    const row = (key, value) => value && el("div", {}, el("dt", {}, say(key)), el("dd", {}, value));
    $("facts").replaceChildren(...[
      state.cards.length > 1 && row("owner", r.owner),
      row("service", r.title),
      r.service && r.service !== r.title && row("announced", r.service),
      row("browser", r.browser),
      row("place", r.place || say("place-unknown")),
      row("at", moment(r.at)),
      row("establishment", r.establishment),
      row("delegate", r.delegate),
    ].filter(Boolean));
    $("delegate").hidden = !r.delegate;
    $("delegate").textContent = r.delegate ? say("delegate-words", { name: r.delegate }) : "";
    $("type-who").textContent = [r.title, r.establishment, r.delegate].filter(Boolean).join(" · ");
    for (const id of ["number", "secret"]) { $(id).value = ""; fault(id); }
    $("number").closest(".field").hidden = Boolean(found); // typed already, to find it
    go("request");
    proved("shown", { device: r.device, request: r.id }).catch(late);
    tick();
    clearInterval(timer);
    timer = setInterval(tick, 500);
  }

  function tick() {
    if (!answering()) { clearInterval(timer); return; }
    const left = Math.max(0, Math.ceil((current.expires - now()) / 1000));
    $("left").textContent = say("left", { time: `${Math.floor(left / 60)} min ${String(left % 60).padStart(2, "0")} s` });
    const n = wait();
    $("go-on").disabled = n > 0;
    $("reading").hidden = n === 0;
    if (n) $("reading").textContent = say("reading", { n });
    if (!left) verdict("over", "warning");
  }

  const late = (e) => { if (e.code === "phone.gone") verdict("over", "warning"); };

  function verdict(kind, look, report = false) {
    clearInterval(timer);
    $("verdict").className = "state" + (look === "check" ? "" : look === "warning" ? " going" : " bad");
    $("verdict-icon").replaceChildren(icon(look));
    $("verdict-title").textContent = say(kind);
    $("verdict-words").textContent = say(kind + "-words");
    $("report-after").hidden = !report;
    root.dataset.verdict = kind;
    go("result");
  }

  async function decide(decision, typed = "", code = "") {
    const card = (await cards()).find((c) => c.device === current.device);
    const at = now(), parts = ["decide", card.device, String(at), current.id, current.client, decision, typed];
    const assertion = card.passkey && decision === "approve" ? await assert(card.passkey, ...parts) : undefined;
    return proved("decide", { device: card.device, request: current.id, decision, number: typed, code, at, signature: await sign(card.key, ...parts), assertion });
  }

  async function answer(decision) {
    try {
      await decide(decision);
      if (decision === "report") verdict("reported", "check"); else verdict("declined", "check", true);
    } catch (e) {
      if (e.code === "phone.gone") verdict("over", "warning"); else if (e.code !== "phone.revoked") verdict("failed", "error");
    }
    refresh().catch(() => {});
  }
  for (const b of root.querySelectorAll("[data-decide]")) b.addEventListener("click", () => answer(b.dataset.decide));
  $("report-after").addEventListener("click", () => answer("report"));
  $("go-on").addEventListener("click", () => go("type"));

  let sending = false;
  $("approve").addEventListener("submit", async (e) => {
    e.preventDefault();
    if (sending) return;
    const typed = looking || digits($("number").value), code = $("secret").value.trim();
    fault("secret");
    fault("number");
    if (!/^\d+$/.test(typed)) return fault("number", say("number-none"));
    if (typed.length !== current.digits) return fault("number", say("number-form", { n: current.digits }));
    if (!/^\d{4}$/.test(code)) return fault("secret", say("code-form"));
    sending = true;
    try {
      await decide("approve", typed, code);
      verdict("approved", "check", true);
    } catch (error) {
      $("secret").value = "";
      switch (error.code) {
        case "phone.number": return verdict("wrong-number", "error", true);
        case "phone.code": return fault("secret", say("code-wrong", { n: error.left }));
        case "phone.locked": return fault("secret", say("code-locked", { time: clock(error.until) }));
        case "phone.disabled": return fault("secret", say("code-disabled"));
        case "phone.busy": return fault("secret", say("busy"));
        case "phone.gone": return verdict("over", "warning");
        case "phone.passkey": return fault("secret", say("passkey-failed"));
        case "phone.early": readAt = Date.now() + error.wait; go("request"); return tick();
        case "phone.revoked": return;
        default: return fault("secret", error.name === "NotAllowedError" ? say("passkey-failed") : say("failed") + ". " + say("failed-words"));
      }
    } finally {
      sending = false;
      refresh().catch(() => {});
    }
  });

  // ---- The pull path

  $("find").addEventListener("submit", async (e) => {
    e.preventDefault();
    const typed = digits($("find-number").value);
    fault("find-number");
    if (!/^\d{2,8}$/.test(typed)) return fault("find-number", say("number-none"));
    try {
      const r = await proved("find", { number: typed });
      $("find-number").value = "";
      show(r, typed);
    } catch (error) {
      fault("find-number", say(error.code === "phone.busy" ? "busy" : error.code === "phone.no-match" ? "no-match" : "failed"));
    }
  });

  // ---- History and phones

  async function openHistory() {
    const { events } = await proved("history");
    $("no-events").hidden = events.length > 0;
    $("events").replaceChildren(...events.filter((e) => words["event-" + e.kind]).map((e) => el("li", {},
      el("b", {}, say("event-" + e.kind)),
      el("span", { class: "small" }, [moment(e.at), e.service, e.browser, e.place, e.device && say("phone-of", { name: e.device })].filter(Boolean).join(" · ")),
      e.young && e.request && el("span", { class: "small" }, say("young")),
      e.report && el("div", { class: "actions" }, button(say("report"), "linkish", () => {
        current = { id: e.request, client: e.client, device: e.by };
        answer("report");
      }, moment(e.at))))));
    go("history");
  }

  let target = null; // of the form that revokes: {device, by, name}
  function drawPhones() {
    $("others").replaceChildren(...state.cards.flatMap((c) => c.others.map((o) => el("li", {},
      el("div", {}, el("b", {}, o.name), el("br"), el("span", { class: "small" }, [o.self ? say("this-one") : say(o.state === "disabled" ? "state-disabled" : "state-active"), say("since", { at: moment(o.enrolled) })].join(" · "))),
      !o.self && button(say("lost"), "button second small", () => {
        target = { device: o.device, by: c.device };
        $("revoke-name").textContent = say("revoking", { name: o.name });
        $("revoke-code").value = "";
        fault("revoke-code");
        $("revoke").hidden = false;
        $("revoke-code").focus();
      }, o.name)))));
  }
  async function openPhones() {
    await refresh();
    if (answering()) return;
    $("revoke").hidden = true;
    drawPhones();
    go("phones");
  }
  $("keep").addEventListener("click", () => { $("revoke").hidden = true; });
  $("revoke").addEventListener("submit", async (e) => {
    e.preventDefault();
    const code = $("revoke-code").value.trim();
    if (!/^\d{4}$/.test(code)) return fault("revoke-code", say("code-form"));
    const card = (await cards()).find((c) => c.device === target.by);
    const at = now(), parts = ["revoke", card.device, String(at), target.device];
    try {
      const assertion = card.passkey ? await assert(card.passkey, ...parts) : undefined;
      await proved("revoke", { device: card.device, target: target.device, code, at, signature: await sign(card.key, ...parts), assertion });
      $("revoke").hidden = true;
      await refresh();
      verdict("revoked", "check");
    } catch (error) {
      $("revoke-code").value = "";
      fault("revoke-code", error.code === "phone.code" ? say("code-wrong", { n: error.left }) : error.code === "phone.locked" ? say("code-locked", { time: clock(error.until) })
        : error.code === "phone.disabled" ? say("code-disabled") : say("failed"));
    }
  });
  const places = { history: openHistory, phones: openPhones, home: async () => { go("home"); await refresh(); } };
  for (const b of root.querySelectorAll("[data-go]")) b.addEventListener("click", () => places[b.dataset.go]().catch(() => {}));

  // ---- Enrolment: the one-time token comes behind the # of the address, which no server sees

  let token = "";
  $("enrol").addEventListener("submit", async (e) => {
    e.preventDefault();
    const name = $("device-name").value.trim(), code = $("code").value, again = $("code-again").value;
    for (const id of ["device-name-error", "code-error", "code-again-error"]) if ($(id)) $(id).hidden = true;
    for (const id of ["code", "code-again"]) fault(id);
    if (!name || [...name].length > 40 || /[\r\n]/.test(name)) return fault("code", say("name-form"));
    if (!/^\d{4}$/.test(code)) return fault("code", say("code-form"));
    if (code !== again) return fault("code-again", say("code-again"));
    if (sending) return;
    sending = true;
    try {
      const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
      const key = base64(await crypto.subtle.exportKey("spki", pair.publicKey));
      const own = $("passkey").checked ? await passkey(name) : undefined;
      const card = await ask("enrol", { token, name, key, code, signature: await sign(pair.privateKey, "enrol", token, name),
        passkey: own?.key, assertion: own && await assert(own.id, "enrol", token, name) });
      await keep({ ...card, key: pair.privateKey, passkey: own?.id });
      token = "";
      navigator.storage?.persist?.().catch(() => {});
      await proving?.catch(() => {}); // one that began before the card was there leaves it out
      await prove();
      go("home");
      await begin();
    } catch (error) {
      fault("code", say({ "phone.token": "token", "phone.many": "many", "phone.passkey": "passkey-failed" }[error.code] ?? (error.name === "NotAllowedError" ? "passkey-failed" : "failed")));
      if (error.code === "phone.token") $("people").hidden = false; // to get another one
    } finally {
      sending = false;
      $("code").value = $("code-again").value = "";
    }
  });

  function arrival() {
    const given = location.hash.slice(1);
    if (!/^[A-Za-z0-9_-]{20,}$/.test(given)) return false;
    history.replaceState(null, "", location.pathname + location.search);
    token = given;
    $("device-name").value ||= say("device-name");
    can().then((yes) => { $("passkey-choice").hidden = !yes; }).catch(() => {});
    go("enrol");
    $("code").focus();
    return true;
  }

  // ---- Hearing of requests: a stream, and a question now and then in case it is cut

  let stream = null, heard = 0;
  function listen() {
    stream?.close();
    stream = new EventSource("/wallet/api/stream");
    stream.addEventListener("open", () => { heard = Date.now(); refresh().catch(() => {}); });
    stream.addEventListener("change", (e) => {
      heard = Date.now();
      refresh().catch(() => {});
      ring(JSON.parse(e.data).ring);
    });
    stream.onerror = () => {
      if (stream.readyState !== EventSource.CLOSED) return; // it comes back by itself
      stream = null;
    };
  }

  async function look() {
    if (!(await cards()).length) return;
    try {
      await refresh();
      if (!stream) listen();
    } catch { /* shown already, or tried again soon */ }
  }

  function ring(how) {
    if (how !== "normal" && how !== "quiet") return;
    if (how === "normal") navigator.vibrate?.([200, 100, 200]);
    if (document.visibilityState === "visible" || window.Notification?.permission !== "granted") return;
    navigator.serviceWorker?.ready.then((r) => r.active.postMessage({ ring: how }));
  }

  setInterval(() => { if (!stream || Date.now() - heard > 30000) look(); }, 5000);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") look(); });
  window.addEventListener("online", look);
  window.addEventListener("hashchange", () => arrival());
  navigator.serviceWorker?.addEventListener("message", (e) => { if (e.data?.look) look(); });

  // ---- Notifications, only when asked for: without a network subscribing never ends

  const until = (promise, ms) => Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error("late")), ms))]);
  const bytes = (s) => Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  $("notify").addEventListener("click", async () => {
    const told = $("notified");
    told.hidden = false;
    $("notify").dataset.done = "1";
    if (await Notification.requestPermission() !== "granted") {
      told.textContent = say("notify-refused");
      return;
    }
    try {
      const { vapid } = await ask("challenge", {});
      const registration = await until(navigator.serviceWorker.ready, 8000);
      const subscription = await until(registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(vapid) }), 8000);
      const { endpoint, keys } = subscription.toJSON();
      for (const c of await cards()) await proved("push", { device: c.device, subscription: { endpoint, keys } });
      told.textContent = say("notify-done");
    } catch {
      told.textContent = say("notify-offline");
    }
    $("notify").hidden = true;
  });

  // ---- The start

  async function begin(revoked = false) {
    const list = await cards();
    if (revoked) { stream?.close(); stream = null; }
    if (list.length) { root.dataset.cards = list.length; if (!revoked) return look(); }
    if (revoked) go("gone"); else if (!arrival()) go("none", false);
  }
  navigator.serviceWorker?.register(root.dataset.worker, { scope: "/wallet" }).then(() => navigator.serviceWorker.ready).then((r) => {
    r.active.postMessage({ lang }); // in which notifications speak
    root.dataset.installed = "1";
  }).catch(() => {});
  if (!arrival()) begin().catch((e) => { console.error(e); go("none", false); });
})();
