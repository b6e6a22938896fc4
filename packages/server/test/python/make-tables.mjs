// Shows that delta-rs opens every table that Tally makes, also after its own vacuum, and that
// Tally goes on with the table after that.
//
// Usage: node packages/server/test/python/make-tables.mjs <python>
//
// <python> is an interpreter with deltalake==1.6.6 and pyarrow. Fills one data folder after the
// other through a server, runs check_delta.py on it, then starts a server on it again. Exits with
// 1 at the first difference. The server must have been built.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { TableDefinition } from '@tally/stubs';
import { createChannel, createClient } from 'nice-grpc';
import { launchServer } from '../../dist/launch.js';

const numbered = (count, line) => Array.from({ length: count }, (_, i) => line(i)).join('\n');
const awkward = [' ', ',', ';', '{', '}', '(', ')', '=', '\t', '\n', '.', '"', "'", '`', '/'];
const awkwardNames = awkward.map((c) => `"a${c.replace('"', '""')}b"`).join();

/** The chunks of each table. */
const tables = {
  'the example of the assignment': ['x,y,z\n1,2,3\n4,5,6\n', 'x,y\n5,10\n0,20\n'],
  'all types, with nulls': [
    'long,double,boolean,date,timestamp,text\n' +
      '1,1.5,true,2024-02-29,2024-02-29T12:00:00.25+02:00,hello\n,,,,,\n2,-3e5,FALSE,0001-01-01,1969-12-31 23:59:59,""\n',
    'text,timestamp,date,boolean,double,long\n,,,,,\n"a, ""b""\nc",2024-01-01T00:00Z,9999-12-31,true,.5,-7\n',
  ],
  'columns that change their type': [
    'x,note\n1,2024\n',
    'x,note\n2,hello\n',
    'x,note\n0.5,2024-01-01\n',
    'note,x\n5,3\n',
    'note__string,note\n7,word\n',
  ],
  'names that Delta Lake does not know': [
    `${awkwardNames}\n${awkward.map((_, i) => i + 1).join()}\n`,
    'Date,date,DATE,,x.y,x,é,éa,中文,中文名,__proto__\n1,2,3,4,5,6,7,8,9,10,11\n',
    `${'n'.repeat(1024)},${'n'.repeat(1023)}m,column_1,\n1,2,3,4\n`,
  ],
  'a header only': ['x,y\n'],
  'no value at all': ['x,y\n,\n,\n', 'x\n\n\n'],
  'no values first, values later': ['x,y\n', 'x,y\n,\n', 'x,y\n,1\n', 'y,x\n,2\n', 'z\n'],
  'line ends, a byte order mark, blank lines': [
    'x,y\r\n1,2\r\n3,4',
    '\ufeffx,y\r5,6\r',
    '\n\nx,y\n\n7,8\n\n',
    'x\n\n9\n\n',
  ],
  'integers at the edges of int64': [
    `x,y\n${2n ** 63n - 1n},${2n ** 63n}\n${-(2n ** 63n)},1\n`,
    'x,y\n+00042,7\n" 5 ",\n',
  ],
  'many rows in several row groups': [
    `i,text,even\n${numbered(25_000, (i) => `${i},text ${i % 100},${i % 2 === 0 ? i : ''}`)}\n`,
    `i,even\n${numbered(5000, (i) => `${-i},${i}`)}\n`,
  ],
  'many columns': [
    `${Array.from({ length: 500 }, (_, i) => `c${i}`).join()}\n${numbered(3, (row) =>
      Array.from({ length: 500 }, (_, i) => (i % 3 === 2 ? `t${row}` : i * row)).join(),
    )}\n`,
  ],
  'so many chunks that checkpoints have taken the place of commits': Array.from(
    { length: 230 },
    (_, i) => (i % 50 === 7 ? `x,note\n${i},new\n` : `x,y\n${i},${-i}\n`),
  ),
};

/** Runs `work` with a client of a server on the folder, and ends the server. */
async function withTable(dataDir, work) {
  const server = await launchServer({ dataDir, args: ['--row-group-rows-max', '10000'] });
  const channel = createChannel(server.address);
  try {
    return await work(createClient(TableDefinition, channel));
  } finally {
    channel.close();
    await server.stop();
  }
}

async function upload(table, csv) {
  const { error } = await table.upload({ csvData: Buffer.from(csv) });
  assert.equal(error, '', `the upload of ${JSON.stringify(csv.slice(0, 60))}`);
}

/** What both formats answer for some columns; they must agree. */
async function sums(table, columns) {
  const answers = [];
  for (const column of columns) {
    const csv = await table.colSum({ column, format: 'csv' });
    const parquet = await table.colSum({ column, format: 'parquet' });
    assert.deepEqual(parquet, csv, `the sums of ${JSON.stringify(column)}`);
    answers.push([column, csv]);
  }
  return answers;
}

/** Some columns of all tables: those with their own names in them, and one that nobody has. */
const columns = ['x', 'y', 'z', 'i', 'even', 'long', 'note', 'double', 'Date', 'date', 'x.y'];
const moreColumns = ['é', 'éa', '中文', 'a b', 'a,b', 'a\nb', 'column_4', 'c0', 'c1498', 'nobody'];

async function check(python, name, chunks) {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'tally-delta-rs-'));
  const asked = [...columns, ...moreColumns];
  try {
    const before = await withTable(dataDir, async (table) => {
      for (const csv of chunks) await upload(table, csv);
      return sums(table, asked);
    });

    // A file that no commit knows, as a crash may leave one: what a vacuum is there to remove.
    const stray = path.join(dataDir, 'tables', 'default', 'delta', 'parquet', 'stray.parquet');
    await writeFile(stray, '');
    runPython(python, dataDir, name);
    assert.ok(!existsSync(stray), 'the vacuum has removed what no commit knows');
    const after = await withTable(dataDir, async (table) => {
      assert.deepEqual(await sums(table, asked), before, 'the sums after the vacuum');
      await upload(table, 'x,only here\n1000,1\n');
      return sums(table, ['x', 'only here']);
    });
    const [, { total, error }] = before[0];
    if (error === '') assert.equal(after[0][1].total, total + 1000n, 'the sum of x');
    assert.equal(after[1][1].total, 1n, 'the sum of a new column');
    // What Tally wrote after the vacuum is as good as what it wrote before.
    runPython(python, dataDir, name);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

function runPython(python, dataDir, name) {
  const script = fileURLToPath(new URL('check_delta.py', import.meta.url));
  const { status, stdout, stderr, error } = spawnSync(python, [script, dataDir], {
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  assert.equal(status, 0, `${name}: delta-rs disagrees\n${stdout}${stderr}`);
}

const [python] = process.argv.slice(2);
if (python === undefined) {
  console.error('usage: node make-tables.mjs <python with deltalake and pyarrow>');
  process.exit(2);
}
for (const [name, chunks] of Object.entries(tables)) {
  await check(python, name, chunks);
  console.log(`delta-rs agrees: ${name}`);
}
