/** What kind of thing is wrong. */
export type ProblemKind =
  /** A file that the log names is not there, or cannot be read. */
  | 'missing'
  | 'unreadable'
  | 'size'
  | 'checksum'
  /** A file is not what the log says of it, or the two files of a chunk differ. */
  | 'content'
  /** An entry of the table's log is torn, missing, foreign, or contradicts the others. */
  | 'log'
  /** A checkpoint of the log is damaged, foreign, or contradicts the commits. */
  | 'checkpoint'
  /** A file of a chunk that no entry of the log names. */
  | 'orphan'
  /** Something that Tally did not put there. */
  | 'foreign'
  /** Work in progress that was not finished. */
  | 'leftover'
  | 'index'
  | 'numbers';

export interface Problem {
  readonly kind: ProblemKind;
  /** Its path below the data folder. */
  readonly file: string;
  /** What is wrong with it, as the end of a sentence that begins with the file. */
  readonly what: string;
  readonly toDo: string;
  /** Where a repair has moved it, below the data folder. */
  readonly movedTo?: string | undefined;
}

/** How much was checked. */
export interface Checked {
  commits: number;
  chunks: number;
  /** Chunks of a version of Tally that took no checksums. */
  chunksWithoutChecksums: number;
  rows: number;
  /** CSV and Parquet files that were read, and their bytes. */
  files: number;
  bytes: number;
  /** Integer columns of single chunks whose sum was compared between the formats. */
  columnSums: number;
  /** Columns of chunks in the index that were compared with the log. */
  indexEntries: number;
  numbers: number;
}

export interface Report {
  readonly dataDir: string;
  readonly seconds: number;
  readonly checked: Readonly<Checked>;
  readonly problems: readonly Problem[];
  /** Problems beyond those that the report holds. */
  readonly problemsLeftOut: number;
  /** Problems that the repair has moved out of the way, and where to; undefined if it moved none. */
  readonly repaired: number;
  readonly quarantine: string | undefined;
}

/** Problems that a report holds: past them, they are counted only. */
const problemsMax = 10_000;

/** A report that is being made. */
export interface Findings {
  readonly checked: Checked;
  add(problem: Problem): void;
  report(dataDir: string, quarantine: string | undefined): Report;
}

export function createFindings(): Findings {
  const startMs = performance.now();
  const problems: Problem[] = [];
  let problemsLeftOut = 0;
  let repaired = 0;
  const checked: Checked = {
    commits: 0,
    chunks: 0,
    chunksWithoutChecksums: 0,
    rows: 0,
    files: 0,
    bytes: 0,
    columnSums: 0,
    indexEntries: 0,
    numbers: 0,
  };
  return {
    checked,
    add(problem) {
      if (problem.movedTo !== undefined) repaired++;
      if (problems.length < problemsMax) problems.push(problem);
      else problemsLeftOut++;
    },
    report: (dataDir, quarantine) => ({
      dataDir,
      seconds: (performance.now() - startMs) / 1000,
      checked,
      problems,
      problemsLeftOut,
      repaired,
      quarantine,
    }),
  };
}

/** Whether all is well, or has been made so. */
export function isWell({ problems, problemsLeftOut, repaired }: Report): boolean {
  return problems.length + problemsLeftOut === repaired;
}
