import { CONFIG } from "./config.js";
import { api, element, find, say, send } from "./page.js";

const line = (key, value) => [element("dt", { textContent: say(key) }), element("dd", { textContent: value })];

async function state() {
	const { terms, checklist } = await api.storage.local.get(["terms", "checklist"]);
	const answer = await send({ type: "status" });
	const cards = answer?.ok ? answer.status.readers.map((r) => say("card_" + r.card)).join(", ") || say("noReader") : "";
	find("#state").replaceChildren(
		...line("version", api.runtime.getManifest().version),
		...line("module", answer?.ok ? answer.host : `${say("code_" + answer?.code)} (${answer?.code})`),
		...(cards ? line("readers", cards) : []),
		...line("terms", terms ? say("acceptedOn", terms.version, terms.date.slice(0, 10)) : say("notYet")),
		...line("checklist", checklist ? say("answeredBy", checklist.author, checklist.date.slice(0, 10), checklist.answers.filter((a) => a === "no").length) : say("notYet")),
	);
}

async function sites() {
	const { built, managed, own, userMayAdd } = await send({ type: "origins" });
	const item = (origin, from, remove) => element("li", {}, element("code", { textContent: origin }), " ", from, ...(remove ? [" ", element("button", { textContent: say("remove"), ariaLabel: `${say("remove")} ${origin}`, onclick: () => change(own.filter((o) => o !== origin)) })] : []));
	find("#sites").replaceChildren(...built.map((o) => item(o, say("fromBuild"))), ...managed.map((o) => item(o, say("fromPolicy"))), ...own.map((o) => item(o, say("fromYou"), true)));
	if (find("#sites").children.length === 0) find("#sites").append(element("li", { textContent: say("none") }));
	find("#add").hidden = !userMayAdd;
	const consents = await send({ type: "consents" });
	find("#consents").replaceChildren(...consents.map((c) => element("li", { textContent: c })));
	if (consents.length === 0) find("#consents").append(element("li", { textContent: say("none") }));
}

async function change(origins) {
	await api.storage.local.set({ origins });
	await send({ type: "own-origins" });
	await sites();
}

function originOf(text) {
	try {
		const url = new URL(text);
		return url.protocol === "https:" && !url.username && !url.password ? url : null;
	} catch {
		return null;
	}
}

find("#add").addEventListener("submit", async (event) => {
	event.preventDefault();
	const url = originOf(find("#origin").value.trim());
	find("#fault").textContent = url ? "" : say("faultOrigin");
	if (!url) return find("#origin").focus();
	// The browser asks the professional too; it does so only on a gesture.
	if (!(await api.permissions.request({ origins: [`https://${url.hostname}/*`] }))) return;
	const { own } = await send({ type: "origins" });
	await change([...new Set([...own, url.origin])]);
	find("#origin").value = "";
});
find("#forget").addEventListener("click", async () => {
	await send({ type: "forget" });
	await sites();
});
find("#check").addEventListener("click", state);

if (CONFIG.sandbox) find("main").prepend(element("p", { className: "banner", textContent: say("sandbox") }));
await sites();
await state();
