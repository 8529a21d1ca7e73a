import { CONFIG } from "./config.js";
import { api, element, find, say } from "./page.js";

// Reasons of a security event that begins here. Their codes are stable: the register of incidents knows them.
const reasons = ["vitale.weakness", "vitale.confidentiality", "vitale.piracy", "vitale.workstation", "vitale.other"];
find("#reason").append(...reasons.map((r) => element("option", { value: r, textContent: say("reason_" + r.slice(7)) })));

const now = new Date();
find("#seen").value = new Date(now - now.getTimezoneOffset() * 60000).toISOString().slice(0, 16);

// What is handed over: in the fragment of the address, which a browser does not send to the server that it loads.
function facts() {
	return new URLSearchParams({ reason: find("#reason").value, seen: new Date(find("#seen").value || now).toISOString(), extension: api.runtime.getManifest().version, browser: navigator.userAgent.slice(0, 200) });
}
const show = () => (find("#text").textContent = [...facts()].map(([k, v]) => `${k}: ${v}`).join("\n"));
find("#form").addEventListener("input", show);
find("#form").addEventListener("submit", (event) => {
	event.preventDefault();
	api.tabs.create({ url: `${CONFIG.report}#${facts()}` });
});
show();
