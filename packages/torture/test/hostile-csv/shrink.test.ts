import { expect, test } from 'vitest';
import { asJavaScript, shrink } from '../../src/hostile-csv/shrink.js';

test('of a file that fails nothing is left but what makes it fail', async () => {
  const bytes = Buffer.from('a,b\n1,2\n3,"4"\n5,6\n');
  const stillFails = async (smaller: Buffer) => /,.*"/s.test(smaller.toString());
  expect((await shrink(bytes, stillFails)).toString()).toBe(',"');
});

test.each([
  ['text', Buffer.from('a\n"é"'), '"a\\n\\"é\\""'],
  ['bytes that are no text', Buffer.from('a\xff', 'latin1'), `Buffer.from("aÿ", 'latin1')`],
])('%s is shown so that it can be pasted into a test', (_, bytes, shown) => {
  expect(asJavaScript(bytes)).toBe(shown);
});
