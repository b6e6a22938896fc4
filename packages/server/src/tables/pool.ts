import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compileKernels } from '@tally/kernels';
import { Piscina, type PiscinaTask, queueOptionsSymbol } from 'piscina';
import { noStages, type Stages } from '../observe/call-record.js';
import type { PoolStats } from '../observe/pool-stats.js';
import { createTaskClock, readTaskClock, takeTaskSyncs } from '../task-time.js';
import { threadHeap } from '../thread-heap.js';
import { allStarted, createThreadStarts } from '../thread-starts.js';
import type { FileAggregate } from './aggregate.js';
import type { CheckpointThreads, FoundChunk } from './checkpoints.js';
import type { ExportedPart, ExportTask } from './export.js';
import type { Fault, FileFault } from './file-fault.js';
import type { MadeCheckpoint } from './make-checkpoint.js';
import type { NormalisedCsv } from './normalise.js';
import type { ColumnRange } from './parquet-file.js';
import { isStopped, type Stop } from './stop.js';
import type {
  AggregateTask,
  FileAggregates,
  FileSums,
  IngestedChunk,
  IngestTask,
  NormaliseTask,
  RangesTask,
  SumTask,
} from './worker.js';

/** The threads that work on table files. */
export interface TablePool extends CheckpointThreads {
  /** Writes a file in Tally's own form, in the threads of uploads. */
  normalise(task: NormaliseTask, stages?: Stages): Promise<NormalisedCsv | Fault>;
  /** Undefined: the file grows, and can only be converted once it is complete. */
  ingest(task: IngestTask, stages?: Stages): Promise<IngestedChunk | Fault | undefined>;
  sum(task: SumTask, stages?: Stages): Promise<FileSums | FileFault>;
  /** All that can be computed of a column; of doubles in Parquet, in the threads of uploads. */
  aggregate(task: AggregateTask, stages?: Stages): Promise<FileAggregates | FileFault>;
  /** The next messages of an Arrow stream; in the threads of uploads. */
  exportRows(task: ExportTask, stages?: Stages): Promise<ExportedPart | FileFault>;
  /** Where the columns of integers of a Parquet file are, by field. */
  ranges(task: RangesTask): Promise<ReadonlyMap<string, ColumnRange[]>>;
  /** How the threads of uploads do, and those of sums. */
  stats(): { readonly ingest: PoolStats; readonly sum: PoolStats };
  /** Ends all threads; tasks in progress are rejected. */
  close(): Promise<void>;
}

/** A group of threads. Those of `ingest` take uploads first, and sums when no upload waits. */
type Lane = 'ingest' | 'sum';

type Start = (lane: Lane) => Promise<unknown>;

/** What the tasks are called where the time of calls is shown, by their names in the worker. */
const stageNames = {
  normaliseFile: 'normalise',
  ingest: 'convert',
  sum: 'sum',
  aggregate: 'aggregate',
  exportRows: 'export',
  ranges: 'ranges',
  makeCheckpoint: 'checkpoint',
  chunkInCheckpoint: 'checkpoint',
} as const;

type TaskName = keyof typeof stageNames;

const unwanted: FileFault = { fault: 'the call was cancelled', index: 0 };

type LoadBalancer = NonNullable<
  NonNullable<ConstructorParameters<typeof Piscina>[0]>['loadBalancer']
>;

/**
 * Starts the pool: `threads` threads, of which `conversionsMax` also take uploads.
 *
 * Uploads keep to their own threads because the memory of parquet-wasm never shrinks: what a
 * conversion once took, its thread keeps. So do batches of doubles in Parquet, and exports, which are read
 * by it, too: they and uploads take turns as they come. A sum runs on any free thread and never waits for
 * an upload; an upload waits for one batch of a sum at most.
 */
