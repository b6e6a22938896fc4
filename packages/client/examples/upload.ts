import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from '@tally/client';

await using tally = await connect(process.env.TALLY_ADDRESS ?? 'localhost:5440');

await writeFile('sales.csv', `item,amount\n${'tea,3\n'.repeat(100_000)}`);

// A path: the file may have any size, and is kept once, however often it has to be sent.
const { rows, columns } = await tally.tables.upload('sales.csv', {
  onProgress({ bytesSent, bytesTotal }) {
    if (bytesSent === bytesTotal) console.log('sent', bytesSent, 'bytes');
  },
});
console.log(rows, 'rows of', columns.map(({ name, type }) => `${name}: ${type}`).join(', '));

// A stream can be read once, so it is sent once.
await tally.tables.upload(createReadStream('sales.csv'));

// A function that opens one is called for each attempt.
const upload = await tally.tables.upload(async function* () {
  yield 'item,amount\n';
  for (let i = 0; i < 1000; i++) yield `coffee,${i}\n`;
});
console.log(upload.rows, 'rows');

// A key of one's own: another program that uses it does not add the file again.
const once = { idempotencyKey: 'sales-2026-11-23' };
const first = await tally.tables.upload('sales.csv', once);
const again = await tally.tables.upload('sales.csv', once);
console.log(first.chunkId === again.chunkId ? 'kept once' : 'kept twice');
