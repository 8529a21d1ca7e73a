// Work goes on when the network is away: entries wait on this device, sealed, and are sent once when it
// is back. See /hors-ligne/store.js for how they are kept.
import { put, open, get, remove, waiting, forget, hold, held, newKey } from "/hors-ligne/store.js";

const box = document.querySelector("[data-outbox]");
const words = box.dataset;
const list = box.querySelector("[data-list]");
const count = box.querySelector("[data-count]");
const others = box.querySelector("[data-others]");
const sent = box.querySelector("[data-sent]");
const again = box.querySelector("[data-send]");
const form = document.querySelector("form[data-offline]");
const told = new Map(); // what the service said of an entry that it cannot take

async function who() {
  if (words.owner) {
    const before = await held();
    const me = { owner: words.owner, session: words.session, until: Number(words.until) || before?.until || 0 };
    await hold(me);
    return me;
  }
  return held();
}

// show tells what waits: how many, since when, what is wrong with one. Numbers and names are not shown.
async function show() {
  const me = await held();
  const all = await waiting();
  const mine = all.filter((r) => r.owner === me?.owner);
  list.replaceChildren(...mine.map((r) => {
    const line = document.createElement("li");
    const state = told.get(r.id);
    line.textContent = new Date(r.at).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" }) + " · " + (state ?? (r.session === me.session ? words.waits : words.before));
    if (state) {
      const drop = Object.assign(document.createElement("button"), { type: "button", className: "linkish", textContent: words.drop });
      drop.addEventListener("click", async () => { if (confirm(words.sure)) { await remove(r.id); await show(); } });
      line.append(" ", drop);
    }
    return line;
  }));
  count.textContent = mine.length === 1 ? words.single : words.many.replace("{n}", mine.length);
  count.hidden = list.hidden = again.hidden = mine.length === 0;
  others.hidden = all.length === mine.length;
  box.hidden = all.length === 0 && !sent.hasChildNodes();
  return mine;
}

let sending = false;

// flush sends what waits, one after the other, and takes away only what the service says it has.
async function flush() {
  const me = await held();
  if (sending || !me || !words.owner && !form) return;
  sending = true;
  try {
    for (const record of await waiting()) {
      if (record.owner !== me.owner) continue; // somebody else's: neither opened nor sent
      const value = await open(record, me.owner);
      const body = new URLSearchParams(value.form);
      body.set("owner", me.owner);
      body.set("key", record.id);
      if (value.person) body.set("person", value.person);
      const answer = await fetch("/vacciner/differees", { method: "POST", headers: { Accept: "application/json" }, body, redirect: "error" });
      if (!answer.ok) break; // away, or the session is over: nothing is lost
      const said = await answer.json();
      if (said.state === "done" || said.state === "draft") await remove(record.id);
      if (said.state === "held") break;
      if (said.state === "look") told.set(record.id, said.words); else report(said);
    }
  } catch { /* away: the next time */ } finally {
    sending = false;
    await show();
  }
}

function report(said) {
  const line = document.createElement("p");
  line.textContent = said.words + " ";
  if (said.link) line.append(Object.assign(document.createElement("a"), { href: said.link, textContent: words.see }));
  sent.append(line);
  box.hidden = false;
}

// keepRun seals what the run needs without network, or forgets it when there is none.
async function keepRun(me) {
  const source = document.querySelector("form[data-run]");
  if (!source) {
    if (box.dataset.station) await remove("run");
    return;
  }
  const strip = [...document.querySelectorAll(".run dl > div")].map((d) => [d.querySelector("dt").textContent, d.querySelector("dd").textContent]);
  await put("run", "run", me, { form: new URLSearchParams(new FormData(source)).toString(), strip });
}

// offline makes the page of work without network ready: the strip of the run, the form.
async function offline(me) {
  const none = document.querySelector("[data-none]");
  const record = await get("run");
  if (!me || !record || record.owner !== me.owner || Date.now() > me.until) {
    none.hidden = false;
    return;
  }
  const run = await open(record, me.owner);
  const strip = document.querySelector("[data-strip]");
  strip.replaceChildren(...run.strip.map(([label, value]) => {
    const div = document.createElement("div");
    div.append(Object.assign(document.createElement("dt"), { textContent: label }), Object.assign(document.createElement("dd"), { textContent: value }));
    return div;
  }));
  strip.closest(".run").hidden = form.hidden = false;
  if (location.search.includes("gardee")) document.querySelector("[data-kept]").hidden = false;
  form.elements.nir.focus();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fault = form.querySelector("[data-fault]");
    const number = form.elements.nir.value.replaceAll(/[\s-]/g, "").toUpperCase();
    fault.hidden = validNumber(number) && form.elements.asked.checked && form.elements.site.value !== "" && Date.now() <= me.until;
    if (!fault.hidden) {
      fault.focus();
      return;
    }
    const now = new Date();
    const body = new URLSearchParams(run.form);
    const day = new Intl.DateTimeFormat("en-CA", { timeZone: "Europe/Paris" }).format(now).split("-");
    ["year", "month", "day"].forEach((part, i) => body.set("date-" + part, day[i]));
    body.set("time", new Intl.DateTimeFormat("fr-FR", { timeZone: "Europe/Paris", hour: "2-digit", minute: "2-digit" }).format(now));
    for (const [name, value] of new FormData(form)) body.append(name, value);
    body.set("nir", number);
    await put("entry", newKey(), me, { form: body.toString() });
    form.reset();
    form.elements.nir.focus();
    document.querySelector("[data-kept]").hidden = false;
    await show();
  });
}

// validNumber checks the key of a NIR: 97 less the number modulo 97, Corsica's letters counted as 19 and
// 18. The nine letters of a recall code are checked by the service.
function validNumber(s) {
  if (/^[A-Z]{9}$/.test(s)) return true;
  const parts = s.match(/^([1-478]\d{4}(?:\d{2}|2[AB])\d{6})(\d{2})$/);
  if (!parts) return false;
  const number = BigInt(parts[1].replace("2A", "19").replace("2B", "18"));
  return 97n - (number % 97n) === BigInt(parts[2]);
}

async function install() {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register("/hors-ligne/worker.js", { scope: "/", type: "module" });
  if (!words.shell) return;
  const cache = await caches.open("carnet-shell");
  const shell = JSON.parse(words.shell);
  const kept = (await cache.keys()).map((r) => new URL(r.url).pathname);
  await Promise.all(kept.filter((p) => !shell.includes(p)).map((p) => cache.delete(p)));
  await cache.addAll(shell);
}

const me = await who();
await forget(me?.owner);
if (words.owner) await keepRun(me);
if (form) await offline(me);
await show();
again.addEventListener("click", flush);
addEventListener("online", flush);
setInterval(flush, 15000);
await flush();
// Logging out destroys the key when nothing waits; what waits stays sealed, and is announced.
document.querySelector("form[action='/deconnexion']")?.addEventListener("submit", async (event) => {
  if (event.target.dataset.ready) return;
  event.preventDefault();
  const left = (await show()).length;
  if (left && !confirm(words.leave)) return;
  event.target.dataset.ready = "1";
  try {
    await forget(left ? me?.owner : "");
  } finally {
    event.target.submit();
  }
});
try { await install(); } catch { /* the pages work without */ }
document.documentElement.dataset.outbox = "ready";
