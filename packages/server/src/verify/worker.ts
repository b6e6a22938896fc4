import { workerData } from 'node:worker_threads';
import { reportStart } from '../thread-starts.js';

// What runs in the threads of the check.
export { checkChunk } from './chunk-check.js';

reportStart(workerData.starts);
