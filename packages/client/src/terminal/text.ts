/** A count with thousands separated. */
export const whole = (n: number): string => n.toLocaleString('en-US', { maximumFractionDigits: 0 });

/** A count and what is counted, in the singular or the plural. */
export const counted = (n: number, what: string): string =>
  `${whole(n)} ${what}${n === 1 ? '' : 's'}`;

/** Bytes in MB, to 0.1. */
export const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** Characters that would move the cursor, or turn the direction of what follows. */
const unprintable = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** The text on one line of a terminal, whatever it holds: such characters are written as `\u001b`. */
export const printable = (text: string): string =>
  text.replaceAll(
    unprintable,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
