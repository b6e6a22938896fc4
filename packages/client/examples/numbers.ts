import { connect } from '@tally/client';

await using tally = await connect(process.env.TALLY_ADDRESS ?? 'localhost:5440');
const { numbers } = tally;

// Each change has an idempotency key of its own, so that it is done once, however often it is sent.
const total = await numbers.set('page/home', 41);
console.log('the sum of all numbers:', total);

const { value } = await numbers.add('page/home', 1);
console.log('page/home:', value, await numbers.get('page/home'));

// All of them, or none.
const { values } = await numbers.batch([
  { key: 'page/about', set: 9_007_199_254_740_993n },
  { key: 'page/home', add: -2 },
  { key: 'page/about', get: true },
]);
console.log('after the batch:', values);

for await (const { key, value } of numbers.list({ prefix: 'page/' })) console.log(key, value);

const factorial = await numbers.factorial(30);
console.log('30! =', factorial.value);
console.log('40! =', (await numbers.factorial({ key: 'page/home' })).value);

await numbers.delete('page/about');
const { count, factorialCache } = await numbers.stats();
console.log(count, 'numbers;', factorialCache.entries, 'factorials in the cache');
