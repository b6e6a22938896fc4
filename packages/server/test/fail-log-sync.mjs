// Loaded into a server before its own code (NODE_OPTIONS=--import): makes every sync of a table's
// log folder fail with EIO while the file FAIL_GATE exists, as a failing disk does.

import fs, { existsSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { open } = fs.promises;

fs.promises.open = async (file, ...rest) => {
  const handle = await open(file, ...rest);
  if (!String(file).endsWith('_delta_log')) return handle;
  const sync = handle.sync.bind(handle);
  handle.sync = async () => {
    if (!existsSync(process.env.FAIL_GATE)) return sync();
    throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
  };
  return handle;
};
syncBuiltinESMExports();
