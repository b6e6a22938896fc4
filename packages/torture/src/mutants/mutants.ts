/** A guarantee broken on purpose, and the check that must notice it. */
export interface Mutant {
  readonly name: string;
  /** Path from the root of the repository. */
  readonly file: string;
  readonly edits: readonly Edit[];
  readonly noticedBy: Check;
}

/** Text that is in the file exactly once, and what stands there instead. */
export type Edit = readonly [original: string, mutated: string];

/** A command that fails if something is wrong. */
export interface Check {
  /** The folder in `packages/` where it runs. */
  readonly package: string;
  readonly command: readonly string[];
  /** What it prints when it has found something: it may also fail because it cannot go on. */
  readonly finding: string;
}

/** The text of a file with each edit made. Throws an Error if one does not fit. */
export function mutate(file: string, text: string, edits: readonly Edit[]): string {
  return edits.reduce((before, [original, mutated]) => {
    const parts = before.split(original);
    if (parts.length === 2) return parts.join(mutated);
    throw new Error(
      `${file} has this ${parts.length - 1} times, not once: bring the mutant up to date:\n${original}`,
    );
  }, text);
}

const server = (file: string) => `packages/server/src/${file}`;

/** The tests of a file whose titles, with those of their groups before them, contain `title`. */
const tests = (inPackage: string, file: string, title?: string): Check => ({
  package: inPackage,
  command: [
    ...['npx', 'vitest', 'run', `test/${file}`],
    ...(title === undefined ? [] : ['-t', title]),
  ],
  finding: 'AssertionError',
});

const torture = (finding: string, run: string, ...options: string[]): Check => ({
  package: 'torture',
  command: ['node', `dist/${run}/main.js`, ...options],
  finding,
});

const kills = torture('The data is kept in', 'kill', '--cycles', '40', '--seed', '3');
const powerLosses = torture('VIOLATION', 'power-loss', '--points', '12', '--seed', '1');
const syncsBeforeReplies = tests('server', 'durability.test.ts');

