// An OpenID provider by others (npm oidc-provider, the engine that FranceConnect runs), set up in
// the shape of FranceConnect ("fc"), FranceConnect+ ("fc-plus"), Pro Santé Connect ("psc") or
// ProConnect ("proconnect").
//
//   node provider.mjs '{"engine": "oidc-provider", "shape": "fc", "port": 0, "password": "…",
//                       "client": {…}, "accounts": {"identifier": {claims}}}'
//
// It prints {"issuer", "discovery", "control"} in one line when it listens, and ends with its
// standard input. Its login page has the fields identifier and password; at control + "/phone" a
// test is the phone: GET lists the calls, POST {"number", "answer", "binding"} answers one.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { load } from './load.mjs';

const config = JSON.parse(process.argv[2]);
const { default: Provider, errors } = await load(config.engine);

// A provider that goes away and comes back has the keys that it had.
const key = config.key ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const secret = randomBytes(32);
const hash = (...parts) => {
  const h = createHash('sha256').update(secret);
  for (const p of parts) h.update(`${Buffer.byteLength(p)}:`).update(p);
  return h.digest('hex');
};

// Each platform of the State knows some parameters of an authorization request. Anything else is
// refused on a page of its own, before the engine sees it.
const basic = ['client_id', 'redirect_uri', 'response_type', 'scope', 'state', 'nonce'];
const franceConnect = { code: 'Y030007', needed: [...basic, 'acr_values'], more: ['claims', 'prompt', 'idp_hint', 'ui_locales'], nonce: 22 };
const proConnect = { code: 'Y000400', needed: basic, more: ['claims', 'prompt', 'idp_hint', 'login_hint'], nonce: 32 };

const pivot = ['given_name', 'family_name', 'birthdate', 'gender', 'birthplace', 'birthcountry'];
const citizens = {
  path: '/api/v2',
  routes: { authorization: '/authorize', end_session: '/session/end', jwks: '/jwks', token: '/token', userinfo: '/userinfo', revocation: '/token/revocation' },
  scopes: ['openid', 'identite_pivot', 'preferred_username', 'email'],
  claims: { openid: ['sub'], identite_pivot: pivot, preferred_username: ['preferred_username'], email: ['email'] },
  methods: ['client_secret_post', 'private_key_jwt'],
  pkce: false,
  strict: franceConnect,
  client: { token_endpoint_auth_method: 'client_secret_post', userinfo_signed_response_alg: 'ES256' },
  life: { AccessToken: 60, AuthorizationCode: 30, IdToken: 60, Grant: 30 },
};
const shapes = {
  fc: { ...citizens, acr: ['eidas1'], session: 1800 },
  'fc-plus': {
    ...citizens,
    acr: ['eidas2', 'eidas3'],
    session: 600,
    client: {
      ...citizens.client,
      id_token_encrypted_response_alg: config.encryption ?? 'ECDH-ES', id_token_encrypted_response_enc: 'A256GCM',
      userinfo_encrypted_response_alg: config.encryption ?? 'ECDH-ES', userinfo_encrypted_response_enc: 'A256GCM',
    },
  },
  psc: {
    path: '/auth/realms/esante-wallet',
    discovery: '/.well-known/wallet-openid-configuration',
    routes: {
      authorization: '/protocol/openid-connect/auth', token: '/protocol/openid-connect/token', userinfo: '/protocol/openid-connect/userinfo',
      jwks: '/protocol/openid-connect/certs', end_session: '/protocol/openid-connect/logout', revocation: '/protocol/openid-connect/revoke',
      backchannel_authentication: '/protocol/openid-connect/ext/ciba/auth',
    },
    scopes: ['openid', 'scope_all'],
    claims: { openid: ['sub'], scope_all: ['given_name', 'family_name', 'preferred_username', 'SubjectNameID', 'SubjectRefPro'] },
    methods: ['client_secret_basic', 'private_key_jwt'],
    pkce: true,
    acr: ['eidas1'],
    session: 1800,
    client: { subject_type: 'public', token_endpoint_auth_method: 'client_secret_basic', backchannel_token_delivery_mode: 'poll' },
    life: { AccessToken: 120, AuthorizationCode: 60, IdToken: 120, Grant: 120 },
    ciba: true,
  },
};
shapes.proconnect = {
  ...citizens,
  strict: proConnect,
  acr: ['eidas0', 'eidas0-mfa', 'eidas1', 'eidas1-mfa', 'eidas2', 'eidas3'],
  session: 12 * 3600,
  scopes: ['openid', 'given_name', 'usual_name', 'email', 'uid', 'siret'],
  claims: { openid: ['sub'], given_name: ['given_name'], usual_name: ['usual_name'], email: ['email'], uid: ['uid'], siret: ['siret'] },
};
const shape = shapes[config.shape];

