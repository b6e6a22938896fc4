import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { connect } from '@tally/client';

await using tally = await connect(process.env.TALLY_ADDRESS ?? 'localhost:5440');
const { tables } = tally;

// A file that pandas would write so: semicolons, NA, and a row that is not as it should be.
const { rejectedRows } = await tables.upload(
  Buffer.from('item;price;zip\ntea;3;00501\ncoffee;NA;10001\nmilk;1\n'),
  {
    csv: { delimiter: ';', nullWords: ['NA'], types: { zip: 'string' }, badRows: 'skip' },
  },
);
for (const { line, reason } of rejectedRows) console.log(`line ${line}: ${reason}`);

// As a Table of apache-arrow, whole in memory.
const table = await tables.arrowTable({ columns: ['item', 'price'] });
console.log(table.numRows, 'rows of', table.schema.names.join(' and '));

// As the bytes of an Arrow IPC stream: in constant memory, for pandas, polars or DuckDB.
await pipeline(tables.export(), createWriteStream('table.arrow'));
