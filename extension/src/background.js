// The extension's own side. It decides who is asking by what the browser says of the sender, never by a message; it keeps
// consent in memory only, and card data nowhere: they pass from the module to the page that asked.

import { CONFIG } from "./config.js";
import { understood } from "./schema.js";

const api = globalThis.browser ?? globalThis.chrome;
const pages = api.runtime.getURL("");
const hostLimit = 25000;
const readEvery = 1000;
const asked = new Map(); // token of a consent window → {origin, purpose, windowId, settle}

const session = {
	async get(key) {
		return (await api.storage.session.get(key))[key] ?? {};
	},
	set: (key, value) => api.storage.session.set({ [key]: value }),
};

// policy is what an administrator manages; empty where there is none.
async function policy() {
	try {
		return await api.storage.managed.get(null);
	} catch {
		return {};
	}
}

// allowedOrigins: those of the build, of the administrator, and of the professional unless the administrator forbids it.
export async function allowedOrigins() {
	const managed = await policy();
	const own = managed.allowUserOrigins === false ? [] : ((await api.storage.local.get("origins")).origins ?? []);
	return { built: CONFIG.origins, managed: managed.origins ?? [], own };
}

// context says who asks: {origin}, or {code}.
async function context(sender) {
	if (sender.id !== api.runtime.id || sender.frameId !== 0 || !sender.tab || !sender.url) return { code: "FORBIDDEN_CONTEXT" };
	if (sender.documentLifecycle !== undefined && sender.documentLifecycle !== "active") return { code: "FORBIDDEN_CONTEXT" };
	const url = new URL(sender.url);
	if (url.protocol !== "https:" && !(CONFIG.development && url.protocol === "http:" && url.hostname === "localhost")) return { code: "INSECURE_CONTEXT" };
	const { built, managed, own } = await allowedOrigins();
	return [...built, ...managed, ...own].includes(url.origin) ? { origin: url.origin } : { code: "ORIGIN_NOT_ALLOWED" };
}

async function ready() {
	const { terms, checklist } = await api.storage.local.get(["terms", "checklist"]);
	return terms?.version === CONFIG.termsVersion && checklist?.answers?.length === CONFIG.questions;
}

async function limits() {
	const managed = await policy();
	const minutes = (v, otherwise) => (Number.isFinite(v) && v > 0 ? v : otherwise) * 60000;
	return { consent: minutes(managed.consentMinutes, CONFIG.consentMinutes), idle: minutes(managed.idleMinutes, CONFIG.idleMinutes) };
}

// consented reports a consent of this session that is neither too old nor left alone.
async function consented(key) {
	const given = (await session.get("consent"))[key];
	const { consent, idle } = await limits();
	const now = Date.now();
	return given !== undefined && now - given.since < consent && now - given.used < idle;
}

async function remember(key) {
	const all = await session.get("consent");
	const now = Date.now();
	all[key] = { since: (await consented(key)) ? all[key].since : now, used: now };
	await session.set("consent", all);
}

const forget = () => api.storage.session.remove("consent");

function askUser(origin, purpose) {
	const token = crypto.randomUUID();
	return new Promise((settle) => {
		asked.set(token, { origin, purpose, settle });
		api.windows.create({ url: `${pages}consent.html?${token}`, type: "popup", width: 520, height: 640 }).then(
			(w) => asked.has(token) && (asked.get(token).windowId = w.id),
			() => settle(false),
		);
	}).finally(() => asked.delete(token));
}

api.windows.onRemoved.addListener((id) => {
	for (const question of asked.values()) if (question.windowId === id) question.settle(false); // to close is to refuse
});

// host asks the module: one process for each request.
async function host(op, origin, purpose) {
	const message = { v: 1, op, origin };
	if (purpose) message.purpose = purpose;
	let timer;
	try {
		const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("late")), hostLimit)));
		return understood(await Promise.race([api.runtime.sendNativeMessage(CONFIG.host, message), late]), op);
	} catch {
		return { ok: false, code: "HOST_UNAVAILABLE" };
	} finally {
		clearTimeout(timer);
	}
}

