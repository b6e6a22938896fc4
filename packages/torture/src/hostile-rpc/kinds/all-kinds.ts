import type { Kind } from '../hostile-case.js';
import { brokenFrames } from './broken-frames.js';
import { brokenHeaders } from './broken-headers.js';
import { brokenOff } from './broken-off.js';
import { hostileBodies } from './hostile-bodies.js';
import { hostileMetadata } from './hostile-metadata.js';
import { notGrpc } from './not-grpc.js';

/** Every way of being hostile, in the order of a run. */
export const allKinds: readonly Kind[] = [
  ...brokenFrames,
  ...brokenHeaders,
  ...notGrpc,
  ...hostileBodies,
  ...hostileMetadata,
  ...brokenOff,
];