export async function createTablePool(threads: number, conversionsMax: number): Promise<TablePool> {
  const starts = createThreadStarts();
  const piscina = new Piscina({
    filename: fileURLToPath(new URL('./worker.js', import.meta.url)),
    minThreads: threads,
    maxThreads: threads,
    loadBalancer: laneBalancer(conversionsMax),
    workerData: {
      starts,
      parquetModule: await compileParquetModule(),
      kernelsModule: await compileKernels(),
    },
    resourceLimits: threadHeap,
  });
  const lanes = createLanes({ ingest: conversionsMax, sum: threads - conversionsMax });

  /** Starts a task in its turn, and notes its wait and its work. */
  async function run<T>(
    kind: Lane,
    name: TaskName,
    task: object,
    stages = noStages,
    isWanted = () => true,
  ): Promise<T> {
    const clock = createTaskClock();
    const stage = stageNames[name];
    stages.enterWork(stage, clock);
    const start = async (lane: Lane) => {
      if (!isWanted()) return unwanted;
      return piscina.run({ ...task, clock, [queueOptionsSymbol]: { lane } }, { name });
    };
    try {
      return (await lanes.inTurn(kind, start)) as T;
    } finally {
      const time = readTaskClock(clock);
      if (time !== undefined) stages.addWork(stage, time);
      takeTaskSyncs(clock);
    }
  }

  /** Starts a task in its turn, unless nobody waits for it by then. */
  const runWanted = <T>(
    kind: Lane,
    name: TaskName,
    task: { readonly stop: Stop },
    stages?: Stages,
  ) => run<T>(kind, name, task, stages, () => !isStopped(task.stop));
  let isClosing = false;

  /** A damaged page can end the thread, which cannot say then which file it was of. */
  async function aggregateInThread(
    task: AggregateTask,
    stages?: Stages,
  ): Promise<FileAggregates | FileFault> {
    try {
      const kind = needsParquetWasm(task) ? 'ingest' : 'sum';
      return await runWanted(kind, 'aggregate', task, stages);
    } catch (error) {
      if (isClosing) throw error;
      return task.files.length === 1 ? damaged(error) : aggregateOneByOne(task, stages);
    }
  }

  async function aggregateOneByOne(
    task: AggregateTask,
    stages?: Stages,
  ): Promise<FileAggregates | FileFault> {
    const aggregates: FileAggregate[] = [];
    for (const [index, file] of task.files.entries()) {
      const result = await aggregateInThread({ ...task, files: [file] }, stages);
      if ('fault' in result) return { ...result, index };
      aggregates.push(...result.aggregates);
    }
    return { aggregates };
  }

  async function exportInThread(
    task: ExportTask,
    stages?: Stages,
  ): Promise<ExportedPart | FileFault> {
    try {
      return await runWanted('ingest', 'exportRows', task, stages);
    } catch (error) {
      if (isClosing) throw error;
      // With the first alone it becomes clear whether it was that one; the others come next.
      const chunks = task.chunks.slice(0, 1);
      return chunks.length === task.chunks.length
        ? damaged(error)
        : exportInThread({ ...task, chunks }, stages);
    }
  }

  return {
    normalise: (task, stages) => runWanted('ingest', 'normaliseFile', task, stages),
    ingest: (task, stages) => runWanted('ingest', 'ingest', task, stages),
    sum: (task, stages) => runWanted('sum', 'sum', task, stages),
    aggregate: aggregateInThread,
    exportRows: exportInThread,
    ranges: (task) => run('sum', 'ranges', task),
    async makeCheckpoint(task) {
      try {
        return await run<MadeCheckpoint>('sum', 'makeCheckpoint', task);
      } catch (error) {
        // The next server makes it.
        if (isClosing) return undefined;
        throw error;
      }
    },
    chunkInCheckpoint: (task) => run<FoundChunk>('sum', 'chunkInCheckpoint', task),
    stats: lanes.stats,
    async close() {
      isClosing = true;
      await allStarted(starts, threads);
      await piscina.destroy();
    },
  };
}

function damaged(error: unknown): FileFault {
  const reason = error instanceof Error ? error.message : error;
  return { fault: `its Parquet file is damaged: parquet-wasm has failed (${reason})`, index: 0 };
}

const needsParquetWasm = ({ files }: AggregateTask) =>
  files.some(({ format, type }) => format === 'parquet' && type === 'double');

async function compileParquetModule(): Promise<WebAssembly.Module> {
  const url = import.meta.resolve('parquet-wasm/esm/parquet_wasm_bg.wasm');
  return WebAssembly.compile(await readFile(fileURLToPath(url)));
}

/**
 * Starts each task when a thread for it is free, so that piscina's own queue, in which a task
 * that cannot start holds up the others, stays empty.
 */
function createLanes(threads: Readonly<Record<Lane, number>>) {
  const free = { ...threads };
  const done: Record<Lane, number> = { ingest: 0, sum: 0 };
  const waiting: Record<Lane, Start[]> = { ingest: [], sum: [] };

  function startNext(kind: Lane, lane: Lane): boolean {
    if (free[lane] === 0) return false;
    const start = waiting[kind].shift();
    if (start === undefined) return false;
    free[lane]--;
    void start(lane).finally(() => {
      done[lane]++;
      free[lane]++;
      startAll();
    });
    return true;
  }

  function startAll(): void {
    while (startNext('ingest', 'ingest') || startNext('sum', 'sum') || startNext('sum', 'ingest'));
  }

  const statsOf = (lane: Lane): PoolStats => ({
    threads: threads[lane],
    running: threads[lane] - free[lane],
    waiting: waiting[lane].length,
    done: done[lane],
  });

  return {
    inTurn: (kind: Lane, work: Start): Promise<unknown> =>
      new Promise((resolve, reject) => {
        waiting[kind].push((lane) => work(lane).then(resolve, reject));
        startAll();
      }),
    stats: () => ({ ingest: statsOf('ingest'), sum: statsOf('sum') }),
  };
}

/** Gives a task to an idle thread of its lane: the oldest `conversionsMax` are for uploads. */
function laneBalancer(conversionsMax: number): LoadBalancer {
  return (task: PiscinaTask, workers) => {
    const oldestFirst = workers.toSorted((a, b) => a.id - b.id);
    const { lane } = task[queueOptionsSymbol] as { lane: Lane };
    const lanes = {
      ingest: oldestFirst.slice(0, conversionsMax),
      sum: oldestFirst.slice(conversionsMax),
    };
    return lanes[lane].find(({ currentUsage }) => currentUsage === 0) ?? null;
  };
}
