import { CONFIG } from "./config.js";
import { api, element, find, lang, say } from "./page.js";

const choices = ["yes", "no", "unknown"];
const stored = (await api.storage.local.get("checklist")).checklist;

CONFIG.principles[lang].forEach((words, i) => {
	const group = element("fieldset", {}, element("legend", { textContent: words }));
	for (const c of choices) {
		const id = `q${i}-${c}`;
		group.append(element("span", { className: "tick" }, element("input", { type: "radio", id, name: `q${i}`, value: c, checked: stored?.answers?.[i] === c }), element("label", { htmlFor: id, textContent: say(c) })));
	}
	find("#questions").append(element("li", {}, group));
});
find("#author").value = stored?.author ?? "";

find("#form").addEventListener("submit", async (event) => {
	event.preventDefault();
	const answers = CONFIG.principles[lang].map((_, i) => find(`input[name=q${i}]:checked`)?.value);
	const author = find("#author").value.trim();
	const missing = answers.findIndex((a) => a === undefined);
	const fault = (words, where) => {
		find("#done").textContent = "";
		find("#fault").textContent = words;
		where.focus();
	};
	if (missing >= 0) return fault(say("faultQuestion", missing + 1), find(`#q${missing}-yes`));
	if (!author) return fault(say("faultAuthor"), find("#author"));
	if (!find("#accept").checked) return fault(say("faultAccept"), find("#accept"));
	const date = new Date().toISOString();
	await api.storage.local.set({ checklist: { answers, author, date }, terms: { version: CONFIG.termsVersion, date } });
	find("#fault").textContent = "";
	find("#done").textContent = answers.includes("no") ? say("startDoneBut") : say("startDone");
	find("#done").scrollIntoView();
});