/** Every guarantee that docs/guarantees.md gives, broken in one place. */
export const mutants: readonly Mutant[] = [
  {
    name: "no sync of a chunk's files",
    file: server('tables/worker.ts'),
    edits: [['  if (sync) withFile(from, syncChunk);\n', '']],
    noticedBy: syncsBeforeReplies,
  },
  {
    // Of small ones it must find the syncs, to let them fail.
    name: "no sync of a chunk's files of more than 100 kB",
    file: server('tables/worker.ts'),
    edits: [
      [
        '  if (sync) withFile(from, syncChunk);\n',
        '  if (sync && statSync(from).size < 1e5) withFile(from, syncChunk);\n',
      ],
    ],
    noticedBy: powerLosses,
  },
  {
    name: "no sync of the folders of a chunk's files",
    file: server('tables/worker.ts'),
    edits: [['  if (sync) withFile(path.dirname(to), syncChunk);\n', '']],
    noticedBy: syncsBeforeReplies,
  },
  {
    name: "no sync of a log entry's file",
    file: server('tables/delta-log.ts'),
    edits: [
      ['await writeNewFile(spooled, text, sync);', 'await writeNewFile(spooled, text, false);'],
    ],
    noticedBy: powerLosses,
  },
  {
    name: "no sync of the log's folder",
    file: server('tables/delta-log.ts'),
    edits: [
      [
        "        if (folder !== undefined) await syncHandle('log', folder).catch(throwUncertain);\n",
        '',
      ],
    ],
    noticedBy: syncsBeforeReplies,
  },
  {
    name: 'no sync of the numbers',
    file: server('numbers/store.ts'),
    edits: [["noSync: durability !== 'fsync',", 'noSync: true,']],
    noticedBy: syncsBeforeReplies,
  },
  {
    name: 'a log entry before its files have their names',
    file: server('tables/worker.ts'),
    edits: [
      ['  renameSync(from, to);\n', ''],
      [
        '  return statSync(to).size;\n',
        '  const { size } = statSync(from);\n' +
          '  setTimeout(() => renameSync(from, to), 20);\n' +
          '  return size;\n',
      ],
    ],
    noticedBy: powerLosses,
  },
  {
    name: 'a failed sync of the log taken for a good one',
    file: server('tables/delta-log.ts'),
    edits: [['.catch(throwUncertain)', '.catch(() => {})']],
    noticedBy: torture(
      'VIOLATION',
      'disk-faults',
      ...[
        '--scenario',
        'a unary Upload',
        '--operation',
        'sync data/tables/default/delta/_delta_log',
      ],
    ),
  },
  {
    name: 'SetNum answered before its commit',
    file: server('numbers/store.ts'),
    edits: [
      [
        '      transactions.run(() =>\n' +
          '        change.idempotencyKey === undefined\n' +
          '          ? { outcome: changeInTransaction(change.operations) }\n' +
          '          : changeOnceInTransaction(change, change.idempotencyKey),\n' +
          '      ),\n',
        '      new Promise((resolve, reject) => {\n' +
          '        transactions\n' +
          '          .run(() =>\n' +
          '            resolve(\n' +
          '              change.idempotencyKey === undefined\n' +
          '                ? { outcome: changeInTransaction(change.operations) }\n' +
          '                : changeOnceInTransaction(change, change.idempotencyKey),\n' +
          '            ),\n' +
          '          )\n' +
          '          .catch(reject);\n' +
          '      }),\n',
      ],
    ],
    noticedBy: kills,
  },
  {
    name: 'an upload acknowledged before its commit',
    file: server('tables/ingest.ts'),
    edits: [
      [
        'committed = await catalog.commit(id, complete, ',
        'committed = true;\n      void catalog.commit(id, complete, ',
      ],
    ],
    noticedBy: kills,
  },
  {
    name: 'the total in a transaction of its own',
    file: server('numbers/store.ts'),
    edits: [
      [
        '  const totals = (): Totals => decodeTotals(sums.get(totalKey) as Buffer);\n',
        '  let latest: Totals | undefined;\n' +
          '  const totals = (): Totals => latest ?? decodeTotals(sums.get(totalKey) as Buffer);\n',
      ],
      [
        '    sums.put(totalKey, encodeTotals(planned.totals));\n',
        '    latest = planned.totals;\n' +
          '    const bytes = encodeTotals(latest);\n' +
          '    setImmediate(() => void sums.put(totalKey, bytes));\n',
      ],
    ],
    noticedBy: kills,
  },
  {
    name: 'a chunk counted before it is in the index',
    file: server('tables/catalog.ts'),
    edits: [
      [
        '    const indexed = chunks.map(',
        '    await publish(next);\n    const indexed = chunks.map(',
      ],
    ],
    noticedBy: tests('server', 'concurrent-clients.test.ts', 'a sum is of whole chunks'),
  },
  {
    name: 'commits side by side',
    file: server('tables/catalog.ts'),
    edits: [
      [
        '        void committer.runExclusive(async () => {\n' +
          '          if (waiting.length > 0) await commitTogether();\n' +
          '        });\n',
        '        void commitTogether();\n',
      ],
    ],
    noticedBy: tests('server', 'concurrent-clients.test.ts', 'a sum is of whole chunks'),
  },
  {
    name: 'a deleted chunk left in the index',
    file: server('tables/chunk-index.ts'),
    edits: [['        for (const chunk of removed) remove(chunk);\n', '']],
    noticedBy: tests('server', 'delete-chunk.test.ts', 'is in no sum'),
  },
  {
    name: 'a chunk that is deleted meanwhile counted twice',
    file: server('tables/chunk-index.ts'),
    edits: [['if (!seen.has(entry.chunkNumber)) ', '']],
    noticedBy: tests('server', 'catalog-index.slow.test.ts', 'removed while its column is read'),
  },
  {
    name: 'a chunk that is deleted meanwhile kept in memory',
    file: server('tables/chunk-index.ts'),
    edits: [['if (removals === before) cache', 'cache']],
    noticedBy: tests('server', 'catalog-index.slow.test.ts', 'removed while its column is read'),
  },
  {
    name: 'an aggregate of the latest version',
    file: server('tables/aggregate-call.ts'),
    edits: [['catalog.column(column, version)', 'catalog.column(column)']],
    noticedBy: tests('server', 'aggregate-call.test.ts', 'of a version are those of its chunks'),
  },
  {
    name: 'an export of the latest version',
    file: server('tables/export-call.ts'),
    edits: [['versionOf(table, request.version)', 'versionOf(table, undefined)']],
    noticedBy: tests('server', 'export.test.ts', 'sees the table as of a version'),
  },
  {
    name: 'rejected rows kept',
    file: server('tables/normalise.ts'),
    edits: [['      writer.dropRow();\n', '']],
    noticedBy: tests('server', 'csv-options.test.ts', 'does not take'),
  },
  {
    name: 'the last checkpoint but one removed',
    file: server('tables/make-checkpoint.ts'),
    edits: [['found < version) await rm', 'found <= version) await rm']],
    noticedBy: tests('server', 'checkpoints.slow.test.ts', 'has the last two checkpoints'),
  },
  {
    name: 'a checkpoint without the last commits',
    file: server('tables/make-checkpoint.ts'),
    edits: [
      [
        'await writeCheckpoint(spooled, log, base, version, sync)',
        'await writeCheckpoint(spooled, log, base, version - 1, sync)',
      ],
    ],
    noticedBy: tests(
      'server',
      'checkpoints.slow.test.ts',
      'a checkpoint holds what its commits come to',
    ),
  },
  {
    name: 'a batch done as far as it goes',
    file: server('numbers/operations.ts'),
    edits: [
      [
        "      if (before === undefined) return refused('no such number');\n",
        '      if (before === undefined) break;\n',
      ],
    ],
    noticedBy: {
      ...tests('server', 'number-batches.test.ts', 'changes nothing'),
      finding: 'the call did not fail',
    },
  },
  {
    name: 'a sum through a double',
    file: server('tables/column-sum.ts'),
    edits: [['    total += sum;\n', '    total += BigInt(Number(sum));\n']],
    noticedBy: tests('server', 'exact-sums.test.ts', 'sums are exact for any integers'),
  },
  {
    name: 'no checksum in a checked sum',
    file: server('tables/worker.ts'),
    edits: [
      ['        if (file.crc32c !== undefined) checkFileCrc32c(fd, file.crc32c, checkStop);\n', ''],
    ],
    noticedBy: {
      ...tests('server', 'checksums.test.ts', 'a sum that compares checksums'),
      // There is a sum in place of a sentence.
      finding: 'expects to receive a string, but got bigint',
    },
  },
  {
    name: 'no checksum in verify',
    file: server('verify/chunk-check.ts'),
    edits: [['if (logged !== undefined && found !== logged) {', 'if (logged === -1) {']],
    noticedBy: tests('server', 'verify.slow.test.ts', 'each byte of a CSV and of a Parquet file'),
  },
  {
    name: 'no checksum of Parquet pages',
    file: 'packages/kernels/assembly/column-chunk.ts',
    edits: [['if (header.hasChecksum && crc32', 'if (false && crc32']],
    noticedBy: tests('kernels', 'handmade-pages.test.ts', 'a page whose checksum does not hold'),
  },
  {
    name: 'no lock on the data folder',
    file: server('data-folder-lock.ts'),
    edits: [['    return extensions.tryLock(fd);\n', '    return fd >= 0;\n']],
    noticedBy: tests('server', 'data-folder-lock.test.ts', 'of servers that start at the same'),
  },
  {
    name: "an upload's key that is not in the log",
    file: server('tables/delta-log.ts'),
    edits: [['    ...checksums,\n    retry,\n', '    ...checksums,\n']],
    noticedBy: tests('server', 'upload-retries.test.ts', 'an upload whose reply was lost'),
  },
  {
    name: "a set's key in a transaction of its own",
    file: server('numbers/store.ts'),
    edits: [
      [
        '      remembered.put(idempotencyKey, record, Date.now(), weightOf(record));\n',
        '      const put = () => remembered.put(idempotencyKey, record, Date.now(), weightOf(record));\n' +
          '      setImmediate(() => void environment.transaction(put));\n',
      ],
    ],
    noticedBy: tests('server', 'set-retries.test.ts', 'a set'),
  },
  {
    name: 'a cancelled upload kept',
    file: server('tables/ingest.ts'),
    edits: [
      ['      signal.throwIfAborted();\n      const before', '      const before'],
      ['      signal.throwIfAborted();\n      kept', '      kept'],
      ['      signal.throwIfAborted();\n      if (', '      if ('],
      [
        '  const { signal, form, stages } = call;\n',
        '  const { form, stages } = call;\n  const { signal } = new AbortController();\n',
      ],
    ],
    noticedBy: tests(
      'server',
      'streamed-upload.test.ts',
      'one server, one file after the other a call that',
    ),
  },
  {
    name: 'the size that a stream says not compared',
    file: server('tables/streamed-size.ts'),
    edits: [['if (total === bytes || (total === undefined && !follows)) return;', 'return;']],
    noticedBy: tests('server', 'streamed-size.test.ts', 'a stream that says the size'),
  },
  {
    name: 'tmp not emptied at the start',
    file: server('data-folder.ts'),
    edits: [['    await emptySpool(spoolFolder(dataDir));\n', '']],
    noticedBy: kills,
  },
  {
    name: 'numbers of a backup that are older than its tables',
    file: server('backup/snapshot.ts'),
    edits: [
      [
        'const frozen = await freezeAll(tables);\n',
        "const before = await numbers?.copyTo(path.join(root, 'numbers'));\n  await before?.made;\n" +
          '  const frozen = await freezeAll(tables);\n',
      ],
      ["const copying = numbers?.copyTo(path.join(root, 'numbers'));", 'const copying = before;'],
    ],
    noticedBy: tests(
      'client',
      'backup-moment.slow.test.ts',
      'a backup under load is of one moment',
    ),
  },
  {
    name: 'a call that may be made without a token',
    file: server('access/scopes.ts'),
    edits: [["{ backup: 'admin' }", "{ backup: 'nothing' }"]],
    noticedBy: tests(
      'server',
      'access-methods.test.ts',
      'what a call needs is said of every method',
    ),
  },
  {
    name: 'a gate that lets everything in',
    file: server('rpc/admission-gate.ts'),
    edits: [['return this.#admittedBytes + bytes <= this.#limits.bytesMax;', 'return bytes >= 0;']],
    noticedBy: tests('server', 'admission-gate.test.ts', 'messages are let in up to the last byte'),
  },
  {
    name: 'a call that is answered keeps its place',
    file: server('rpc/calls-in-progress.ts'),
    edits: [['    this.#working.moveAnswered(this.#answered);\n    while', '    while']],
    noticedBy: {
      ...tests('server', 'admission.slow.test.ts', 'to take its answer'),
      finding: 'the server has 3 calls in progress',
    },
  },
  {
    name: 'damaged numbers opened',
    file: server('numbers/store.ts'),
    edits: [['  await refuseDamagedFile(folder);\n', '']],
    noticedBy: {
      ...tests('server', 'damaged-data.slow.test.ts', 'damaged numbers are refused'),
      finding: 'Error: it started',
    },
  },
];
