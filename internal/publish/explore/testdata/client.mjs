// Runs the npm client @opendatasoft/api-client against a portal: node client.mjs ORIGIN DATASET.
import assert from 'node:assert/strict';
import * as ods from '@opendatasoft/api-client';

const { ApiClient, fromCatalog, UserError, NotFoundError } = ods.default ?? ods;
const [origin, id] = process.argv.slice(2);
const client = new ApiClient({ domain: origin });
const dataset = () => fromCatalog().dataset(id);
let passed = 0;

async function test(name, run) {
  try {
    await run();
    passed++;
  } catch (error) {
    console.error(`${name}:`, error);
  }
}

await test('catalogue', async () => {
  const out = await client.get(fromCatalog().datasets().limit(5));
  assert.equal(out.total_count, 1);
  assert.equal(out.results[0].dataset_id, id);
});
await test('dataset', async () => {
  const out = await client.get(dataset().itself());
  assert.equal(out.fields[0].name, 'date_reference');
});
await test('records', async () => {
  const out = await client.get(dataset().records().where("departement_residence:'75' and date >= date'2022-11-01'").orderBy('-date').limit(10));
  assert.equal(out.total_count, 30);
  assert.equal(out.results.length, 10);
  assert.equal(out.results[0].date, '2022-12-04');
});
await test('groups', async () => {
  const out = await client.get(dataset().records().select('sum(effectif_1_inj) as total').groupBy('departement_residence as dep').where("niveau = 'departement'").orderBy('-total').limit(10));
  assert.deepEqual(out.results[0], { dep: '01', total: 4704000 });
});
await test('excluded', async () => {
  const out = await client.get(dataset().records().exclude('departement_residence:999').limit(0));
  assert.equal(out.total_count, 1152);
});
await test('facets', async () => {
  const out = await client.get(dataset().facets().facet('classe_age'));
  assert.equal(out.facets[0].facets.length, 3);
});
await test('export', async () => {
  const out = await client.get(dataset().export('json').limit(-1).select('effectif_1_inj'));
  assert.equal(out.length, 1440);
});
await test('refused', async () => {
  await assert.rejects(client.get(dataset().records().where('garbage==')), error => error instanceof UserError && /position 8/.test(JSON.stringify(error.message)));
});
await test('not found', async () => {
  await assert.rejects(client.get(fromCatalog().dataset('nothing').records()), error => error instanceof NotFoundError);
});
console.log(`${passed} passed`);
