/** How a pool of worker threads does. */
export interface PoolStats {
  readonly threads: number;
  /** Tasks that a thread works on, and tasks that wait for one. */
  readonly running: number;
  readonly waiting: number;
  /** Since the start. */
  readonly done: number;
}

/** How a cache does. */
export interface CacheStats {
  readonly hits: number;
  readonly misses: number;
}
