import { type Random, randomFrom } from '../random.js';

/** What the makers of inputs choose by. */
export interface Choices {
  /** A whole number from 0 to n - 1. */
  readonly below: Random;
  /** True `perThousand` times in a thousand. */
  chance(perThousand: number): boolean;
  oneOf<T>(values: readonly T[]): T;
  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number;
}

/** The choices of the input with this number; the same for the same seed, whatever came before. */
export function choicesFor(seed: number, input: number): Choices {
  // An odd factor: no two inputs of a seed get the same generator.
  const below = randomFrom((seed ^ Math.imul(input, 0x9e3779b1)) | 0);
  // The first numbers of generators with similar seeds are similar.
  for (let i = 0; i < 8; i++) below(2);
  return {
    below,
    chance: (perThousand) => below(1000) < perThousand,
    oneOf: (values) => {
      const value = values[below(values.length)];
      if (value === undefined) throw new Error('there is nothing to choose from');
      return value;
    },
    between: (least, most) => least + below(most - least + 1),
  };
}