const calls = new Map(); // number -> {request, binding, context, client}

const account = (id) => {
  const claims = config.accounts[id];
  return claims && { accountId: id, claims: async () => ({ sub: id, ...claims }) };
};

const grantFor = async (clientId, accountId) => {
  const grant = new provider.Grant({ clientId, accountId });
  grant.addOIDCScope(shape.scopes.join(' '));
  grant.addOIDCClaims(Object.values(shape.claims).flat());
  return grant;
};

const server = createServer((req, res) => handle(req, res).catch((err) => {
  console.error(err);
  res.writeHead(500).end();
}));
await new Promise((ready) => server.listen(config.port ?? 0, '127.0.0.1', ready));
const control = `http://localhost:${server.address().port}`;
const issuer = control + shape.path;

const provider = new Provider(issuer, {
  clients: [{
    response_types: ['code'],
    grant_types: ['authorization_code', ...(shape.ciba ? ['urn:openid:params:grant-type:ciba'] : [])],
    subject_type: 'pairwise',
    id_token_signed_response_alg: 'ES256',
    require_auth_time: true,
    ...shape.client,
    ...config.client,
  }],
  jwks: { keys: [{ ...key, use: 'sig', alg: 'ES256', kid: 'peer' }] },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  routes: shape.routes,
  scopes: shape.scopes,
  claims: { acr: null, amr: null, auth_time: null, iss: null, sid: null, ...shape.claims },
  acrValues: shape.acr,
  subjectTypes: ['pairwise', 'public'],
  pairwiseIdentifier: async (ctx, accountId, client) => `${hash(client.clientId, accountId)}v1`,
  clientAuthMethods: shape.methods,
  responseTypes: ['code'],
  pkce: { required: () => shape.pkce },
  conformIdTokenClaims: true,
  enabledJWA: {
    idTokenSigningAlgValues: ['ES256'], userinfoSigningAlgValues: ['ES256'], clientAuthSigningAlgValues: ['ES256', 'RS256'],
    idTokenEncryptionAlgValues: ['ECDH-ES', 'RSA-OAEP', 'RSA-OAEP-256'], idTokenEncryptionEncValues: ['A256GCM'],
    userinfoEncryptionAlgValues: ['ECDH-ES', 'RSA-OAEP', 'RSA-OAEP-256'], userinfoEncryptionEncValues: ['A256GCM'],
  },
  features: {
    devInteractions: { enabled: false },
    claimsParameter: { enabled: true },
    jwtUserinfo: { enabled: true },
    revocation: { enabled: true },
    encryption: { enabled: config.shape === 'fc-plus' },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => { ctx.body = page('Se déconnecter', form.replace('</form>', '<button name="logout" value="yes">Oui</button></form>')); },
      postLogoutSuccessSource: (ctx) => { ctx.body = page('Déconnecté', ''); },
    },
    ciba: shape.ciba ? {
      enabled: true,
      deliveryModes: ['poll'],
      processLoginHint: async (ctx, hint) => (config.accounts[hint] ? hint : undefined),
      processLoginHintToken: async () => undefined,
      verifyUserCode: async () => {},
      validateRequestContext: async (ctx, context) => { if (context !== undefined) JSON.parse(context); },
      validateBindingMessage: async (ctx, message) => {
        if (!/^[0-9]{2,8}$/.test(message ?? '')) throw new errors.InvalidBindingMessage('digits only');
      },
      triggerAuthenticationDevice: async (ctx, request, who, client) => {
        calls.set(who.accountId, { request, binding: ctx.oidc.params.binding_message, context: ctx.oidc.params.request_context, channel: ctx.oidc.params.channel, client: client.clientId });
      },
    } : { enabled: false },
  },
  extraParams: shape.ciba ? ['channel'] : [],
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  // The newest engine refuses addresses of this very machine; the client's keys are on it.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  findAccount: (ctx, id) => account(id),
  loadExistingGrant: async (ctx) => {
    const grant = await grantFor(ctx.oidc.client.clientId, ctx.oidc.session.accountId);
    await grant.save();
    return grant;
  },
  ttl: {
    ...shape.life, Session: shape.session, Interaction: shape.session,
    BackchannelAuthenticationRequest: (ctx) => Math.min(Math.max(Number(ctx.oidc.params.requested_expiry) || 120, 1), 300),
  },
});
provider.on('server_error', (ctx, err) => console.error(err));
const engine = provider.callback();

