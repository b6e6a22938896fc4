import os from 'node:os';

/** The machine and the versions that a result was measured with, in one line. */
export function describeMachine(): string {
  const cpus = os.cpus();
  const memoryGiB = Math.round(os.totalmem() / 1024 ** 3);
  return (
    `${cpus.length} × ${cpus[0]?.model.trim() ?? os.arch()}, ${memoryGiB} GiB, ` +
    `${os.type()} ${os.release().split('-')[0]}, Node ${process.versions.node}`
  );
}

/** The load average of the last minute. */
export const loadAverage = (): number => os.loadavg()[0] ?? 0;
