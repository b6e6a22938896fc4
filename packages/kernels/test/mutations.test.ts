import { expect, test } from 'vitest';
import { mutateAndSum, randomFrom, samples, stillWorks } from './mutations.js';

// The long run: pnpm --filter @tally/kernels mutate.
test.each([
  ['with checksums', true],
  ['without checksums', false],
])(
  'damaged pages %s end in a fault or a sum whose checksums hold, at once',
  async (_, checksums) => {
    const all = await samples(checksums);
    expect(all.every(stillWorks)).toBe(true);
    const pages = all.flatMap((sample) => sample.pages);
    expect(pages.every(({ checksum }) => (checksum !== undefined) === checksums)).toBe(true);
    const kinds = new Set<string>();
    for (let i = 0; i < 2000; i++) {
      const { sample, mutations, kind, failure, kernelMs } = mutateAndSum(all, randomFrom(i));
      const what = `seed ${i}: ${sample.writer}, ${sample.column}: ${mutations}`;
      expect(failure, what).toBeUndefined();
      expect(stillWorks(sample), what).toBe(true);
      expect(kernelMs, what).toBeLessThan(1000);
      kinds.add(kind);
    }
    expect(kinds).toContain('its pages are corrupt');
    if (checksums) expect(kinds).toContain("a page's checksum does not hold");
  },
);
