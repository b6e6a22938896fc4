import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { TableServiceDefinition, type UploadRequest } from '@tally/stubs';
import { createClient } from 'nice-grpc';
import { withChannels } from './table-clients.js';

/** The size of a piece: few enough calls, and little memory however large the file is. */
const pieceBytes = 128 * 1024;

/** Streams a CSV file of any size as one chunk; the seconds until it is on disk in both formats. */
export function streamUpload(address: string, file: string): Promise<number> {
  return withChannels(address, 1, async ([channel]) => {
    if (channel === undefined) throw new Error('there is no connection');
    const { size } = await stat(file);
    const start = performance.now();
    const reply = await createClient(TableServiceDefinition, channel).upload(piecesOf(file, size));
    const seconds = (performance.now() - start) / 1000;
    if (reply.error !== '') throw new Error(`the streamed upload failed: ${reply.error}`);
    if (reply.csvBytes !== BigInt(size)) {
      throw new Error(`${reply.csvBytes} bytes of ${size} were kept`);
    }
    return seconds;
  });
}

/** A piece is read when the one before it has been taken. */
async function* piecesOf(file: string, size: number): AsyncGenerator<UploadRequest> {
  const csvBytesTotal = BigInt(size);
  for await (const csvData of createReadStream(file, { highWaterMark: pieceBytes })) {
    yield { csvData, csvBytesTotal };
  }
}
