import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type Admission,
  AdmissionGate,
  type GateLimits,
  type Refusal,
} from '../src/rpc/admission-gate.js';

const limits: GateLimits = {
  bytesMax: 100,
  waitingCallsMax: 4,
  waitingBytesMax: 300,
  waitMsMax: 5000,
  messageBytesPerSecondMin: 10,
};

/** A gate, and what it has told each message by its name. */
function createGate(changed: Partial<GateLimits> = {}) {
  const gate = new AdmissionGate({ ...limits, ...changed });
  const told: string[] = [];
  const connections = new Map<string, object>();
  return {
    gate,
    told,
    /** `a1` is a message of connection a. */
    admit(name: string, bytes: number): Admission | Refusal {
      const connection = connections.get(name[0] as string) ?? {};
      connections.set(name[0] as string, connection);
      return gate.admit(connection, bytes, {
        onAdmitted: () => told.push(name),
        onRefused: (limit) => told.push(`${name} ${limit}`),
      });
    },
  };
}

const admission = (given: Admission | Refusal): Admission => {
  if (typeof given === 'string') throw new Error(`refused: ${given}`);
  return given;
};

const stateOf = ({ admittedBytes, waitingCalls, waitingBytes }: AdmissionGate) => ({
  admittedBytes,
  waitingCalls,
  waitingBytes,
});
const empty = { admittedBytes: 0, waitingCalls: 0, waitingBytes: 0 };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('messages are let in up to the last byte, and one byte more waits', () => {
  const { gate, admit, told } = createGate();
  const first = admission(admit('a1', 60));
  expect(admission(admit('b1', 40)).isAdmitted).toBe(true);
  const waiting = admission(admit('c1', 1));
  expect(waiting.isAdmitted).toBe(false);
  expect(stateOf(gate)).toEqual({ admittedBytes: 100, waitingCalls: 1, waitingBytes: 1 });
  first.release();
  expect(told).toEqual(['c1']);
  expect(waiting.isAdmitted).toBe(true);
});

test('connections take turns, and each keeps its own order', () => {
  const { admit, told } = createGate({ waitingCallsMax: 10, waitingBytesMax: 1000 });
  let last = admission(admit('z1', 100));
  const names = ['a1', 'a2', 'a3', 'b1', 'c1', 'c2'];
  const waiting = new Map(names.map((name) => [name, admission(admit(name, 100))]));
  for (let turn = 0; turn < names.length; turn++) {
    last.release();
    last = waiting.get(told.at(-1) as string) as Admission;
  }
  expect(told).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
});

test('a large message gets its turn, however many small ones come', () => {
  const { admit, told } = createGate();
  const first = admission(admit('a1', 60));
  admit('b1', 100);
  expect(admission(admit('c1', 10)).isAdmitted).toBe(false);
  first.release();
  expect(told).toEqual(['b1']);
});

test.each([
  { limit: 'waitingCallsMax', waiting: [1, 1, 1, 1], over: 1 },
  { limit: 'waitingBytesMax', waiting: [100, 100, 100], over: 1 },
])('past $limit a message is refused at once', ({ limit, waiting, over }) => {
  const { gate, admit } = createGate();
  admit('a1', 100);
  for (const bytes of waiting) expect(admission(admit('b1', bytes)).isAdmitted).toBe(false);
  const before = stateOf(gate);
  expect(admit('c1', over)).toBe(limit);
  expect(stateOf(gate)).toEqual(before);
});

test('a message is refused when it has waited as long as it may, and not before', () => {
  const { gate, admit, told } = createGate();
  admission(admit('a1', 100)).received(Number.POSITIVE_INFINITY);
  admit('b1', 1);
  vi.advanceTimersByTime(4999);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(told).toEqual(['b1 waitMsMax']);
  expect(gate.waitingCalls).toBe(0);
});

describe('a message that comes too slowly', () => {
  test('is given up while another waits', () => {
    const { admit, told } = createGate({ waitMsMax: 60_000 });
    const slow = admission(admit('a1', 50));
    const fast = admission(admit('b1', 50));
    admit('c1', 50);
    for (let second = 1; second <= 4; second++) {
      fast.received(12 * second);
      vi.advanceTimersByTime(1000);
    }
    expect(told).toEqual(['c1', 'a1 messageBytesPerSecondMin']);
    expect(slow.isReleased).toBe(true);
    expect(fast.isReleased).toBe(false);
  });

  test('may take its time while none waits, and as long as it likes once it is complete', () => {
    const { admit, told } = createGate();
    const slow = admission(admit('a1', 100));
    vi.advanceTimersByTime(3_600_000);
    slow.received(Number.POSITIVE_INFINITY);
    admit('b1', 1);
    vi.advanceTimersByTime(4000);
    expect(told).toEqual([]);
  });
});

test('what a message gives back lets others in', () => {
  const { gate, admit, told } = createGate();
  const large = admission(admit('a1', 100));
  admit('b1', 70);
  large.shrink(30);
  expect(told).toEqual(['b1']);
  large.shrink(90);
  expect(gate.admittedBytes).toBe(100);
});

test('whatever happens to its messages, a gate is never past its limit and empty in the end', () => {
  const step = fc.record({
    connection: fc.constantFrom('a', 'b', 'c'),
    bytes: fc.integer({ min: 1, max: 100 }),
    end: fc.nat(),
    afterMs: fc.nat(3000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { gate, admit } = createGate();
      const admissions: Admission[] = [];
      for (const { connection, bytes, end, afterMs } of steps) {
        const given = admit(`${connection}1`, bytes);
        if (typeof given !== 'string') admissions.push(given);
        // As a call does that is cancelled, waiting or not; some twice.
        admissions[end % (admissions.length + 1)]?.release();
        vi.advanceTimersByTime(afterMs);
        expect(gate.admittedBytes).toBeLessThanOrEqual(limits.bytesMax);
        expect(gate.waitingCalls).toBeLessThanOrEqual(limits.waitingCallsMax);
        expect(gate.waitingBytes).toBeLessThanOrEqual(limits.waitingBytesMax);
      }
      for (const given of admissions) given.release();
      expect(stateOf(gate)).toEqual(empty);
      expect(vi.getTimerCount()).toBe(0);
    }),
  );
});
