import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { connect } from './connection.js';
import type { Unanswered } from './expected-numbers.js';
import { checkColumns, marksInBoth } from './load/check-sums.js';
import type { Expected, ServerLife } from './load/server-life.js';
import { setNumber } from './load/set-numbers.js';
import { readStoredNumbers } from './stored-numbers.js';
import { Violation } from './violation.js';

/** Compares the numbers on disk with what is expected, while no server runs. */
export async function checkStoredNumbers(
  dataDir: string,
  { numbers }: Expected,
): Promise<Unanswered> {
  const { values, total } = await readStoredNumbers(dataDir);
  const unanswered = numbers.settle(values);
  const sum = numbers.total();
  if (total !== sum) {
    throw new Violation(
      `the stored total is ${total}, but the ${values.size} numbers sum to ${sum}`,
    );
  }
  return unanswered;
}

/** Columns of the table that are summed after a restart: all, or only those that most chunks have. */
export type ColumnsChecked = 'all' | 'shared';

/** Compares what a server that has just started answers with what is expected. */
export async function checkRestarted(
  life: ServerLife,
  cycle: number,
  checked: ColumnsChecked,
): Promise<Unanswered> {
  const left = await readdir(path.join(life.server.dataDir, 'tmp'));
  if (left.length > 0)
    throw new Violation(`after the restart, tmp/ still holds ${left.join(', ')}`);
  const connection = connect(life.address);
  const { numbers, table } = life.expected;
  try {
    const total = await setNumber(life, connection, 'marker', BigInt(cycle));
    if (total !== numbers.total()) {
      throw new Violation(`SetNum answers with a total of ${total}, not ${numbers.total()}`);
    }
    const before = new Set(table.columns());
    const unanswered = table.settle(await marksInBoth(life, connection));
    const isChecked = (column: string) =>
      checked === 'all' || !before.has(column) || !column.startsWith('only in');
    await checkColumns(life, connection, table.columns().filter(isChecked));
    return unanswered;
  } finally {
    connection.close();
  }
}
