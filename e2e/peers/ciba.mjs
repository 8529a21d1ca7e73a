// Asks a provider for calls with npm openid-client, a certified relying party, and prints what
// became of each in one line: {"nominal": acr, "early": error, …}. See run A of the tests.
import { load } from './load.mjs';

const config = JSON.parse(process.argv[2]);
const client = await load('openid-client');

const as = await client.discovery(new URL(config.discovery), config.client_id, {
  client_secret: config.client_secret,
  backchannel_token_delivery_mode: 'poll',
}, client.ClientSecretBasic(config.client_secret), { execute: [client.allowInsecureRequests] });

const params = (more) => new URLSearchParams({ scope: 'openid scope_all', acr_values: 'eidas1', login_hint: config.number, binding_message: '42', channel: 'MOBILE', ...more });
const code = (err) => err.error ?? err.code ?? String(err);
const poll = (id) => client.genericGrantRequest(as, 'urn:openid:params:grant-type:ciba', { auth_req_id: id });
const answer = (said) => fetch(config.control + '/phone', { method: 'POST', body: JSON.stringify({ number: config.number, answer: said, binding: '42' }) });
const fails = async (work) => {
  try {
    await work();
    return 'accepted';
  } catch (err) {
    return code(err);
  }
};
const start = (more) => client.initiateBackchannelAuthentication(as, params(more));

const out = {};
let call = await start({});
out.early = await fails(() => poll(call.auth_req_id));
await answer('approve');
const tokens = await poll(call.auth_req_id);
out.nominal = tokens.claims().acr;
out.replay = await fails(() => poll(call.auth_req_id));
call = await start({});
await answer('deny');
out.denial = await fails(() => poll(call.auth_req_id));
call = await start({ requested_expiry: '2' });
await new Promise((later) => setTimeout(later, 2500));
out.expiry = await fails(() => poll(call.auth_req_id));
out.binding = await fails(() => start({ binding_message: 'x y z' }));
out.unknown = await fails(() => start({ login_hint: config.unknown }));
console.log(JSON.stringify(out));
