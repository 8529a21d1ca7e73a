// Between the page and the extension. The page's messages are read here, and everything they claim is checked again
// behind: this script only knows the user's gesture and that one page asks one thing at a time.
(() => {
	const api = globalThis.browser ?? globalThis.chrome;
	const origin = window.location.origin;
	const version = api.runtime.getManifest().version;
	const post = (message) => window.postMessage(message, origin);
	const send = (message) => Promise.resolve(api.runtime.sendMessage(message));
	// A page that is not allowed never learns that the extension is there.
	const allowed = send({ type: "carnet-allowed" }).then((answer) => answer?.ok === true, () => false);
	let busy = false;

	// A card is read for a professional who is logged in on this very site. The site alone knows: it answers 204 at
	// this address of its own origin, with its session's cookie, and nothing that a page could write in its place.
	const professional = () => fetch("/.well-known/carnet-vitale", { credentials: "same-origin", redirect: "error", cache: "no-store" })
		.then((response) => response.status === 204, () => false);

	const answer = (id, { ok, result, code }) => post(ok ? { carnet: "response", id, ok: true, result } : { carnet: "response", id, ok: false, error: { code } });

	const fault = ({ v, op, purpose }, gesture) => {
		if (v !== 1) return "VERSION_MISMATCH";
		if (op !== "status" && op !== "read") return "BAD_REQUEST";
		if (op === "read" && purpose !== "care" && purpose !== "vaccination") return "PURPOSE_REFUSED";
		if (op === "read" && !gesture) return "NO_USER_GESTURE";
		return busy ? "BUSY" : "";
	};

	window.addEventListener("message", async (event) => {
		const message = event.data;
		const gesture = event.isTrusted && navigator.userActivation?.isActive === true;
		if (event.source !== window || event.origin !== origin || typeof message !== "object" || message === null) return;
		const { carnet, id, op, purpose } = message;
		if (carnet !== "hello" && (carnet !== "request" || typeof id !== "string" || id.length < 1 || id.length > 64)) return;
		if (!(await allowed)) return;
		if (carnet === "hello") {
			post({ carnet: "ready", version });
			return;
		}
		post({ carnet: "ack", id });
		const code = fault(message, gesture);
		if (code) {
			answer(id, { ok: false, code });
			return;
		}
		busy = true;
		try {
			if (op === "read" && !(await professional())) {
				answer(id, { ok: false, code: "NOT_LOGGED_IN" });
				return;
			}
			const response = await send(op === "read" ? { type: "carnet-request", op, purpose } : { type: "carnet-request", op });
			answer(id, response ?? { ok: false, code: "EXTENSION_GONE" });
		} catch {
			answer(id, { ok: false, code: "EXTENSION_GONE" }); // it was updated, or the browser stopped it
		} finally {
			busy = false;
		}
	});
	allowed.then((ok) => ok && post({ carnet: "ready", version }));
})();
