import { createHash, randomUUID, subtle } from "node:crypto";
import { Buffer } from "node:buffer";

const origin = "{{.Origin}}", client = "{{.Client}}", professional = "{{.Professional}}", place = "{{.Place}}", nir = "{{.NIR}}";
const key = {{.Key}};

const curve = { name: "ECDSA", namedCurve: "P-256" }, hash = { name: "ECDSA", hash: "SHA-256" };
const b64 = (x) => Buffer.from(typeof x === "string" || x instanceof Uint8Array ? x : JSON.stringify(x)).toString("base64url");
const sign = async (header, claims, by) => {
	const text = b64({ alg: "ES256", ...header }) + "." + b64(claims);
	return text + "." + b64(new Uint8Array(await subtle.sign(hash, by, Buffer.from(text))));
};
const mine = await subtle.importKey("jwk", key, curve, false, ["sign"]);
const proof = await subtle.generateKey(curve, true, ["sign"]);
const { kty, crv, x, y } = await subtle.exportKey("jwk", proof.publicKey);
let nonce;

// Sends with a DPoP proof, and once more with the nonce when the server asks for one.
async function send(method, url, headers, body, token) {
	for (let last = false; ; last = true) {
		const claims = { jti: randomUUID(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000), nonce };
		if (token) claims.ath = createHash("sha256").update(token).digest("base64url");
		const dpop = await sign({ typ: "dpop+jwt", jwk: { kty, crv, x, y } }, claims, proof.privateKey);
		const answer = await fetch(url, { method, headers: { ...headers, DPoP: dpop, ...(token && { Authorization: "DPoP " + token }) }, body: await body() });
		const fresh = answer.headers.get("DPoP-Nonce") !== nonce;
		nonce = answer.headers.get("DPoP-Nonce");
		if (last || !fresh || (answer.status !== 400 && answer.status !== 401)) return answer;
		await answer.text();
	}
}

const form = { "Content-Type": "application/x-www-form-urlencoded" };
const now = () => Math.floor(Date.now() / 1000);
const granted = await (await send("POST", origin + "/oauth/token", form, async () => new URLSearchParams({
	grant_type: "client_credentials", scope: "system/Immunization.crus system/Patient.rs", professional, place,
	client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
	client_assertion: await sign({ kid: key.kid }, { iss: client, sub: client, aud: origin + "/oauth/token", jti: randomUUID(), exp: now() + 60 }, mine),
}))).json();
if (!granted.access_token) throw new Error(granted.error_description);

const found = await send("POST", origin + "/fhir/Patient/_search", form, async () => new URLSearchParams({ identifier: "urn:oid:1.2.250.1.213.1.4.8|" + nir }), granted.access_token);
console.log(found.status, JSON.stringify(await found.json(), null, 2));
