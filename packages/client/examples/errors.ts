import { connect, TallyError } from '@tally/client';

const address = process.env.TALLY_ADDRESS ?? 'localhost:5440';
await using tally = await connect(address, {
  connectTimeoutMs: 5000,
  deadlineMs: 60_000,
  attempts: 3,
});

try {
  await tally.numbers.get('no such key');
} catch (error) {
  if (!(error instanceof TallyError)) throw error;
  console.log(error.code, error.reason, error.sentence);
}

try {
  await tally.tables.upload(Buffer.from('a,b\n1\n'));
} catch (error) {
  if (!(error instanceof TallyError)) throw error;
  console.log(error.code, error.sentence);
}

try {
  await tally.tables.create('no spaces, please');
} catch (error) {
  if (!(error instanceof TallyError)) throw error;
  for (const { field, description } of error.fieldViolations) console.log(field, description);
}

// Each call can be ended from outside.
const tooLate = AbortSignal.timeout(1);
await new Promise((resolve) => setTimeout(resolve, 20));
await tally.numbers.list({ signal: tooLate })[Symbol.asyncIterator]().next().catch(console.log);

// The calls of the first version, with their answers as they are.
await tally.frozen.setNum({ key: 'n', value: 5n });
console.log(await tally.frozen.fact({ key: 'n' }));
console.log(await tally.frozen.upload({ csvData: Buffer.from('x\n1\n2\n') }));
console.log((await tally.frozen.colSum({ column: 'x', format: 'csv' })).total);
