// The button "Lire la carte Vitale". It shows itself when the browser extension answers; without it the page is as it was.
// What the card holds is claimed by the workstation: it fills the search, and the professional goes on from there.
import { connect, read } from "/carnet-vitale.js";

const place = document.getElementById("card");
const button = place.querySelector("button");
const status = place.querySelector("[role=status]");
const list = place.querySelector("ul");
const direct = document.getElementById("find-direct");
const traits = document.getElementById("find-traits");

const words = (code) => (place.querySelector(`[data-code="${CSS.escape(code)}"]`) ?? place.querySelector('[data-code="INTERNAL"]')).textContent;

function put(form, name, value) {
	let input = form.elements.namedItem(name);
	if (!input) {
		input = document.createElement("input");
		input.type = "hidden";
		input.name = name;
		form.append(input);
	}
	input.value = value;
}

// A number of thirteen characters and its key; the number of the insured person is not that of a child.
function number(b) {
	if (b.certifiedNir) return b.certifiedNir.length === 13 && b.nirKey && b.certifiedNir === b.nir ? b.certifiedNir + b.nirKey : b.certifiedNir;
	return b.nirOf === "self" && b.nir ? b.nir + (b.nirKey ?? "") : "";
}

function choose(b) {
	const nir = number(b);
	const form = nir ? direct : traits;
	const raw = b.birth.raw.length === 8 ? b.birth.raw : "";
	put(form, "name", b.birthName || b.surname);
	put(form, "given", b.givenName);
	put(form, "birth-year", raw.slice(0, 4));
	put(form, "birth-month", raw.slice(4, 6));
	put(form, "birth-day", raw.slice(6));
	if (nir) put(form, "nir", nir);
	form.requestSubmit(form.querySelector("button[name=by]"));
}

function offer(people) {
	status.textContent = words("CHOOSE");
	for (const b of people) {
		const item = document.createElement("li");
		const choice = document.createElement("button");
		choice.type = "button";
		choice.className = "button second";
		choice.textContent = `${b.givenName} ${b.surname}` + (number(b) ? "" : ` – ${words("NO_NUMBER")}`);
		choice.addEventListener("click", () => choose(b));
		item.append(choice);
		list.append(item);
	}
	list.querySelector("button")?.focus();
}

button.addEventListener("click", async () => {
	button.disabled = true;
	list.replaceChildren();
	status.textContent = words("READING");
	try {
		const { beneficiaries } = await read({ purpose: "vaccination" });
		if (beneficiaries.length === 1) choose(beneficiaries[0]);
		else offer(beneficiaries);
	} catch (e) {
		status.textContent = words(String(e?.code ?? "INTERNAL"));
	} finally {
		button.disabled = false;
	}
});

const show = () => { place.hidden = false; };
window.addEventListener("message", (e) => { if (e.source === window && e.origin === location.origin && e.data?.carnet === "ready") show(); });
connect().then(show, () => {}); // no extension: nothing to show
