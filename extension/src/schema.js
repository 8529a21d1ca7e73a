// The shape of what the module may answer. What is not exactly of this shape goes no further.

const text = (max) => (v) => typeof v === "string" && v.length <= max;
const maybe = (check) => (v) => v === null || check(v);
const one = (...values) => (v) => values.includes(v);
const flag = (v) => typeof v === "boolean";
const whole = (min, max) => (v) => Number.isInteger(v) && v >= min && v <= max;
const list = (check, max) => (v) => Array.isArray(v) && v.length <= max && v.every(check);
const object = (fields) => (v) =>
	typeof v === "object" && v !== null && !Array.isArray(v) && Object.keys(v).length === Object.keys(fields).length && Object.entries(fields).every(([name, check]) => Object.hasOwn(v, name) && check(v[name]));

const kind = one("none", "vitale2", "vitale1", "cps", "other");

const beneficiary = object({
	insured: flag, surname: text(128), birthName: maybe(text(128)), givenName: text(128),
	birth: object({ raw: (v) => typeof v === "string" && /^([0-9]{6}|[0-9]{8})$/.test(v), year: maybe(whole(0, 9999)), lunisolar: flag }),
	birthRank: maybe(whole(1, 9)), quality: maybe(text(128)), address: maybe(list(text(128), 5)),
	nir: maybe(text(13)), nirKey: maybe(text(2)), nirKeyOk: flag, nirOf: one("self", "insured", "unknown"),
	certifiedNir: maybe(text(15)), certifiedOn: maybe(text(20)),
});

export const reading = object({
	provider: one("direct", "apilec"), missing: list(text(32), 32),
	card: object({ type: kind, nature: one("real", "test", "demo", "specimen", "unknown"), serial: maybe(text(20)), atr: maybe(text(72)), validFrom: maybe(text(8)) }),
	beneficiaries: (v) => list(beneficiary, 32)(v) && v.length > 0,
	attachment: maybe(object({ scheme: text(128), fund: text(128), centre: text(128), managementCode: text(128), rights: list(object({ from: text(8), to: text(8) }), 3) })),
});

export const status = object({ service: flag, readers: list(object({ card: kind }), 16) });

export const hostCodes = ["NO_PCSC_SERVICE", "NO_PCSC_ACCESS", "NO_READER", "NO_CARD", "CARD_MUTE", "CARD_BUSY", "CARD_RESET", "CARD_REMOVED", "NOT_VITALE", "VITALE1_UNSUPPORTED",
	"NATURE_REFUSED", "BAD_CARD_DATA", "READ", "BAD_REQUEST", "VERSION_MISMATCH", "ORIGIN_NOT_ALLOWED", "INSECURE_CONTEXT", "PURPOSE_REFUSED"];

// understood gives {ok, host, status | data} or {ok: false, code}.
export function understood(answer, op) {
	const bad = { ok: false, code: "BAD_ANSWER" };
	if (typeof answer !== "object" || answer === null || !text(128)(answer.host)) return bad;
	if (answer.v !== 1) return { ok: false, code: "VERSION_MISMATCH" };
	if (answer.ok === false) return hostCodes.includes(answer.code) ? { ok: false, code: answer.code } : bad;
	if (answer.ok !== true) return bad;
	if (op === "status") return status(answer.status) && answer.data === undefined ? { ok: true, host: answer.host, status: answer.status } : bad;
	return reading(answer.data) && answer.status === undefined ? { ok: true, host: answer.host, data: answer.data } : bad;
}
