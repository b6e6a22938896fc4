/** How often a failing file is tried with something taken out. */
const triesMax = 400;

/** A file that still fails and from which hardly anything can be taken out (delta debugging). */
export async function shrink(
  bytes: Buffer,
  stillFails: (smaller: Buffer) => Promise<boolean>,
): Promise<Buffer> {
  let smallest = bytes;
  let tries = 0;
  for (let chunk = smallest.length >> 1; chunk > 0; chunk >>= 1) {
    for (let at = 0; at < smallest.length && tries < triesMax; tries++) {
      const rest = smallest.subarray(at + chunk);
      const smaller = Buffer.concat([smallest.subarray(0, at), rest]);
      if (await stillFails(smaller)) smallest = smaller;
      else at += chunk;
    }
  }
  return smallest;
}

/** A file as an expression of JavaScript, for a regression test. */
export function asJavaScript(bytes: Buffer): string {
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes)
    ? JSON.stringify(text)
    : `Buffer.from(${JSON.stringify(bytes.toString('latin1'))}, 'latin1')`;
}
