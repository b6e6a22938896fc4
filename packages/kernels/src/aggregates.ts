import { exactSum, type Kernels } from './kernels.js';

/** What integers come to: of any number of them but none. */
export interface LongAggregate {
  readonly sum: bigint;
  readonly min: bigint;
  readonly max: bigint;
}

/** What doubles come to: of any number of them but none. */
export interface DoubleAggregate {
  /** The exact sum of the finite ones, in units of 2^-1074, of which every double is a multiple. */
  readonly units: bigint;
  /** The sum of infinities and NaN; 0 without any. */
  readonly special: number;
  /** Whether all are -0: only then is their sum -0 (IEEE 754-2019, 6.3). */
  readonly areNegativeZeros: boolean;
  /** NaN if a value is; -0 is below 0 (IEEE 754-2019, 9.6). */
  readonly min: number;
  readonly max: number;
}

/** What the integers that the last kernel has taken in come to; at least one. */
export function longAggregate(kernels: Kernels): LongAggregate {
  const { exports } = kernels;
  return { sum: exactSum(kernels), min: exports.leastLong(), max: exports.greatestLong() };
}

/** What the doubles that the last kernel has taken in come to; at least one. */
export function doubleAggregate(kernels: Kernels): DoubleAggregate {
  const { exports } = kernels;
  return {
    units: unitsOf(kernels),
    special: exports.specialDoubles(),
    areNegativeZeros: exports.areNegativeZeros() !== 0,
    min: exports.leastDouble(),
    max: exports.greatestDouble(),
  };
}

// Bin b has so many times 2^b units, in two halves.
function unitsOf({ exports }: Kernels): bigint {
  const bins = exports.doubleBins();
  const lows = new BigInt64Array(exports.memory.buffer, exports.doubleLows(), bins);
  const highs = new BigInt64Array(exports.memory.buffer, exports.doubleHighs(), bins);
  let units = 0n;
  for (let bin = 0; bin < bins; bin++) {
    const [low = 0n, high = 0n] = [lows[bin], highs[bin]];
    if (low !== 0n || high !== 0n) units += ((high << 32n) + low) << BigInt(bin);
  }
  return units;
}

/** Takes in values that another reader has decoded. */
export interface ValueAggregator {
  /** Takes in the first `count` values of eight bytes in the kernels' input. */
  add(count: number): void;
}

/** Begins a column of integers of 64 bits; `longAggregate` has what they come to. */
export function aggregateLongs({ exports }: Kernels): ValueAggregator {
  exports.beginColumnChunk(0, 0, 0, 1);
  return { add: (count) => exports.addLongs(count) };
}

/** Begins a column of doubles; `doubleAggregate` has what they come to. */
export function aggregateDoubles({ exports }: Kernels): ValueAggregator {
  exports.resetDoubles();
  return { add: (count) => exports.addDoubles(count) };
}

/**
 * Takes in the double that the first `length` bytes of the input spell, as conversions read it,
 * into what `aggregateDoubles` has begun; false if they spell none.
 */
export function addDoubleText({ exports }: Kernels, length: number): boolean {
  return exports.addDoubleText(length) !== 0;
}
