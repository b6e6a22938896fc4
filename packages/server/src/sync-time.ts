import { Seconds } from './observe/seconds-histogram.js';

/** What is synced: files by what they are, and the commits of LMDB. */
const things = ['upload', 'chunk', 'log', 'checkpoint', 'folder', 'numbers', 'index'] as const;
export type Synced = (typeof things)[number];

/** The times of syncs of this process, by what was synced. */
export const syncTimes: ReadonlyMap<Synced, Seconds> = new Map(
  things.map((thing) => [thing, new Seconds()]),
);

/** How many syncs one task of a worker thread tells of; it has some four. */
const taskSyncsMax = 16;
/** How many, and then of each: what was synced, and the seconds. */
export const syncPlaces = 1 + 2 * taskSyncsMax;

/** Where the task that this thread works on tells of its syncs; undefined in the main thread. */
let told: Float64Array | undefined;

/** Has the syncs of this thread noted there, until it is called with nothing. */
export function tellSyncs(places: Float64Array | undefined): void {
  told = places;
}

/** Takes in what a task of a worker thread has told. */
export function takeSyncs(places: Float64Array): void {
  for (let i = 0; i < (places[0] ?? 0); i++) {
    const [thing = 0, seconds = 0] = places.subarray(1 + 2 * i);
    syncTimes.get(things[thing] as Synced)?.add(seconds);
  }
}

/** Notes a sync that began at `startMs`, and has ended now. */
export function noteSync(what: Synced, startMs: number): void {
  const seconds = (performance.now() - startMs) / 1000;
  if (told === undefined) {
    syncTimes.get(what)?.add(seconds);
    return;
  }
  const count = told[0] ?? 0;
  if (count === taskSyncsMax) return;
  told[1 + 2 * count] = things.indexOf(what);
  told[2 + 2 * count] = seconds;
  told[0] = count + 1;
}

/** Syncs what is open, and notes how long that took. */
export async function syncHandle(what: Synced, handle: { sync(): Promise<void> }): Promise<void> {
  const startMs = performance.now();
  await handle.sync();
  noteSync(what, startMs);
}
