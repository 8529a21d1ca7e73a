// Loads a package of package.json from the folder that CARNET_PEERS names: the packages are
// installed by scripts/test, outside the repository.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

if (!process.env.CARNET_PEERS) {
  console.error('CARNET_PEERS is not set: scripts/test sets it');
  process.exit(2);
}
const { resolve } = createRequire(process.env.CARNET_PEERS + '/package.json');

export const load = (name) => import(pathToFileURL(resolve(name)).href);
