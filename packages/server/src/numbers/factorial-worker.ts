import { workerData } from 'node:worker_threads';
import { move } from 'piscina';
import { timed } from '../task-time.js';
import { collected } from '../thread-heap.js';
import { reportStart } from '../thread-starts.js';
import { factorial, toBigEndian } from './factorial.js';
import type { FactorialTask } from './factorials.js';

reportStart(workerData.starts);

/** Computes n! in a worker thread; the answer, as big-endian bytes, is moved to the caller. */
export default collected(timed(({ n }: FactorialTask): unknown => move(toBigEndian(factorial(n)))));