const page = (title, body) => `<!doctype html><html lang="fr"><title>${title}</title><h1>${title}</h1>${body}</html>`;

const answer = (res, status, body, type = 'text/html; charset=utf-8') => {
  res.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
};

const read = async (req) => {
  const parts = [];
  for await (const p of req) parts.push(p);
  return Buffer.concat(parts).toString();
};

const refused = (params, { needed, more, nonce }) => {
  for (const name of params.keys()) if (!needed.includes(name) && !more.includes(name)) return name;
  for (const name of needed) if (!params.get(name)) return name;
  return (params.get('nonce').length < nonce && 'nonce') || (params.get('prompt') === 'none' && 'prompt') || undefined;
};

async function handle(req, res) {
  const url = new URL(req.url, control);
  if (url.pathname === '/phone') return phone(req, res);
  if (url.pathname.startsWith('/interaction/')) return interact(req, res);
  if (shape.strict && url.pathname === `${shape.path}/authorize` && req.method === 'GET') {
    const fault = refused(url.searchParams, shape.strict);
    if (fault) return answer(res, 400, page(shape.strict.code, fault));
  }
  if (shape.discovery && url.pathname === shape.path + shape.discovery) {
    req.url = `${shape.path}/.well-known/openid-configuration`;
  }
  if (!req.url.startsWith(`${shape.path}/`)) return answer(res, 404, '');
  req.originalUrl = req.url;
  req.url = req.url.slice(shape.path.length);
  return engine(req, res);
}

// interact asks for identifier and password, or goes back without.
async function interact(req, res) {
  const { params } = await provider.interactionDetails(req, res);
  if (req.method === 'GET') {
    return answer(res, 200, page('Connexion', '<form method="post"><input name="identifier"><input name="password" type="password"><button name="action" value="login">Se connecter</button><button name="action" value="quit">Annuler</button></form>'));
  }
  const form = new URLSearchParams(await read(req));
  if (form.get('action') === 'quit') {
    return provider.interactionFinished(req, res, { error: 'access_denied', error_description: 'User auth aborted' });
  }
  if (!account(form.get('identifier')) || form.get('password') !== config.password) {
    return answer(res, 401, page('Refusé', ''));
  }
  const levels = params.acr_values?.split(' ') ?? JSON.parse(params.claims ?? '{}').id_token?.acr?.values ?? [];
  const asked = levels.filter((v) => shape.acr.includes(v)).sort();
  return provider.interactionFinished(req, res, {
    login: { accountId: form.get('identifier'), acr: config.acr ?? asked[0] ?? shape.acr[0], amr: ['pwd'], ts: Math.floor(Date.now() / 1000) },
  });
}

// phone lists the calls and answers one. The number shown on the computer is typed there.
async function phone(req, res) {
  if (req.method === 'GET') {
    const list = [...calls].map(([number, c]) => ({ number, binding: c.binding, context: c.context, channel: c.channel, client: c.client }));
    return answer(res, 200, JSON.stringify(list), 'application/json');
  }
  const { number, binding, answer: said } = JSON.parse(await read(req));
  const call = calls.get(number);
  if (!call) return answer(res, 404, '');
  calls.delete(number);
  if (said === 'approve' && binding === call.binding) {
    const grant = await grantFor(call.client, number);
    const id = await grant.save();
    await provider.backchannelResult(call.request, id, { acr: config.acr ?? shape.acr[0], amr: ['pop', 'pin'], authTime: Math.floor(Date.now() / 1000) });
  } else {
    // The engine keeps the words of an error under another name than it reads them by.
    if (said === 'report') call.request.errorDescription = 'reported';
    await provider.backchannelResult(call.request, new errors.AccessDenied());
  }
  return answer(res, 204);
}

process.stdin.on('end', () => process.exit(0)).resume();
console.log(JSON.stringify({ issuer, discovery: issuer + (shape.discovery ?? '/.well-known/openid-configuration'), control }));