const statusOf = ({ host, status }) => ({ extension: api.runtime.getManifest().version, module: host, ...status });

async function request(message, sender) {
	const { origin, code } = await context(sender);
	if (code) return { ok: false, code };
	const { op, purpose } = message;
	if (op === "status") {
		const answer = await host("status", origin);
		return answer.ok ? { ok: true, result: statusOf(answer) } : answer;
	}
	if (op !== "read") return { ok: false, code: "BAD_REQUEST" };
	if (!["care", "vaccination"].includes(purpose)) return { ok: false, code: "PURPOSE_REFUSED" };
	if (!(await ready())) {
		await open("start.html");
		return { ok: false, code: "TERMS_NOT_ACCEPTED" };
	}
	const last = await session.get("last");
	if (Date.now() - (last[origin] ?? 0) < readEvery) return { ok: false, code: "RATE_LIMITED" };
	await session.set("last", { ...last, [origin]: Date.now() });
	const key = `${origin} ${purpose}`;
	if (!(await consented(key)) && !(await askUser(origin, purpose))) return { ok: false, code: "USER_DENIED" };
	await remember(key);
	const answer = await host("read", origin, purpose);
	return answer.ok ? { ok: true, result: answer.data } : answer;
}

const open = (page) => api.tabs.create({ url: pages + page });

// own answers the extension's own pages.
async function own(message) {
	const question = asked.get(message.token);
	switch (message.type) {
		case "consent-details":
			return question ? { origin: question.origin, purpose: question.purpose } : null;
		case "consent-answer":
			question?.settle(message.ok === true);
			return { ok: question !== undefined };
		case "consent-alive": // Firefox stops a background that is not spoken to for 30 s
			return { ok: question !== undefined };
		case "origins":
			return { ...(await allowedOrigins()), userMayAdd: (await policy()).allowUserOrigins !== false };
		case "consents":
			return Object.keys(await session.get("consent"));
		case "forget":
			await forget();
			return { ok: true };
		case "own-origins":
			await register();
			return { ok: true };
		case "status": {
			const { built, managed, own } = await allowedOrigins();
			const origin = [...built, ...managed, ...own][0];
			return origin ? host("status", origin) : { ok: false, code: "ORIGIN_NOT_ALLOWED" };
		}
	}
	return null;
}

api.runtime.onMessage.addListener((message, sender, respond) => {
	if (sender.id !== api.runtime.id || typeof message !== "object" || message === null) return false;
	const failed = () => respond({ ok: false, code: "INTERNAL" });
	if (message.type === "carnet-allowed") {
		context(sender).then(({ origin }) => respond({ ok: origin !== undefined }), failed);
	} else if (message.type === "carnet-request") {
		request(message, sender).then(respond, failed);
	} else if (sender.url?.startsWith(pages)) {
		own(message).then(respond, failed);
	} else {
		return false;
	}
	return true;
});

// register puts the content script on the sites that were added after the build and that the browser lets us reach.
async function register() {
	const { managed, own } = await allowedOrigins();
	const matches = [];
	for (const origin of new Set([...managed, ...own])) {
		const { protocol, hostname } = new URL(origin);
		const pattern = `${protocol}//${hostname}/*`;
		if (await api.permissions.contains({ origins: [pattern] })) matches.push(pattern);
	}
	const old = await api.scripting.getRegisteredContentScripts({ ids: ["sites"] });
	if (old.length) await api.scripting.unregisterContentScripts({ ids: ["sites"] });
	if (matches.length) await api.scripting.registerContentScripts([{ id: "sites", js: ["content.js"], matches: [...new Set(matches)], runAt: "document_start", allFrames: false }]);
}

api.runtime.onInstalled.addListener(async ({ reason }) => {
	await register();
	if (reason === "install" && !(await ready())) await open("start.html");
});
api.runtime.onStartup.addListener(register);

// The session's lock closes consent.
api.idle?.setDetectionInterval?.(Math.max(15, CONFIG.idleMinutes * 60));
api.idle?.onStateChanged?.addListener((state) => {
	if (state !== "active") forget();
});
