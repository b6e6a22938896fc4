import { connect } from '@tally/client';

await using tally = await connect(process.env.TALLY_ADDRESS ?? 'localhost:5440');
const { tables } = tally;

await tables.create('cities');
await tables.upload(Buffer.from('name,people\nKyiv,2952301\nOdesa,1010537\n'), { table: 'cities' });
const mistake = await tables.upload(Buffer.from('name,people\nAtlantis,0\n'), { table: 'cities' });

for await (const { chunkId, rows } of tables.chunks({ table: 'cities' })) {
  console.log(chunkId === mistake.chunkId ? 'the mistake' : 'a chunk', 'of', rows, 'rows');
}
const version = await tables.deleteChunk(mistake.chunkId, { table: 'cities' });
console.log('version', version, 'does not have it any more');

const { rows, columns } = await tables.describe({ table: 'cities' });
for (const { name, types } of columns) console.log(name, types.map(({ type }) => type).join(', '));
console.log(rows, 'rows');

// All that can be computed of a column of numbers, in one pass.
const result = await tables.aggregate(['people', 'name'], {
  table: 'cities',
  onProgress: ({ chunksDone, chunks }) => console.log(`${chunksDone} of ${chunks} chunks`),
});
for (const { column, count, sum, mean } of result.columns) console.log(column, count, sum, mean);

// As it was before the chunk was deleted.
const before = await tables.aggregate(['people'], {
  table: 'cities',
  functions: ['count'],
  format: 'csv',
  version: version - 1,
});
console.log(before.columns[0]?.count, 'before');

await tables.drop('cities');
for await (const { table, chunks } of tables.list()) console.log(table, chunks);
