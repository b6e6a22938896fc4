import { status } from '@grpc/grpc-js';
import { logger } from '../logger.js';
import { type CallRecord, isLasting } from './call-record.js';

/** Codes that say that the server is at fault. */
const faults: ReadonlySet<number> = new Set([status.UNKNOWN, status.INTERNAL, status.DATA_LOSS]);

/** Codes that an operator should know of, though no single call matters. */
const warnings: ReadonlySet<number> = new Set([status.UNAVAILABLE, status.RESOURCE_EXHAUSTED]);

/** Writes the line of a call that is over; one that took longer than `slowCallMs` says on what. */
export function logCall(record: CallRecord, slowCallMs: number): void {
  const code = record.code ?? status.CANCELLED;
  const { id, path, peer, client, details, requestBytes, responseBytes, ms } = record;
  const isSlow = ms > slowCallMs && !isLasting(path);
  const level = isFault(code, details) ? 'error' : warnings.has(code) || isSlow ? 'warn' : 'info';
  if (!logger.isLevelEnabled(level)) return;
  logger[level](
    {
      id,
      method: path,
      peer,
      client,
      code: status[code],
      details,
      refused: record.isRefused ? true : undefined,
      ms: rounded(ms),
      requestBytes,
      responseBytes,
      stagesMs: isSlow ? stagesMs(record) : undefined,
    },
    isSlow ? 'slow call' : 'call',
  );
}

/** What gRPC has no other code for, though a client has sent it: grpc-js's words, and inflate.ts's. */
const clientsFault = /^(Invalid grpc-timeout value|a message is no valid )/;

const isFault = (code: number, details = '') => faults.has(code) && !clientsFault.test(details);

/** Where the time went, by stage; a stage of many threads may take longer than the call. */
function stagesMs({ stages }: CallRecord): Readonly<Record<string, number>> {
  return Object.fromEntries(stages.map(({ stage, ms }) => [stage, rounded(ms)]));
}

/** To a microsecond. */
const rounded = (ms: number) => Math.round(ms * 1000) / 1000;
