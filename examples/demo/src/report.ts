/** Prints one step of the demo. */
export function step(name: string, text: string): void {
  console.log(`${name.padEnd(9)}${text}`);
}

/** A whole number with commas between its thousands. */
export const inGroups = (n: bigint): string => n.toLocaleString('en-US');

/** Prints a table: the first column to the left, the others to the right. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const lines = [header, ...rows];
  const widths = header.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  for (const line of lines) {
    const cells = line.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    );
    console.log(`         ${cells.join('  ')}`.trimEnd());
  }
  console.log();
}
