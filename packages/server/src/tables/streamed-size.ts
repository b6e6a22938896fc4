import type { UploadRequest } from '@tally/stubs';
import { ServerError, Status } from 'nice-grpc';

/** Whether all of a file has come, by what its stream says of the file's size, if it says that. */
export interface StreamedSize {
  /** Counts a message's bytes. Throws INVALID_ARGUMENT if the size in it cannot be the file's. */
  take(request: UploadRequest): void;
  /** To be called at the end of the stream. Throws INVALID_ARGUMENT if the file is not whole. */
  checkWhole(): void;
}

/**
 * Follows one stream.
 *
 * The end of a stream says little: Node's HTTP/2 client ends one that it cancels in order (DATA with
 * END_STREAM), and resets it in a frame of its own, which may come any time later, or never.
 */
export function createStreamedSize(): StreamedSize {
  let bytes = 0n;
  let total: bigint | undefined;
  let follows = false;
  return {
    take({ csvData, csvBytesTotal, csvBytesTotalFollows }) {
      bytes += BigInt(csvData.length);
      follows ||= csvBytesTotalFollows === true;
      if (csvBytesTotal === undefined) return;
      if (csvBytesTotal < 0n) {
        throw refusal(`csv_bytes_total is ${csvBytesTotal}: the size of a file is 0 or more`);
      }
      if (total !== undefined && total !== csvBytesTotal) {
        const sizes = `${total} in one message and ${csvBytesTotal} in a later one`;
        throw refusal(`csv_bytes_total is ${sizes}: a file has one size`);
      }
      total = csvBytesTotal;
    },
    checkWhole() {
      if (total === bytes || (total === undefined && !follows)) return;
      const said =
        total === undefined
          ? 'csv_bytes_total_follows is true, but csv_bytes_total has not come'
          : `csv_bytes_total is ${total}`;
      throw refusal(
        `${said}, and the stream ends after ${bytes} bytes of csv_data, so nothing was kept: ` +
          'it was cancelled or cut short, or what it says of the size is wrong',
      );
    },
  };
}

const refusal = (sentence: string) => new ServerError(Status.INVALID_ARGUMENT, sentence);
