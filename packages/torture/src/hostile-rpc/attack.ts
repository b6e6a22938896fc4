import { launchServer } from '@tally/server/launch';
import { type Random, randomFrom } from '../random.js';
import { type Control, createControl } from './control.js';
import { type HostileCase, type Kind, shownBytes } from './hostile-case.js';
import { messageBytesMax } from './requests.js';
import {
  eventually,
  openFiles,
  residentBytes,
  type ServerUnderAttack,
  unexpectedLines,
} from './server-state.js';
import { createSessionAttacker, type SessionAttacker } from './session-attack.js';
import { attackOverTcp } from './tcp-attack.js';

const MiB = 1024 * 1024;

/** Control calls follow that many cases, and each kind that has as many. */
const batchCases = 50;
/** How much memory a server under attack may have beyond what it had when it was quiet. */
const growthBytesMax = 192 * MiB;
/** How much of that it may keep once it is quiet again: what V8 holds in reserve, and caches. */
const keptBytesMax = 128 * MiB;

export interface AttackOptions {
  readonly seed: number;
  readonly cases: number;
  readonly kinds: readonly Kind[];
  /** Told of each kind that is over. */
  readonly onKind?: (report: KindReport) => void;
}

/** How many cases of a kind were answered in which way. */
export interface KindReport {
  readonly kind: string;
  readonly cases: number;
  readonly outcomes: ReadonlyMap<string, number>;
}

export interface AttackReport {
  readonly kinds: readonly KindReport[];
  readonly controls: number;
  readonly quietBytes: number;
  readonly peakBytes: number;
  readonly endBytes: number;
  readonly openFiles: number;
  /** What the server has printed. */
  readonly output: string;
}

/** Something does not hold; `cases` are those since the last control, the last one last. */
export class ViolationError extends Error {
  constructor(
    readonly kind: string,
    readonly cases: readonly string[],
    cause: unknown,
    output: string,
  ) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`${kind}: ${reason}\nThe server's last lines: ${output.slice(-2000)}`, { cause });
  }
}

interface Attack {
  readonly server: ServerUnderAttack;
  readonly control: Control;
  readonly attacker: SessionAttacker;
  readonly bytesMax: number;
  /** The kind of the case that is under way. */
  kind: string;
  sinceControl: HostileCase[];
  peakBytes: number;
  controls: number;
}

/** Attacks a server of its own, one case after the other. Throws ViolationError. */
export async function attack(options: AttackOptions): Promise<AttackReport> {
  const server = await launchServer({
    args: [
      // Nothing here is about power loss.
      ...['--durability', 'os'],
      ...['--message-bytes-max', String(messageBytesMax)],
      // Node leaves some broken connections open until the server's pings find them: on a busy machine
      // they are more than the default allows, and the control's would be refused.
      ...['--ping-ms', '200', '--ping-timeout-ms', '2000', '--connections-max', '10000'],
    ],
    // As in the image.
    nodeArgs: ['--max-old-space-size=160'],
  });
  const control = createControl(server);
  try {
    return await attackServer(server, control, options);
  } finally {
    control.close();
    await server.stop();
  }
}

async function attackServer(
  server: ServerUnderAttack,
  control: Control,
  options: AttackOptions,
): Promise<AttackReport> {
  for (const on of ['old', 'new', 'old', 'new'] as const) await control.check(on);
  const files = await openFiles(server);
  const quietBytes = await residentBytes(server);
  const state: Attack = {
    server,
    control,
    attacker: createSessionAttacker(server.port),
    bytesMax: quietBytes + growthBytesMax,
    kind: '',
    sinceControl: [],
    peakBytes: 0,
    controls: 0,
  };
  try {
    const kinds = await attackInEveryWay(state, options);
    if (state.sinceControl.length > 0) await checkServer(state);
    state.attacker.close();
    await eventually(`more than ${files} files are open, as many as at the start`, async () => {
      return (await openFiles(server)) <= files;
    });
    const { controls, peakBytes } = state;
    const endBytes = await quietAgain(server, quietBytes);
    const output = server.output();
    return { kinds, controls, quietBytes, peakBytes, endBytes, openFiles: files, output };
  } catch (error) {
    const shown = state.sinceControl.map(shownBytes);
    throw new ViolationError(state.kind, shown, error, server.output());
  } finally {
    state.attacker.close();
  }
}

async function attackInEveryWay(
  state: Attack,
  { seed, cases, kinds, onKind }: AttackOptions,
): Promise<KindReport[]> {
  const reports: KindReport[] = [];
  const upTo = (i: number) => Math.floor((cases * i) / kinds.length);
  for (const [i, kind] of kinds.entries()) {
    const share = upTo(i + 1) - upTo(i);
    const report = await attackInOneWay(state, kind, share, randomFrom(seed ^ hashOf(kind.name)));
    onKind?.(report);
    reports.push(report);
  }
  return reports;
}

/** Attacks with the cases of one kind; the same `random` makes the same ones. */
async function attackInOneWay(
  state: Attack,
  kind: Kind,
  cases: number,
  random: Random,
): Promise<KindReport> {
  const outcomes = new Map<string, number>();
  state.kind = kind.name;
  for (let n = 1; n <= cases; n++) {
    const hostile = kind.make(random);
    state.sinceControl.push(hostile);
    const outcome = await attackOnce(state, hostile);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    const isLast = n === cases && cases >= batchCases;
    if (isLast || state.sinceControl.length === batchCases) await checkServer(state);
  }
  return { kind: kind.name, cases, outcomes };
}

async function attackOnce({ server, control, attacker }: Attack, hostile: HostileCase) {
  const { exitCode, signalCode } = server.process;
  if (exitCode !== null || signalCode !== null) {
    throw new Error(`the server has ended (${signalCode ?? exitCode})`);
  }
  if (hostile.over === 'tcp') return attackOverTcp(server.port, hostile);
  const answer = await attacker.attack(hostile);
  control.take(hostile, answer);
  return answer.outcome;
}

/** Sees that valid calls get right answers, and what the server takes and prints. Throws. */
async function checkServer(state: Attack): Promise<void> {
  const { server, control, bytesMax } = state;
  await control.check('old');
  await control.check('new');
  state.controls += 2;
  const bytes = await residentBytes(server);
  state.peakBytes = Math.max(state.peakBytes, bytes);
  const MiBOf = (n: number) => `${Math.round(n / MiB)} MiB`;
  if (bytes > bytesMax) {
    throw new Error(`the server takes ${MiBOf(bytes)}: at most ${MiBOf(bytesMax)} are allowed`);
  }
  const [line] = unexpectedLines(server.output());
  if (line !== undefined) throw new Error(`the server has printed: ${line}`);
  state.sinceControl = [];
}

async function quietAgain(server: ServerUnderAttack, quietBytes: number): Promise<number> {
  let bytes = 0;
  const otherwise = `the server keeps more than ${keptBytesMax / MiB} MiB of what the attack took`;
  await eventually(otherwise, async () => {
    bytes = await residentBytes(server);
    return bytes <= quietBytes + keptBytesMax;
  });
  return bytes;
}

/** A number for a text, so that each kind makes its own choices whatever else runs (FNV-1a). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
