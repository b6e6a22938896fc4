import type { Connection } from '../connection.js';
import { digitsPerColumn, type Entry } from './ledger.js';

/**
 * Compares what a server shows with what it has promised; resolves to what is wrong, if anything.
 *
 * What was open is settled by what the server shows: from then on it may not change.
 */
export async function check(clients: Connection, entries: readonly Entry[]): Promise<string[]> {
  const faults: string[] = [];
  let sum = 0n;
  for (const [key, ofKey] of groupBy(entries, numberKey)) {
    const shown = await shownValue(clients, key);
    sum += BigInt(shown ?? 0);
    faults.push(...settleNumber(key, shown, ofKey));
  }
  // A number that adds nothing: its answer is the total.
  const { total } = await clients.numbers.setNum({ key: 'probe', value: 0n });
  if (total !== sum) faults.push(`the total of the numbers is ${total}, and their sum ${sum}`);
  for (const [column, ofColumn] of groupBy(entries, chunkColumn)) {
    faults.push(...(await settleColumn(clients, column, ofColumn)));
  }
  return faults;
}

const numberKey = ({ write }: Entry) => (write.kind === 'number' ? write.key : undefined);
const chunkColumn = ({ write }: Entry) => (write.kind === 'chunk' ? write.column : undefined);

function groupBy(
  entries: readonly Entry[],
  nameOf: (entry: Entry) => string | undefined,
): Map<string, Entry[]> {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const name = nameOf(entry);
    if (name !== undefined) groups.set(name, [...(groups.get(name) ?? []), entry]);
  }
  return groups;
}

const factorials = new Map<bigint, number>();
for (let n = 2, factorial = 2n; n <= 20; n++, factorial *= BigInt(n)) factorials.set(factorial, n);

/** The number called `key`, which only its factorial tells; undefined if there is none. */
async function shownValue({ numbers }: Connection, key: string): Promise<number | undefined> {
  const { value, error } = await numbers.fact({ key });
  if (error.startsWith('no number is called')) return undefined;
  const n = factorials.get(value);
  if (error !== '' || n === undefined)
    throw new Error(`the factorial of ${key}: ${error || value}`);
  return n;
}

function settleNumber(key: string, shown: number | undefined, entries: readonly Entry[]): string[] {
  const lastKept = entries.findLastIndex(({ fate }) => fate === 'kept');
  const possible = entries.filter(
    ({ fate }, i) => i === lastKept || (fate === 'open' && i > lastKept),
  );
  const isShown = ({ write }: Entry) => write.kind === 'number' && write.value === shown;
  const found = possible.findLast(isShown);
  for (const entry of entries) if (entry.fate === 'open') entry.fate = 'refused';
  if (found !== undefined) found.fate = 'kept';
  if (found !== undefined || (shown === undefined && lastKept < 0)) return [];
  const wanted = possible.map(({ write }) => write.kind === 'number' && write.value).join(' or ');
  return [`${key} is ${shown ?? 'missing'}, not ${wanted || 'missing'}`];
}

async function settleColumn(
  { table }: Connection,
  column: string,
  entries: readonly Entry[],
): Promise<string[]> {
  const csv = await table.colSum({ column, format: 'csv' });
  const parquet = await table.colSum({ column, format: 'parquet' });
  for (const { error } of [csv, parquet]) if (error !== '') return [`${column}: ${error}`];
  if (csv.total !== parquet.total) {
    return [`${column} sums up to ${csv.total} in CSV and to ${parquet.total} in Parquet`];
  }
  const faults: string[] = [];
  let rest = csv.total;
  for (let digit = 0; digit < digitsPerColumn; digit++, rest /= 4n) {
    const rows = Number(rest % 4n);
    const entry = entries.find(({ write }) => write.kind === 'chunk' && write.digit === digit);
    const name = `chunk ${digit} of ${column}`;
    const isAllowed =
      (rows === 3 && entry !== undefined && entry.fate !== 'refused') ||
      (rows === 0 && entry?.fate !== 'kept');
    if (!isAllowed) {
      const what =
        entry?.fate === 'open' ? 'neither kept nor refused' : (entry?.fate ?? 'not sent');
      faults.push(`${name} was ${what}, and ${rows} of its 3 rows that count are there`);
    } else if (entry?.fate === 'open') {
      entry.fate = rows === 3 ? 'kept' : 'refused';
    }
  }
  if (rest !== 0n) faults.push(`${column} sums up to ${csv.total}, which no chunks make`);
  return faults;
}
