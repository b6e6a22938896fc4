import { choicesFor } from './choices.js';
import { fileBeyondLimits, generatedFile } from './generated-file.js';
import { gentlyMutatedFile, roughlyMutatedFile } from './mutated-file.js';

/** One file that Tally is given. */
export interface Input {
  /** With the seed, it makes the same bytes again. */
  readonly number: number;
  readonly bytes: Buffer;
  /** Whether peers are asked too; of a damaged file, only that Tally stays right by itself. */
  readonly isCompared: boolean;
}

/** For so many compared inputs there is one damaged one: they are 92 % of all. */
const comparedPerDamaged = 12;

/** The inputs of a run of `count` compared ones whose numbers leave `share` of `shares`. */
export function* inputsOf(
  seed: number,
  count: number,
  share: number,
  shares: number,
): Generator<Input> {
  for (let number = share; number < count; number += shares) {
    yield comparedInput(seed, number);
    if (Math.floor(number / shares) % comparedPerDamaged === 0) yield damagedInput(seed, number);
  }
}

function comparedInput(seed: number, number: number): Input {
  const choices = choicesFor(seed, number);
  const bytes = choices.chance(600) ? generatedFile(choices) : gentlyMutatedFile(choices);
  return { number, bytes, isCompared: true };
}

function damagedInput(seed: number, number: number): Input {
  const choices = choicesFor(~seed, number);
  const bytes = choices.chance(5)
    ? fileBeyondLimits(choices)
    : roughlyMutatedFile(choices, generatedFile(choices));
  return { number, bytes, isCompared: false };
}
