import { readFile, stat } from 'node:fs/promises';

/** How often files are looked at: a token that is taken out of its file is refused that soon. */
const lookMs = 1000;
/** Certificates and token files are far smaller: a wrong path is not to fill the memory. */
const bytesMax = 4 * 1024 * 1024;

/** Files that are read again whenever one of them changes. */
export interface WatchedFiles {
  close(): void;
}

/**
 * Reads the files, hands their contents to `take`, and does so again when they change.
 *
 * Rejects with what `take`, or reading them for the first time, throws; later faults go to
 * `onFault`, each once, and what was taken before stays until they have passed. Files are looked at
 * by their names, as those of a Kubernetes secret are links to a folder that is replaced.
 */
export async function watchFiles(
  paths: readonly string[],
  take: (contents: readonly Buffer[]) => void,
  onFault: (error: unknown) => void,
): Promise<WatchedFiles> {
  let taken = await signatureOf(paths);
  take(await readAll(paths));
  let faultBefore: string | undefined;
  let isLooking = false;

  async function look(): Promise<void> {
    // Before they are read: what changes while they are read is seen the next time.
    const now = await signatureOf(paths);
    if (now === taken) return;
    try {
      take(await readAll(paths));
      taken = now;
      faultBefore = undefined;
    } catch (error) {
      // It may pass without a change of the files, so they are read again; it is told of once.
      const fault = `${now}\n${error instanceof Error ? error.message : error}`;
      if (fault !== faultBefore) onFault(error);
      faultBefore = fault;
    }
  }

  const timer = setInterval(async () => {
    if (isLooking) return;
    isLooking = true;
    await look();
    isLooking = false;
  }, lookMs);
  timer.unref();
  return { close: () => clearInterval(timer) };
}

async function readAll(paths: readonly string[]): Promise<readonly Buffer[]> {
  return Promise.all(
    paths.map(async (path) => {
      const { size } = await stat(path);
      if (size > bytesMax)
        throw new Error(`${path} has ${size} bytes: at most ${bytesMax} are read`);
      return readFile(path);
    }),
  );
}

/** What changes whenever a file does. */
async function signatureOf(paths: readonly string[]): Promise<string> {
  const each = paths.map(async (path) => {
    try {
      const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
      return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
    } catch (error) {
      return String((error as NodeJS.ErrnoException).code);
    }
  });
  return (await Promise.all(each)).join('\n');
}
