import { workerData } from 'node:worker_threads';
import { move } from 'piscina';
import { collected } from '../thread-heap.js';
import { reportStart } from '../thread-starts.js';
import { factorial, toBigEndian } from './factorial.js';

reportStart(workerData.starts);

/** Computes n! in a worker thread; the answer, as big-endian bytes, is moved to the caller. */
export default collected((n: number): unknown => move(toBigEndian(factorial(n))));
