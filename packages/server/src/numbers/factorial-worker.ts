import { move } from 'piscina';
import { factorial, toBigEndian } from './factorial.js';

/** Computes n! in a worker thread; the answer, as big-endian bytes, is moved to the caller. */
export default function computeFactorial(n: number): unknown {
  return move(toBigEndian(factorial(n)));
}
