// Logs in by phone with npm openid-client, a certified relying party, and prints what became of each
// attempt in one line of JSON. What happens beside it, the test does: a line "approve", "decline",
// "wait" or "expire" asks for it, and "done" comes back on standard input.
import { createInterface } from 'node:readline';
import { load } from './load.mjs';

const config = JSON.parse(process.argv[2]);
const client = await load('openid-client');
const { decodeProtectedHeader } = await load('jose');

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const beside = async (what) => {
  console.log(what);
  await answers.next();
};

// The metadata are not where the issuer says by the standard, so they are read first.
const metadata = await (await fetch(config.discovery)).json();
const as = new client.Configuration(metadata, config.client_id, { client_secret: config.client_secret, backchannel_token_delivery_mode: 'poll' },
  client.ClientSecretBasic(config.client_secret));
client.allowInsecureRequests(as);

const start = (more) => client.initiateBackchannelAuthentication(as, new URLSearchParams({
  scope: 'openid scope_all', acr_values: 'eidas1', login_hint: config.number, binding_message: '42', channel: 'MOBILE', ...more,
}));
const poll = (call) => client.genericGrantRequest(as, 'urn:openid:params:grant-type:ciba', { auth_req_id: call.auth_req_id });
const fails = async (work) => {
  try {
    await work();
    return 'accepted';
  } catch (err) {
    return err.error ?? err.code ?? String(err);
  }
};

const out = {};
let call = await start({});
out.early = await fails(() => poll(call));
out.quick = await fails(() => poll(call));
await beside('approve');
const tokens = await poll(call);
out.nominal = tokens.claims().acr;
out.alg = decodeProtectedHeader(tokens.id_token).alg;
out.subject = (await client.fetchUserInfo(as, tokens.access_token, tokens.claims().sub)).SubjectNameID;
out.replay = await fails(() => poll(call));

call = await start({});
await beside('decline');
out.denial = await fails(() => poll(call));
call = await start({ requested_expiry: '30' });
await beside('expire');
out.expiry = await fails(() => poll(call));
out.binding = await fails(() => start({ binding_message: 'x y z' }));
out.unknown = await fails(() => start({ login_hint: config.nobody }));
console.log(JSON.stringify(out));
process.exit(0);
