// What is kept on the device while the service cannot be reached, shared by the pages and the worker.
//
// Every entry and the data of the run are sealed with AES-GCM under a key that cannot leave the browser
// (Web Cryptography: not extractable), one key for each one who types. Each sealed record is bound to
// its id, its owner and the session that was open. A key is destroyed when its owner logs out and
// nothing of theirs waits.
const NAME = "carnet-outbox";

let opened;
function database() {
  opened ??= new Promise((done, fail) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("keys", { keyPath: "owner" });
      request.result.createObjectStore("records", { keyPath: "id" });
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  return opened;
}

async function run(store, mode, work) {
  const db = await database();
  return new Promise((done, fail) => {
    const t = db.transaction(store, mode);
    const request = work(t.objectStore(store));
    t.oncomplete = () => done(request?.result);
    t.onabort = t.onerror = () => fail(t.error);
  });
}

async function keyOf(owner) {
  const held = await run("keys", "readonly", (s) => s.get(owner));
  if (held) return held.key;
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  try {
    await run("keys", "readwrite", (s) => s.add({ owner, key }));
    return key;
  } catch {
    return (await run("keys", "readonly", (s) => s.get(owner))).key; // another tab was faster
  }
}

const bind = (record) => new TextEncoder().encode([record.kind, record.id, record.owner, record.session].join("|"));

// put seals a value under an id; the same id again replaces it.
export async function put(kind, id, who, value) {
  const record = { kind, id, owner: who.owner, session: who.session, at: Date.now(), iv: crypto.getRandomValues(new Uint8Array(12)) };
  const clear = new TextEncoder().encode(JSON.stringify(value));
  record.sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: record.iv, additionalData: bind(record) }, await keyOf(who.owner), clear);
  await run("records", "readwrite", (s) => s.put(record));
}

// open gives a record's value back, to its owner alone.
export async function open(record, owner) {
  if (record.owner !== owner) throw new Error("outbox: of somebody else");
  const clear = await crypto.subtle.decrypt({ name: "AES-GCM", iv: record.iv, additionalData: bind(record) }, await keyOf(owner), record.sealed);
  return JSON.parse(new TextDecoder().decode(clear));
}

export async function get(id) { return run("records", "readonly", (s) => s.get(id)); }
export async function remove(id) { return run("records", "readwrite", (s) => s.delete(id)); }

// waiting lists the entries, oldest first, still sealed.
export async function waiting() {
  const all = await run("records", "readonly", (s) => s.getAll());
  return all.filter((r) => r.kind === "entry").sort((a, b) => a.at - b.at);
}

// forget destroys the keys and the runs of everybody for whom nothing waits, save the one who is there.
export async function forget(except) {
  const owners = new Set((await waiting()).map((r) => r.owner));
  for (const { owner } of await run("keys", "readonly", (s) => s.getAll())) {
    if (owner === except || owners.has(owner) || owner === "" && except) continue;
    await run("keys", "readwrite", (s) => s.delete(owner));
  }
  for (const r of await run("records", "readonly", (s) => s.getAll())) {
    if (r.kind !== "entry" && r.owner !== except) await remove(r.id);
  }
}

// The one who is logged in, and until when: the worker has no page to read it from. Ids only.
export async function hold(who) { return run("keys", "readwrite", (s) => s.put({ owner: "", who })); }
export async function held() { return (await run("keys", "readonly", (s) => s.get("")))?.who; }

// newKey makes an idempotency key: a UUID of version 7.
export function newKey() {
  const b = crypto.getRandomValues(new Uint8Array(16));
  let t = Date.now();
  for (let i = 5; i >= 0; i--, t = Math.floor(t / 256)) b[i] = t % 256;
  b[6] = 0x70 | (b[6] & 0x0f);
  b[8] = 0x80 | (b[8] & 0x3f);
  const hex = [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
