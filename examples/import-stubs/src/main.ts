// Calls every method of both services once:
//
//   node dist/main.js [<host:port>]      default: 127.0.0.1:5440
import { NumStoreDefinition, TableDefinition } from '@tally/stubs';
import { createChannel, createClient } from 'nice-grpc';

const address = process.argv[2] ?? '127.0.0.1:5440';

// One channel is one connection; any number of clients may share it.
const channel = createChannel(address);
const numbers = createClient(NumStoreDefinition, channel);
const table = createClient(TableDefinition, channel);

try {
  // int64 fields are bigint: a number would lose digits past 2^53.
  const { total } = await numbers.setNum({ key: 'five', value: 5n });
  console.log(`SetNum five = 5: the total of all numbers is ${total}`);

  const { value, hit } = await numbers.fact({ key: 'five' });
  console.log(`Fact five: ${value} (${hit ? 'cached' : 'computed'})`);

  // What a caller can put right comes back as text in `error`, not as an exception.
  const { error } = await numbers.fact({ key: 'nobody set this' });
  console.log(`Fact of an unknown key: ${error}`);

  const csvData = new TextEncoder().encode('x,y\n1,2\n3,4\n');
  const upload = await table.upload({ csvData });
  console.log(`Upload of two rows: ${upload.error || 'success'}`);

  // Both formats hold the same data: "csv" reads the CSV files, "parquet" only the column.
  for (const format of ['csv', 'parquet']) {
    const sum = await table.colSum({ column: 'x', format });
    console.log(`ColSum of x from ${format}: ${sum.error || sum.total}`);
  }
} finally {
  channel.close();
}
