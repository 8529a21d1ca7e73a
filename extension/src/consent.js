import { find, say, send } from "./page.js";

const token = location.search.slice(1);
const question = await send({ type: "consent-details", token });
if (!question) window.close(); // the page that asked is gone
else {
	find("#origin").textContent = question.origin;
	find("#purpose").textContent = say(question.purpose === "care" ? "purposeCare" : "purposeVaccination");
	const answer = async (event, ok) => {
		if (!event.isTrusted) return; // a real gesture of the user's
		await send({ type: "consent-answer", token, ok });
		window.close();
	};
	find("#yes").addEventListener("click", (event) => answer(event, true));
	find("#no").addEventListener("click", (event) => answer(event, false));
	document.addEventListener("keydown", (event) => event.key === "Escape" && answer(event, false));
	// A click that was already on its way when the window came up is no answer.
	setTimeout(() => {
		find("#yes").disabled = false;
	}, 400);
	find("#no").focus();
	setInterval(async () => (await send({ type: "consent-alive", token }))?.ok || window.close(), 10000);
}
