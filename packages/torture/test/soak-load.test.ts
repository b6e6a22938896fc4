import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { launchServer } from '@tally/server/launch';
import { expect, it } from 'vitest';
import { checkRestarted, checkStoredNumbers } from '../src/check-restarted.js';
import { connect } from '../src/connection.js';
import { ExpectedNumbers } from '../src/expected-numbers.js';
import { ExpectedTable } from '../src/expected-table.js';
import { ServerLife } from '../src/load/server-life.js';
import { setBallast } from '../src/load/set-numbers.js';
import { randomFrom } from '../src/random.js';
import { Latencies } from '../src/soak/latencies.js';
import { soakLoad } from '../src/soak/soak-load.js';

const chunks = 5;

it('knows what is there after a load of cancelled and refused calls, and a kill', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'tally-test-'));
  const expected = { numbers: new ExpectedNumbers(), table: new ExpectedTable() };
  const start = async () => new ServerLife(await launchServer({ dataDir }), expected);
  let life = await start();
  try {
    const connection = connect(life.address);
    await setBallast(life, connection);
    connection.close();
    const latencies = new Latencies();
    const load = soakLoad(life, latencies, randomFrom(1), 'test');
    await Promise.race([expected.table.reaches(chunks), load]);
    await life.kill();
    await load;
    expect(latencies.take('SetNum')?.p99).toBeGreaterThan(0);
    await checkStoredNumbers(dataDir, expected);
    life = await start();
    await checkRestarted(life, 1, 'all');
    expect(expected.table.chunks).toBeGreaterThanOrEqual(chunks);
  } finally {
    if (!life.killed) await life.kill();
    await rm(dataDir, { recursive: true, force: true });
  }
}, 120_000);
