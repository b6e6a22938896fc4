import { eventually } from './server.js';

/** A line of the log about a call. */
export interface CallLine {
  readonly level: string;
  readonly time: string;
  readonly id: string;
  readonly method: string;
  readonly peer: string;
  readonly client?: string;
  readonly code: string;
  readonly details?: string;
  readonly refused?: boolean;
  readonly ms: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly stagesMs?: Readonly<Record<string, number>>;
  readonly msg: string;
}

/** The lines about calls that a server process has written so far. */
export function callLines({ output }: { output(): string }): CallLine[] {
  return output()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line))
    .filter(({ id }) => id !== undefined);
}

/** The line of the first such call, once it is written. */
export function callLine(
  server: { output(): string },
  isIt: (line: CallLine) => boolean,
): Promise<CallLine> {
  return eventually(async () => callLines(server).find(isIt));
}
