const MiB = 1024 * 1024;

/** A number that the server can be told. */
export interface NumberOption {
  readonly unit: string;
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  readonly help: string;
}

/**
 * Every number that the server can be told: its unit, default and range.
 *
 * The flag is the name in kebab-case, the environment variable the same in capitals after
 * `TALLY_`: `keyBytesMax` is `--key-bytes-max` and `TALLY_KEY_BYTES_MAX`.
 */
export const numberOptions = {
  port: {
    unit: '',
    fallback: 5440,
    min: 0,
    max: 65_535,
    help: 'port to serve on; 0 takes a free one',
  },
  messageBytesMax: {
    unit: 'bytes',
    fallback: 64 * MiB,
    min: 64 * 1024,
    max: 512 * MiB,
    help: 'largest request message, so the largest CSV file of one /Table/Upload call',
  },
  admittedBytesMax: {
    unit: 'bytes',
    fallback: 64 * MiB,
    min: 64 * 1024,
    max: 4096 * MiB,
    help: 'most memory of request messages of more than 64 KiB; others wait, unread',
  },
  waitingCallsMax: {
    unit: 'calls',
    fallback: 40,
    min: 0,
    max: 10_000,
    help: 'most calls that wait for room for their messages; others are refused at once',
  },
  waitingBytesMax: {
    unit: 'bytes',
    fallback: 1024 * MiB,
    min: 64 * 1024,
    max: 1024 * 1024 * MiB,
    help: 'most bytes of the messages that wait, none of which is read',
  },
  waitMsMax: {
    unit: 'ms',
    fallback: 30_000,
    min: 1,
    max: 3_600_000,
    help: 'longest wait for room for a message; then the call is refused',
  },
  messageBytesPerSecondMin: {
    unit: 'bytes a second',
    fallback: 256 * 1024,
    min: 1,
    max: 1024 * MiB,
    help: 'slowest a message may come, or be taken, while others wait for its room or its place',
  },
  callsMax: {
    unit: 'calls',
    fallback: 500,
    min: 1,
    max: 100_000,
    help: 'most calls in progress; others are refused at once',
  },
  connectionCallsMax: {
    unit: 'calls',
    fallback: 100,
    min: 1,
    max: 100_000,
    help: "most calls in progress of one connection; its client's library keeps others back",
  },
  streamsMax: {
    unit: 'calls',
    fallback: 16,
    min: 1,
    max: 10_000,
    help: 'most streamed uploads in progress; others are refused at once',
  },
  connectionsMax: {
    unit: 'connections',
    fallback: 1100,
    min: 1,
    max: 100_000,
    help: 'most connections; others are closed as soon as they are made',
  },
  pingMs: {
    unit: 'ms',
    fallback: 20_000,
    min: 100,
    max: 3_600_000,
    help: 'how often each connection is asked whether its client is still there',
  },
  pingTimeoutMs: {
    unit: 'ms',
    fallback: 10_000,
    min: 100,
    max: 3_600_000,
    help: 'how long a client may take to answer that; then its connection is closed',
  },
  keyBytesMax: {
    unit: 'bytes of UTF-8',
    fallback: 1024,
    min: 1,
    max: 1024,
    help: 'longest key of a number',
  },
  keysMax: {
    unit: 'numbers',
    fallback: 100_000_000,
    min: 1,
    max: 10_000_000_000,
    help: 'most numbers; those that exist can always be set',
  },
  idempotencyKeysMax: {
    unit: 'keys',
    fallback: 1_000_000,
    min: 1,
    max: 100_000_000,
    help: 'most idempotency keys that are kept, of numbers and as many of uploads; the oldest go',
  },
  idempotencyHours: {
    unit: 'hours',
    fallback: 24,
    min: 1,
    max: 8760,
    help: 'how long an idempotency key is kept',
  },
  factorialMax: {
    unit: '',
    fallback: 1_000_000,
    min: 20,
    max: 10_000_000,
    help: 'largest n whose factorial is computed',
  },
  chunkColumnsMax: {
    unit: 'columns',
    fallback: 500,
    min: 1,
    max: 4000,
    help: 'most columns of one uploaded file',
  },
  columnNameBytesMax: {
    unit: 'bytes of UTF-8',
    fallback: 1024,
    min: 1,
    max: 64 * 1024,
    help: 'longest column name',
  },
  fieldBytesMax: {
    unit: 'bytes',
    fallback: 1 * MiB,
    min: 1024,
    max: 16 * MiB,
    help: 'longest field of a CSV file, as written in it, without the quotes around it',
  },
  rowBytesMax: {
    unit: 'bytes',
    fallback: 16 * MiB,
    min: 64 * 1024,
    max: 64 * MiB,
    help: 'longest row of a CSV file, as written in it',
  },
  gzipBytesMax: {
    unit: 'bytes',
    fallback: 16 * 1024 * MiB,
    min: 64 * 1024,
    max: 1024 * 1024 * MiB,
    help: 'most that one gzipped CSV file may unpack to',
  },
  rowGroupRowsMax: {
    unit: 'rows',
    fallback: 250_000,
    min: 1000,
    max: 10_000_000,
    help: 'most rows of one Parquet row group',
  },
  rowGroupBytesMax: {
    unit: 'bytes',
    fallback: 16 * MiB,
    min: 1 * MiB,
    max: 256 * MiB,
    help: 'most decoded bytes of one Parquet row group (a single longer row makes its own)',
  },
  sumCacheEntries: {
    unit: 'sums',
    fallback: 100_000,
    min: 0,
    max: 10_000_000,
    help: 'sums of single files that are kept (a column counts as 4 more); 0 keeps none',
  },
  catalogCacheEntries: {
    unit: 'entries',
    fallback: 30_000,
    min: 0,
    max: 10_000_000,
    help: 'entries of the catalog (a column of a chunk each) that are kept in memory; 0 keeps none',
  },
  tablesMax: {
    unit: 'tables',
    fallback: 1000,
    min: 1,
    max: 100_000,
    help: 'most tables; making one more is refused',
  },
  openFilesMax: {
    unit: 'files',
    fallback: 256,
    min: 16,
    max: 65_536,
    help: 'most table files open at once; uploads past it wait for their turn',
  },
  factorialThreads: {
    unit: 'threads',
    fallback: 4,
    min: 1,
    max: 64,
    help: 'worker threads that compute factorials',
  },
  tableThreads: {
    unit: 'threads',
    fallback: 8,
    min: 1,
    max: 64,
    help: 'worker threads that read and write table files',
  },
  conversionsMax: {
    unit: 'uploads',
    fallback: 2,
    min: 1,
    max: 64,
    help: 'most uploads converted to Parquet at once; the other table threads only sum',
  },
  warmupCalls: {
    unit: 'calls',
    fallback: 2000,
    min: 0,
    max: 100_000,
    help: 'NumStore calls that the server sends to a scratch copy of itself before it serves; 0 for none',
  },
  slowCallMs: {
    unit: 'ms',
    fallback: 1000,
    min: 1,
    max: 3_600_000,
    help: 'a call that takes longer is logged as slow, with where its time went',
  },
  tracesPerThousand: {
    unit: 'calls',
    fallback: 1000,
    min: 0,
    max: 1000,
    help: 'of 1,000 calls whose client has not decided it, how many are traced (--otlp-endpoint)',
  },
  drainMs: {
    unit: 'ms',
    fallback: 8000,
    min: 0,
    max: 3_600_000,
    help: 'how long calls in progress may take to end after SIGTERM or SIGINT; then they are refused',
  },
} as const satisfies Record<string, NumberOption>;

/** The numbers of a configuration, by name. */
export type Limits = { readonly [K in keyof typeof numberOptions]: number };
