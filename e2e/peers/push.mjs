// Reads a Web Push as a browser and its push service would: decrypts the body with http_ece and
// verifies the VAPID token with jose. In: JSON on standard input {body, authorization, endpoint,
// privateKey, publicKey, auth, now}, all bytes in base64url. Out: JSON {text, size, claims}.
import { createECDH } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { load } from './load.mjs';

const { default: ece } = await load('http_ece');
const { importJWK, jwtVerify } = await load('jose');

const input = JSON.parse(await text(process.stdin));
const bytes = (s) => Buffer.from(s, 'base64url');

const receiver = createECDH('prime256v1');
receiver.setPrivateKey(bytes(input.privateKey));
if (!receiver.getPublicKey().equals(bytes(input.publicKey))) throw new Error('the keys do not go together');
const clear = ece.decrypt(bytes(input.body), { version: 'aes128gcm', privateKey: receiver, authSecret: input.auth });

const [, token, key] = /^vapid t=([^,]+), ?k=(.+)$/.exec(input.authorization);
const point = bytes(key);
if (point.length !== 65 || point[0] !== 4) throw new Error('k is no uncompressed point');
const jwk = { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') };
const { payload, protectedHeader } = await jwtVerify(token, await importJWK(jwk, 'ES256'), {
  audience: new URL(input.endpoint).origin, algorithms: ['ES256'], currentDate: new Date(input.now), requiredClaims: ['exp', 'sub'],
});
console.log(JSON.stringify({ text: clear.toString(), size: clear.length, claims: payload, alg: protectedHeader.alg }));
