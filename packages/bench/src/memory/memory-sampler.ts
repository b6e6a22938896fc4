import { type GroupMemory, groupMemory } from './group-memory.js';

const intervalMs = 100;

export const totalOf = ({ anonymous, shared, kernel }: GroupMemory) => anonymous + shared + kernel;

/** Reads a control group's memory every 100 ms and keeps the largest sample. */
export class MemorySampler {
  readonly #timer: NodeJS.Timeout;
  #peak: GroupMemory = { anonymous: 0, shared: 0, kernel: 0 };
  #samples = 0;
  #longestGapMs = 0;
  #lastAt = performance.now();

  constructor(readonly folder: string) {
    this.#timer = setInterval(() => this.#sample(), intervalMs);
  }

  /** The peak since the last call, and how well it was looked for. */
  takePeak() {
    this.#sample();
    const taken = { peak: this.#peak, samples: this.#samples, longestGapMs: this.#longestGapMs };
    this.#peak = { anonymous: 0, shared: 0, kernel: 0 };
    this.#samples = 0;
    this.#longestGapMs = 0;
    return taken;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const now = performance.now();
    this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastAt);
    this.#lastAt = now;
    const memory = groupMemory(this.folder);
    this.#samples++;
    if (totalOf(memory) > totalOf(this.#peak)) this.#peak = memory;
  }
}
