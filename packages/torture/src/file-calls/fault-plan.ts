import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { type CallKind, kindNumber } from './journal.js';

/** In the order of `enum fault` in preload/file-calls.c, from 1. */
export const faults = [
  'error',
  'no space',
  'done, then error',
  'short',
  'short, then full',
  'crash before',
  'crash after',
  'full from here on',
  'broken from here on',
] as const;
export type Fault = (typeof faults)[number];

/** Which call is to fail, and how. */
export interface PlannedFault {
  readonly kind: CallKind;
  /** Of the call's path; `*` stands for anything. */
  readonly pattern: string;
  /** Which call of that kind with such a path, counted from 1 since it was armed. */
  readonly nth: number;
  readonly fault: Fault;
}

/** What a running server's library is told, through a file that it has mapped into its memory. */
export interface FaultPlan {
  /** Whether calls go into the journal. */
  record(isOn: boolean): void;
  arm(fault: PlannedFault): void;
  /** No fault from now on; true if the one that was armed has happened. */
  disarm(): boolean;
}

// `struct plan` in preload/file-calls.c.
const planBytes = 256;
const recordingAt = 0;
const armedAt = 4;
const firedAt = 24;
const patternAt = 32;

export function createFaultPlan(file: string): FaultPlan {
  writeFileSync(file, Buffer.alloc(planBytes));

  function put(bytes: Buffer, position: number): void {
    const fd = openSync(file, 'r+');
    writeSync(fd, bytes, 0, bytes.length, position);
    closeSync(fd);
  }

  function int32At(position: number): number {
    const fd = openSync(file, 'r');
    const bytes = Buffer.alloc(4);
    readSync(fd, bytes, 0, 4, position);
    closeSync(fd);
    return bytes.readInt32LE();
  }

  const putInt32 = (value: number, position: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    put(bytes, position);
  };

  return {
    record: (isOn) => putInt32(isOn ? 1 : 0, recordingAt),
    arm({ kind, pattern, nth, fault }) {
      const bytes = Buffer.alloc(planBytes - armedAt);
      bytes.writeInt32LE(kindNumber(kind), 8 - armedAt);
      bytes.writeInt32LE(nth, 12 - armedAt);
      bytes.writeInt32LE(faults.indexOf(fault) + 1, 16 - armedAt);
      bytes.write(pattern, patternAt - armedAt);
      put(bytes, armedAt);
      putInt32(1, armedAt);
    },
    disarm() {
      putInt32(0, armedAt);
      return int32At(firedAt) !== 0;
    },
  };
}
