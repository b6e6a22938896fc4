import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ControlGroup, imageSettings, makeControlGroup } from '@tally/bench/control-group';
import { killedIn } from '@tally/bench/group-memory';
import { MemorySampler } from '@tally/bench/memory-sampler';
import { launchServer } from '@tally/server/launch';
import { checkRestarted, checkStoredNumbers } from '../check-restarted.js';
import { connect } from '../connection.js';
import { ExpectedNumbers } from '../expected-numbers.js';
import { ExpectedTable } from '../expected-table.js';
import { type Expected, messageOf, ServerLife } from '../load/server-life.js';
import { setBallast } from '../load/set-numbers.js';
import { type Random, randomFrom } from '../random.js';
import { Latencies } from './latencies.js';
import { type Sample, takeSample } from './sample.js';
import { soakLoad } from './soak-load.js';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly onSample?: (sample: Sample) => void;
}

/** What was seen from the first server to the last. */
export interface SoakRecord {
  readonly minutes: number;
  readonly seed: number;
  readonly how: string;
  readonly lives: number;
  readonly samples: readonly Sample[];
  readonly numbersAcknowledged: number;
  readonly chunksAcknowledged: number;
  /** Processes that the kernel has killed for want of memory. */
  readonly killedForMemory: number;
  /** What went wrong first; undefined: every call and all data were right. */
  readonly violation: string | undefined;
}

const sampleMs = 3000;
/** What goes on longer is repeated, with new data folders, so that the data does not grow without bound. */
const roundMinutesMax = 60;
/**
 * The lives of each folder of a round, by their share of its time: several that are killed early, and
 * one long enough to show what memory does once it has settled, which takes 20 minutes. The first
 * and the last third of a round have seen the same.
 */
const early = [1 / 24, 1 / 24, 1 / 24];
const folderShares = [early, [3 / 4], early];

/** Caches that are full within the first minutes: what grows after that is no cache. */
const smallCaches = ['--sum-cache-entries', '2000', '--catalog-cache-entries', '2000'];

/** How long each life of each data folder is, in minutes. */
export function foldersOf(minutes: number): readonly (readonly number[])[] {
  const rounds = Math.max(1, Math.ceil(minutes / roundMinutesMax));
  return Array.from({ length: rounds }, () =>
    folderShares.map((shares) => shares.map((share) => (minutes / rounds) * share)),
  ).flat();
}

/** Serves a mixed load within 512 MB, with a kill and a restart between lives, until time is up. */
export async function runSoak(options: SoakOptions): Promise<SoakRecord> {
  const group = makeControlGroup('tally-soak');
  const run = new Run(options, group);
  try {
    const violation = await run.allLives().then(
      () => undefined,
      (error: unknown) => messageOf(error),
    );
    return run.record(violation);
  } finally {
    run.memory.stop();
    group.remove();
  }
}

class Run {
  readonly memory: MemorySampler;
  readonly #samples: Sample[] = [];
  readonly #latencies = new Latencies();
  readonly #random: Random;
  readonly #beganMs = performance.now();
  #numbers = 0;
  #chunks = 0;
  #lives = 0;

  constructor(
    readonly options: SoakOptions,
    readonly group: ControlGroup,
  ) {
    this.memory = new MemorySampler(group.folder);
    this.#random = randomFrom(options.seed);
  }

  record(violation: string | undefined): SoakRecord {
    return {
      minutes: this.#minutes(),
      seed: this.options.seed,
      how: this.group.how,
      lives: this.#lives,
      samples: this.#samples,
      numbersAcknowledged: this.#numbers,
      chunksAcknowledged: this.#chunks,
      killedForMemory: killedIn(this.group.folder),
      violation,
    };
  }

  async allLives(): Promise<void> {
    for (const lives of foldersOf(this.options.minutes)) {
      const dataDir = await mkdtemp(path.join(tmpdir(), 'tally-soak-'));
      try {
        await this.#livesOfFolder(dataDir, lives);
      } catch (error) {
        throw new Error(`${messageOf(error)}. The data is kept in ${dataDir}.`, { cause: error });
      }
      await rm(dataDir, { recursive: true });
    }
  }

  async #livesOfFolder(dataDir: string, lives: readonly number[]): Promise<void> {
    const expected = { numbers: new ExpectedNumbers(), table: new ExpectedTable() };
    let life = await this.#start(dataDir, expected);
    try {
      const connection = connect(life.address);
      await setBallast(life, connection);
      connection.close();
      for (const [i, minutes] of lives.entries()) {
        await this.#live(life, minutes * 60_000);
        await checkStoredNumbers(dataDir, expected);
        life = await this.#start(dataDir, expected);
        await checkRestarted(life, i, 'all');
      }
    } finally {
      if (!life.killed) await life.kill();
      this.#numbers += expected.numbers.acknowledged;
      this.#chunks += expected.table.acknowledged;
    }
  }

  /** Loads a server, samples it all the while, and kills it. */
  async #live(life: ServerLife, lifeMs: number): Promise<void> {
    const load = soakLoad(life, this.#latencies, this.#random, `life${this.#lives}`);
    const endMs = performance.now() + lifeMs;
    const number = this.#lives++;
    while (performance.now() < endMs) {
      // A violation ends the load, and so the life.
      await Promise.race([delay(Math.min(sampleMs, endMs - performance.now())), load]);
      this.#sample(life, number);
    }
    await life.kill();
    await load;
  }

  #sample(life: ServerLife, number: number): void {
    const at = { minutes: this.#minutes(), life: number };
    const sample = takeSample(at, life.server.process.pid ?? 0, this.memory, this.#latencies);
    this.#samples.push(sample);
    this.options.onSample?.(sample);
  }

  async #start(dataDir: string, expected: Expected): Promise<ServerLife> {
    const server = await launchServer({
      dataDir,
      args: smallCaches,
      nodeArgs: imageSettings.nodeArgs,
      env: imageSettings.env,
      wrapper: this.group.enter,
      warmupCalls: 2000,
    });
    return new ServerLife(server, expected);
  }

  #minutes(): number {
    return (performance.now() - this.#beganMs) / 60_000;
  }
}
