import { workerData } from 'node:worker_threads';
import { move } from 'piscina';
import { reportStart } from '../thread-starts.js';
import { factorial, toBigEndian } from './factorial.js';

reportStart(workerData.starts);

/** Computes n! in a worker thread; the answer, as big-endian bytes, is moved to the caller. */
export default function computeFactorial(n: number): unknown {
  return move(toBigEndian(factorial(n)));
}
