import { expect, it } from 'vitest';
import { attack } from '../src/hostile-rpc/attack.js';
import { shownBytes } from '../src/hostile-rpc/hostile-case.js';
import { allKinds } from '../src/hostile-rpc/kinds/all-kinds.js';
import { randomFrom } from '../src/random.js';

const safetyNetMs = 120_000;

it('a server stays right under 600 hostile calls of every kind', {
  timeout: safetyNetMs,
}, async () => {
  const cases = 600;
  const { kinds, controls } = await attack({ seed: 7, cases, kinds: allKinds });
  expect(kinds.map(({ kind }) => kind)).toEqual(allKinds.map(({ name }) => name));
  expect(controls).toBe(2 * 12);
  for (const { kind, cases, outcomes } of kinds) {
    const answered = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
    expect([kind, answered]).toEqual([kind, cases]);
  }
  // Some of each way of refusing: an attack that never gets through would show nothing.
  const outcomes = new Set(kinds.flatMap(({ outcomes }) => [...outcomes.keys()]));
  for (const outcome of [
    'OK',
    'INVALID_ARGUMENT',
    'UNIMPLEMENTED',
    'RESOURCE_EXHAUSTED',
    'INTERNAL',
    'HTTP 415',
    'GOAWAY PROTOCOL_ERROR',
    'GOAWAY FRAME_SIZE_ERROR',
    'GOAWAY COMPRESSION_ERROR',
    'RST_STREAM PROTOCOL_ERROR',
  ]) {
    expect(outcomes).toContain(outcome);
  }
});

it.each(allKinds)('$name are the same for the same seed', ({ make }) => {
  const draw = (seed: number) => {
    const random = randomFrom(seed);
    return Array.from({ length: 20 }, () => shownBytes(make(random)));
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});
