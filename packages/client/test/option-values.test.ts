import { describe, expect, test } from 'vitest';
import { durationMs, wholeNumber } from '../dist/options/option-values.js';

describe('whole numbers from 1 to 65,535', () => {
  const parse = wholeNumber(1, 65_535);

  test.each([
    { text: '1', value: 1 },
    { text: '5440', value: 5440 },
    { text: '65535', value: 65_535 },
  ])('$text is one', ({ text, value }) => {
    expect(parse(text)).toBe(value);
  });

  test.each(['0', '65536', '-1', '1.5', '1e3', '0x10', ' 1', '', 'http', '9'.repeat(400)])(
    '"%s" is none, and the message says what is allowed',
    (text) => {
      expect(() => parse(text)).toThrow('It must be a whole number from 1 to 65,535.');
    },
  );
});

describe('times', () => {
  test.each([
    { text: '10', ms: 10_000 },
    { text: '10s', ms: 10_000 },
    { text: '0.5s', ms: 500 },
    { text: '1ms', ms: 1 },
    { text: '3600s', ms: 3_600_000 },
  ])('$text is $ms ms', ({ text, ms }) => {
    expect(durationMs(text)).toBe(ms);
  });

  test.each(['0', '0ms', '3601', '3600001ms', '1m', '-1s', 's', '', '1 s', '1.s'])(
    '"%s" is none, and the message says what is allowed',
    (text) => {
      expect(() => durationMs(text)).toThrow('It must be a time from 1ms to 3600s');
    },
  );
});
