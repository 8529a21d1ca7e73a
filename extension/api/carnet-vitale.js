// Carnet: read a carte Vitale from a web page, through the browser extension.
//
//   import { connect, read, VitaleError } from "./carnet-vitale.js";
//   button.addEventListener("click", async () => {
//     try {
//       const card = await read({ purpose: "vaccination" });   // inside a click: a real user gesture is needed
//       show(card.beneficiaries);                              // several people: let the user choose
//     } catch (e) {
//       explain(e instanceof VitaleError ? e.code : "INTERNAL");
//     }
//   });
//
// The page must be one that the extension and the module both allow, on https, in the top frame. Types, fields and codes:
// carnet-vitale.d.ts; how to: docs/vitale.md.

export const VERSION = 1;

/** A failure, with a stable code; see VitaleCode in carnet-vitale.d.ts. */
export class VitaleError extends Error {
	constructor(code) {
		super("carnet-vitale: " + code);
		this.name = "VitaleError";
		this.code = code;
	}
}

const origin = window.location.origin;
const waiting = new Map(); // id of a request → what settles it
let last = 0;

window.addEventListener("message", (event) => {
	if (event.source !== window || event.origin !== origin || !event.data) return;
	const { carnet, id, ok, result, error } = event.data;
	if (carnet === "ready") waiting.get("ready")?.resolve({ version: String(event.data.version) });
	const request = typeof id === "string" ? waiting.get(id) : undefined;
	if (request && carnet === "ack") request.ack();
	if (request && carnet === "response") ok === true ? request.resolve(result) : request.reject(new VitaleError(String(error?.code)));
});

/** Tells whether the extension answers here. Rejects with EXTENSION_UNAVAILABLE after `timeout` ms. */
export function connect({ timeout = 1500 } = {}) {
	const previous = waiting.get("ready");
	if (previous) return previous.promise;
	const entry = {};
	entry.promise = new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new VitaleError("EXTENSION_UNAVAILABLE")), timeout);
		Object.assign(entry, { resolve: (v) => (clearTimeout(timer), resolve(v)), reject });
	}).finally(() => waiting.delete("ready"));
	waiting.set("ready", entry);
	window.postMessage({ carnet: "hello", v: VERSION }, origin);
	return entry.promise;
}

function ask(op, more, { ackTimeout = 1500, timeout = 120000 } = {}) {
	const id = `${op}-${++last}-${Math.random().toString(36).slice(2)}`;
	return new Promise((resolve, reject) => {
		const give = (code) => reject(new VitaleError(code));
		const absent = setTimeout(() => give("EXTENSION_UNAVAILABLE"), ackTimeout);
		const late = setTimeout(() => give("TIMEOUT"), timeout);
		waiting.set(id, { ack: () => clearTimeout(absent), resolve: (v) => (clearTimeout(absent), resolve(v)), reject });
		waiting.get(id).late = late;
		window.postMessage({ carnet: "request", v: VERSION, id, op, ...more }, origin);
	}).finally(() => {
		clearTimeout(waiting.get(id)?.late);
		waiting.delete(id);
	});
}

/** What is installed and plugged in. Needs neither gesture nor consent, and says nothing about anybody. */
export function status(options) {
	return ask("status", {}, options);
}

/** The readers, by what is in them. */
export async function readers(options) {
	return (await status(options)).readers;
}

/** Reads the card that is in a reader. Call it from a click; `purpose` is "care" or "vaccination". */
export function read({ purpose, ...options } = {}) {
	return ask("read", { purpose }, options);
}
