import * as stubs from '@tally/stubs';

/** Whether the stubs have the streamed upload, `/tally.v1.TableService/Upload`. */
export const canStreamUploads = 'TableServiceDefinition' in stubs;

/** Uploads a CSV file of any size as one chunk; resolves when it is on disk in both formats. */
export async function streamUpload(address: string, file: string): Promise<void> {
  throw new Error(
    `cannot stream ${file} to ${address}: @tally/stubs has no TableService with a streamed Upload`,
  );
}
