import { rm } from 'node:fs/promises';
import type { TableServiceClient } from '@tally/stubs';
import fc from 'fast-check';
import { Status } from 'nice-grpc';
import { describe, expect, test } from 'vitest';
import { verifyDataFolder } from '../dist/verify/verify.js';
import { endWith, sharedServer, withFolder, withProcess, withServer } from './server.js';
import { keep, piecesOf, sumOf } from './table-calls.js';
import { tableFolders } from './table-files.js';

const idsIn = async (streamed: TableServiceClient) =>
  (await streamed.listChunks({})).chunks.map(({ chunkId }) => chunkId);

describe('a chunk that is deleted', () => {
  const shared = sharedServer({});

  test('is in no sum, no list and no count any more', async () => {
    const { table, streamed } = shared.connection;
    for (const n of [1, 10, 100]) await keep(table, `x,only ${n}\n${n},${n}\n`);
    expect(await sumOf(table, 'x')).toBe(111n);
    const [first = '', second = '', third = ''] = await idsIn(streamed);
    expect(await streamed.deleteChunk({ chunkId: second })).toEqual({ version: 3n });
    expect(await sumOf(table, 'x')).toBe(101n);
    expect(await sumOf(table, 'only 10')).toBe(0n);
    expect(await idsIn(streamed)).toEqual([first, third]);
    const { summary, columns } = await streamed.describeTable({});
    expect(summary).toMatchObject({ version: 3n, rows: 2n, chunks: 2n });
    // Delta Lake keeps a column for good.
    expect(columns.map(({ name }) => name)).toEqual(['x', 'only 1', 'only 10', 'only 100']);
    await expect(streamed.deleteChunk({ chunkId: second })).rejects.toMatchObject({
      code: Status.NOT_FOUND,
      details: `the table "default" has no chunk "${second}": ListChunks lists them`,
    });
    await expect(streamed.deleteChunk({ chunkId: '../x' })).rejects.toMatchObject({
      code: Status.NOT_FOUND,
    });
  });

  test('may be uploaded again with its idempotency key', async () => {
    const { table, streamed } = shared.connection;
    async function* keyed() {
      yield { csvData: Buffer.from('again\n5\n'), idempotencyKey: 'again' };
    }
    const { chunkId } = await streamed.upload(keyed());
    expect((await streamed.upload(keyed())).chunkId).toBe(chunkId);
    await streamed.deleteChunk({ chunkId });
    expect(await sumOf(table, 'again')).toBe(0n);
    expect((await streamed.upload(keyed())).chunkId).not.toBe(chunkId);
    expect(await sumOf(table, 'again')).toBe(5n);
  });

  test('is deleted once when many ask for it, and uploads go on meanwhile', async () => {
    const { table, streamed } = shared.connection;
    const { chunkId } = await streamed.upload(piecesOf('race\n7\n', 3));
    const uploads = Array.from({ length: 8 }, () => keep(table, 'race\n1\n'));
    const deletions = await Promise.allSettled(
      Array.from({ length: 8 }, () => streamed.deleteChunk({ chunkId })),
    );
    await Promise.all(uploads);
    expect(deletions.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await sumOf(table, 'race')).toBe(8n);
  });
});

test('deletions are there after a kill, also in an index that is made anew, and verify agrees', () =>
  withFolder(async (dataDir) => {
    await withProcess({ dataDir }, async (server, { table, streamed }) => {
      for (const n of [1, 10, 100, 1000]) await keep(table, `x\n${n}\n`);
      const [first = '', , third = ''] = await idsIn(streamed);
      await streamed.deleteChunk({ chunkId: first });
      await streamed.deleteChunk({ chunkId: third });
      await endWith(server, 'SIGKILL');
    });
    for (const isMadeAnew of [false, true]) {
      if (isMadeAnew) await rm(tableFolders(dataDir).index, { recursive: true });
      await withServer({ dataDir }, async (_server, { table, streamed }) => {
        expect(await sumOf(table, 'x')).toBe(1010n);
        expect(await idsIn(streamed)).toHaveLength(2);
        expect((await streamed.describeTable({})).summary).toMatchObject({ rows: 2n, chunks: 2n });
      });
      expect((await verifyDataFolder(dataDir)).problems).toEqual([]);
    }
  }));

test('any uploads and deletions leave what a model of them says', () =>
  withServer({}, async (_server, { table, streamed }) => {
    const step = fc.oneof(fc.integer(), fc.record({ deleted: fc.nat() }));
    const model: { chunkId: string; value: number }[] = [];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        for (const step of steps) {
          if (typeof step === 'number') {
            const { chunkId } = await streamed.upload(piecesOf(`x\n${step}\n`, 5));
            model.push({ chunkId, value: step });
          } else if (model.length > 0) {
            const [gone] = model.splice(step.deleted % model.length, 1);
            await streamed.deleteChunk({ chunkId: gone?.chunkId ?? '' });
          }
        }
        const sum = model.reduce((sum, { value }) => sum + BigInt(value), 0n);
        expect(await sumOf(table, 'x')).toBe(sum);
        expect(await idsIn(streamed)).toEqual(model.map(({ chunkId }) => chunkId));
      }),
      { numRuns: 12 },
    );
  }));
