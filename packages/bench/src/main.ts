import { makeChunks } from './chunk.js';
import { contenders } from './contenders.js';
import { describeMachine, loadAverage } from './machine.js';
import { measureNumbers } from './numbers-workload.js';
import { readOptions } from './options.js';
import { type Round, Samples } from './samples.js';
import { saveResults } from './save-results.js';
import { measureTable } from './table-workload.js';

const options = readOptions(process.argv.slice(2));
const loadBefore = loadAverage();
const chunks = makeChunks(options.chunks);
const samples = new Samples();

for (let round = 0; round < options.rounds; round++) {
  // Each round starts with another contender, so that no one always runs on the busier machine.
  const first = round % contenders.length;
  for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
    const measured: Round = {
      ...(await measureTable(contender, chunks, options)),
      ...(await measureNumbers(contender, options)),
    };
    samples.add(contender.name, measured);
    console.log(`round ${round + 1} of ${options.rounds}, ${contender.name}:`, measured);
  }
}

await saveResults({
  measuredAt: new Date().toISOString(),
  machine: describeMachine(),
  loadBefore,
  loadAfter: loadAverage(),
  options,
  samples,
});
