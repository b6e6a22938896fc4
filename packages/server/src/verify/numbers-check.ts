import type { NumbersWalk } from './lmdb-child.js';

/** What is wrong with the numbers, each as the end of a sentence that begins with their file. */
export function numbersFaults(walk: NumbersWalk): string[] {
  const { sum, total, misfits, misfitCount } = walk;
  const faults: string[] = [];
  if (misfitCount > 0) {
    const keys = misfits.map((key) => JSON.stringify(key)).join(', ');
    const more = misfitCount > misfits.length ? ' and others' : '';
    const values = misfitCount === 1 ? 'a value that has' : `${misfitCount} values that have`;
    faults.push(`has ${values} not 8 bytes: of ${keys}${more}`);
  }
  const stored = storedTotal(walk);
  if (typeof stored === 'string') faults.push(stored);
  // Of values that cannot be read there is no sum.
  else if (misfitCount === 0 && stored !== sum) {
    faults.push(`has the total ${stored}, but its ${walk.count} numbers sum to ${sum}`);
  } else if (total !== undefined && BigInt.asIntN(64, sum) !== sum) {
    faults.push(`has numbers that sum to ${sum}, which is past int64`);
  }
  return faults;
}

/** The total as the server reads it, or what is wrong with it. */
function storedTotal({ total, count }: NumbersWalk): bigint | string {
  if (total === undefined) return count === 0 ? 0n : `has ${count} numbers, but no total`;
  const bytes = Buffer.from(total);
  // Older data has no count beside the total.
  if (bytes.length !== 8 && bytes.length !== 16) {
    return `has a total of ${bytes.length} bytes: it must have 16`;
  }
  if (bytes.length === 16 && bytes.readDoubleBE(8) !== count) {
    return `says that it has ${bytes.readDoubleBE(8)} numbers, but has ${count}`;
  }
  return bytes.readBigInt64BE();
}
