import type { Connection } from '../connection.js';
import { markColumn } from '../expected-table.js';
import { Violation } from '../violation.js';
import type { ServerLife } from './server-life.js';

const formats = ['csv', 'parquet'] as const;
type Format = (typeof formats)[number];

/** What a sum answered: a total, or a sentence. */
type Answer = bigint | string;

/** Sums the marks in one format while uploads go on: what was acknowledged before must be in it. */
export async function checkMarksMeanwhile(
  life: ServerLife,
  connection: Connection,
  format: Format,
): Promise<void> {
  const { table } = life.expected;
  const { least } = table.markBounds();
  const marks = await sum(life, connection, markColumn, format);
  const { most } = table.markBounds();
  if (marks === undefined) return;
  if (typeof marks !== 'bigint' || marks < least || marks > most) {
    throw new Violation(
      `the ${format} sum of ${markColumn} during uploads is ${marks}, not from ${least} to ${most}`,
    );
  }
}

/** The sum of the marks, which must be a total and the same in both formats. */
export async function marksInBoth(life: ServerLife, connection: Connection): Promise<bigint> {
  const marks = await inBoth(life, connection, markColumn);
  if (typeof marks !== 'bigint') throw new Violation(`the marks cannot be summed: ${marks}`);
  return marks;
}

/** Compares the sums of columns in both formats with what is expected; no upload may be going on. */
export async function checkColumns(
  life: ServerLife,
  connection: Connection,
  columns: readonly string[],
): Promise<void> {
  for (const column of columns) {
    const expected = life.expected.table.sum(column);
    const answer = await inBoth(life, connection, column);
    const right = expected === 'not integers' ? typeof answer === 'string' : answer === expected;
    if (!right) {
      throw new Violation(
        `the sum of column ${JSON.stringify(column)} in both formats is ${answer}, not ${expected}`,
      );
    }
  }
}

async function inBoth(life: ServerLife, connection: Connection, column: string): Promise<Answer> {
  const [csv, parquet] = await Promise.all(
    formats.map((format) => sum(life, connection, column, format)),
  );
  if (csv === undefined || csv !== parquet) {
    throw new Violation(
      `the sum of column ${JSON.stringify(column)} is ${csv} from CSV, but ${parquet} from Parquet`,
    );
  }
  return csv;
}

/** Undefined if there is no answer because the server was killed. */
async function sum(
  life: ServerLife,
  { table }: Connection,
  column: string,
  format: Format,
): Promise<Answer | undefined> {
  const reply = await life.answer(`ColSum of ${JSON.stringify(column)} in ${format}`, () =>
    table.colSum({ column, format }),
  );
  if (reply === undefined) return undefined;
  return reply.error === '' ? reply.total : reply.error;
}
