import { workerData } from 'node:worker_threads';
import { collected } from '../thread-heap.js';
import { reportStart } from '../thread-starts.js';
import { checkChunk as checkOneChunk } from './chunk-check.js';

// What runs in the threads of the check.
export const checkChunk = collected(checkOneChunk);

reportStart(workerData.starts);
