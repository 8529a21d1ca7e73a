// Logs in at an issuer with npm openid-client, a certified relying party. It prints the address to
// send a browser to, reads the address that the browser was sent back to, and prints what became of
// the login. One line of JSON each way.
import { createInterface } from 'node:readline/promises';
import { load } from './load.mjs';

const config = JSON.parse(process.argv[2]);
const client = await load('openid-client');
const jose = await load('jose');

const auth = {
  client_secret_basic: () => client.ClientSecretBasic(config.client_secret),
  client_secret_post: () => client.ClientSecretPost(config.client_secret),
  private_key_jwt: async () => client.PrivateKeyJwt({ key: await jose.importJWK(config.sign, 'ES256'), kid: config.sign.kid }),
}[config.auth];
const as = await client.discovery(new URL(config.discovery), config.client_id, {
  ...(config.client_secret && { client_secret: config.client_secret }),
  id_token_signed_response_alg: 'ES256',
  ...(config.signed && { userinfo_signed_response_alg: 'ES256' }),
}, await auth(), { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] });
if (config.key) {
  const key = await jose.importJWK(config.key, config.key.alg);
  client.enableDecryptingResponses(as, ['A256GCM'], { key, alg: config.key.alg, kid: config.key.kid });
}

const state = client.randomState();
const nonce = client.randomNonce();
const verifier = client.randomPKCECodeVerifier();
const params = { redirect_uri: config.redirect_uri, scope: config.scope, state, nonce, ...config.params };
if (config.pkce) {
  params.code_challenge = await client.calculatePKCECodeChallenge(verifier);
  params.code_challenge_method = 'S256';
}
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
console.log(JSON.stringify({ go: client.buildAuthorizationUrl(as, params).href }));
const back = new URL((await lines.next()).value);

const code = (err) => err.error ?? err.code ?? err.cause?.error ?? String(err);
const fails = async (work) => {
  try {
    await work();
    return 'accepted';
  } catch (err) {
    return code(err);
  }
};
const checks = { expectedState: state, expectedNonce: nonce, idTokenExpected: true, ...(config.pkce && { pkceCodeVerifier: verifier }) };
const out = {
  foreignState: await fails(() => client.authorizationCodeGrant(as, back, { ...checks, expectedState: 'another' })),
};
const tokens = await client.authorizationCodeGrant(as, back, checks);
const claims = tokens.claims();
const info = await client.fetchUserInfo(as, tokens.access_token, claims.sub);
out.claims = claims;
out.info = info;
out.expires = tokens.expires_in;
out.refresh = tokens.refresh_token !== undefined;
out.foreignSubject = await fails(() => client.fetchUserInfo(as, tokens.access_token, 'somebody-else'));
if (config.revoke) {
  await client.tokenRevocation(as, tokens.access_token);
  out.revoked = await fails(() => client.fetchUserInfo(as, tokens.access_token, claims.sub));
}
out.replay = await fails(() => client.authorizationCodeGrant(as, back, checks));
if (config.signed_out) {
  // A relying party keeps the inner token of an encrypted one as the hint.
  let hint = tokens.id_token;
  if (config.key) {
    const { plaintext } = await jose.compactDecrypt(hint, await jose.importJWK(config.key, config.key.alg));
    hint = new TextDecoder().decode(plaintext);
  }
  out.end = client.buildEndSessionUrl(as, { id_token_hint: hint, post_logout_redirect_uri: config.signed_out, state }).href;
}
console.log(JSON.stringify(out));
process.exit(0);
