import path from 'node:path';
import type { Quarantine } from './quarantine.js';
import type { Checked, Findings, Problem } from './report.js';

/** What every part of a check is given. */
export interface CheckContext {
  readonly dataDir: string;
  /** Whether it is a backup, which lacks what a server makes anew. */
  readonly isBackup: boolean;
  readonly threads: number;
  readonly checked: Checked;
  readonly progress: ProgressOfCheck;
  /** Reports a problem; its file is an absolute path here. */
  add(problem: Problem): void;
  /** Reports a problem with what is provably incomplete; a repair moves it to the quarantine. */
  setAside(problem: Problem): Promise<void>;
}

/** How far a check is. */
export interface VerifyProgress {
  readonly commits: number;
  /** How many there are; 0 while that is not known. */
  readonly commitsMax: number;
  /** Bytes of table files that were read. */
  readonly bytes: number;
  /** Entries of LMDB that were read. */
  readonly entries: number;
}

export interface ProgressOfCheck {
  addCommits(more: number): void;
  commit(): void;
  bytes(more: number): void;
  entries(more: number): void;
}

export function createProgress(onProgress: (progress: VerifyProgress) => void): ProgressOfCheck {
  let now: VerifyProgress = { commits: 0, commitsMax: 0, bytes: 0, entries: 0 };
  const change = (changed: Partial<VerifyProgress>) => {
    now = { ...now, ...changed };
    onProgress(now);
  };
  return {
    addCommits: (more) => change({ commitsMax: now.commitsMax + more }),
    commit: () => change({ commits: now.commits + 1 }),
    bytes: (more) => change({ bytes: now.bytes + more }),
    entries: (more) => change({ entries: now.entries + more }),
  };
}

export function createContext(
  { dataDir, isBackup }: Pick<CheckContext, 'dataDir' | 'isBackup'>,
  threads: number,
  findings: Findings,
  progress: ProgressOfCheck,
  quarantine: Quarantine | undefined,
): CheckContext {
  const below = (problem: Problem): Problem => ({
    ...problem,
    file: path.relative(dataDir, problem.file),
  });
  return {
    dataDir,
    isBackup,
    threads,
    checked: findings.checked,
    progress,
    add: (problem) => findings.add(below(problem)),
    async setAside(problem) {
      const told = below(problem);
      findings.add({ ...told, movedTo: await quarantine?.move(told.file, told.what) });
    },
  };
}
