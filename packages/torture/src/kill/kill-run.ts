import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { checkRestarted, checkStoredNumbers } from '../check-restarted.js';
import { connect } from '../connection.js';
import { ExpectedNumbers } from '../expected-numbers.js';
import { ExpectedTable } from '../expected-table.js';
import { type Expected, messageOf, ServerLife } from '../load/server-life.js';
import { setBallast } from '../load/set-numbers.js';
import { type Random, randomFrom } from '../random.js';
import { Violation } from '../violation.js';
import { loadServer } from './cycle-load.js';
import { type CyclePlan, planCycle } from './cycle-plan.js';
import { KillCounts } from './kill-counts.js';

export interface KillOptions {
  readonly cycles: number;
  readonly seed: number;
  readonly durability: 'fsync' | 'os';
  /** Called after each cycle. */
  readonly onCycle?: (counts: KillCounts) => void;
}

/** After so many cycles a new data folder is begun. */
const cyclesPerFolder = 100;
/** Every so many cycles, and at the end of a folder, every column is summed. */
const allColumnsEvery = 10;

/** Most of a start is that of threads: with fewer of them there is time for more kills. */
const fewThreads = ['--factorial-threads', '1', '--table-threads', '2'];

/** What the first violation was, and where the data is that shows it. */
export class KillRunFailure extends Error {}

/**
 * Kills a server again and again, and checks after each restart that nothing is lost or invented.
 *
 * Throws a KillRunFailure at the first violation and then keeps the data folder.
 */
export async function runKills(options: KillOptions): Promise<KillCounts> {
  const random = randomFrom(options.seed);
  const counts = new KillCounts();
  while (counts.cycles < options.cycles) {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'tally-kill-'));
    const cycles = Math.min(cyclesPerFolder, options.cycles - counts.cycles);
    try {
      await new FolderRun(dataDir, options, counts).run(cycles, random);
    } catch (error) {
      throw new KillRunFailure(
        `cycle ${counts.cycles + 1} with seed ${options.seed}: ${messageOf(error)}. ` +
          `The data is kept in ${dataDir}.`,
        { cause: error },
      );
    }
    await rm(dataDir, { recursive: true });
  }
  return counts;
}

/** The cycles of one data folder. */
class FolderRun {
  readonly #expected: Expected = { numbers: new ExpectedNumbers(), table: new ExpectedTable() };

  constructor(
    readonly dataDir: string,
    readonly options: KillOptions,
    readonly counts: KillCounts,
  ) {}

  async run(cycles: number, random: Random): Promise<void> {
    let life = new ServerLife(await this.#start(), this.#expected);
    try {
      const connection = connect(life.address);
      await setBallast(life, connection);
      connection.close();
      for (let cycle = 1; cycle <= cycles; cycle++) {
        const choices = randomFrom(random(2 ** 31));
        const plan = planCycle(choices);
        await this.#loadAndKill(life, plan, choices);
        await this.#killStarts(plan);
        life = await this.#restart(cycle === cycles || cycle % allColumnsEvery === 0);
        this.options.onCycle?.(this.counts);
      }
    } finally {
      if (!life.killed) await life.kill();
    }
    await this.#countLeftFiles();
  }

  async #loadAndKill(life: ServerLife, plan: CyclePlan, choices: Random): Promise<void> {
    const { numbers, table } = this.#expected;
    const before = { numbers: numbers.acknowledged, chunks: table.acknowledged };
    const load = loadServer(life, choices, this.counts.cycles + 1, plan.large);
    const { afterChunks, thenMs } = plan.kill;
    // A load that ends sooner, all done or with a violation, ends the waiting.
    if (afterChunks > 0) await Promise.race([table.reaches(before.chunks + afterChunks), load]);
    await Promise.race([delay(thenMs), load]);
    await life.kill();
    await load;
    this.counts.numbers.acknowledged += numbers.acknowledged - before.numbers;
    this.counts.chunks.acknowledged += table.acknowledged - before.chunks;
  }

  async #killStarts({ startKillsMs, losesIndex }: CyclePlan): Promise<void> {
    for (const killMs of startKillsMs) {
      if (losesIndex) {
        const index = path.join(this.dataDir, 'tables', 'default', 'index');
        await rm(index, { recursive: true, force: true });
      }
      const killed = new AbortController();
      const timer = setTimeout(() => killed.abort(), killMs);
      try {
        const { process: child } = await this.#launch(killed.signal);
        // It listens already: its kill comes yet.
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      } catch (error) {
        if (!killed.signal.aborted) throw didNotStart(error);
      } finally {
        clearTimeout(timer);
      }
      this.counts.startsKilled++;
    }
  }

  /** Starts the server that is checked, and that the next cycle goes on with. */
  async #restart(allColumns: boolean): Promise<ServerLife> {
    const { counts } = this;
    counts.numbers.add(await checkStoredNumbers(this.dataDir, this.#expected));
    const beganMs = performance.now();
    const life = new ServerLife(await this.#start(), this.#expected);
    counts.restartsMs.push(performance.now() - beganMs);
    try {
      const checked = allColumns ? 'all' : 'shared';
      counts.chunks.add(await checkRestarted(life, counts.cycles + 1, checked));
    } catch (error) {
      await life.kill();
      throw error;
    }
    counts.cycles++;
    return life;
  }

  async #start(): Promise<LaunchedServer> {
    try {
      return await this.#launch();
    } catch (error) {
      throw didNotStart(error);
    }
  }

  #launch(killed?: AbortSignal): Promise<LaunchedServer> {
    return launchServer({
      dataDir: this.dataDir,
      args: [...fewThreads, '--durability', this.options.durability],
      ...(killed !== undefined && { killed }),
    });
  }

  /** Files of uploads that were killed between their rename and their commit: no log names them. */
  async #countLeftFiles(): Promise<void> {
    const files = await readdir(path.join(this.dataDir, 'tables', 'default', 'csv'));
    this.counts.filesLeft += files.length - this.#expected.table.chunks;
  }
}

const didNotStart = (error: unknown) =>
  new Violation(`the server did not start after a kill: ${messageOf(error)}`);
