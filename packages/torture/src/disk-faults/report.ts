import type { Injection, Outcome } from './injection.js';

const outcomes: readonly Outcome[] = [
  'acknowledged',
  'refused',
  'kept unseen',
  'stopped',
  'server ended',
  'not reached',
];

/** A line for each operation and fault: how often each outcome came. */
export function outcomeTable(injections: readonly Injection[]): string {
  const counts = new Map<string, Map<Outcome, number>>();
  for (const { scenario, fault, outcome } of injections) {
    const row = `${scenario}: ${fault.kind} ${fault.pattern}: ${fault.fault}`;
    const ofRow = counts.get(row) ?? new Map<Outcome, number>();
    counts.set(row, ofRow.set(outcome, (ofRow.get(outcome) ?? 0) + 1));
  }
  return [...counts]
    .map(([row, ofRow]) => {
      const cells = outcomes.flatMap((outcome) =>
        ofRow.has(outcome) ? [`${ofRow.get(outcome)} ${outcome}`] : [],
      );
      return `  ${row}: ${cells.join(', ')}`;
    })
    .join('\n');
}

/** What clients and operators were told, each sentence once. */
export function sentencesIn(injections: readonly Injection[]): string[] {
  return [...new Set(injections.flatMap(({ sentences }) => sentences))].sort();
}
