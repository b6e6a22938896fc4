import type { Metadata } from 'nice-grpc';

/** Metadata of a request: whether the checksums of files are compared before they are read. */
const checkedKey = 'tally-verify-checksums';

/** Whether the files of a call are to be checked, or one sentence on why that is not known. */
export function areChecked(metadata: Metadata): boolean | string {
  const checked = metadata.get(checkedKey) ?? 'false';
  if (checked === 'true' || checked === 'false') return checked === 'true';
  return `the metadata ${checkedKey} is ${JSON.stringify(checked)}: true or false is allowed`;
}
