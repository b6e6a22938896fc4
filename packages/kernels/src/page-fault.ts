/** By the numbers of assembly/faults.ts. */
const pageFaults: Readonly<Record<number, string>> = {
  [-1]: 'its pages are corrupt',
  [-2]: 'it has a page, an encoding or a codec that the kernel does not read',
  [-3]: "a page's checksum does not hold",
};

/** A column chunk cannot be summed; `isUnsupported` says that another reader may be able to. */
export class PageFault extends Error {
  readonly isUnsupported: boolean;

  constructor(code: number) {
    super(pageFaults[code] ?? `the kernel ended with code ${code}`);
    this.isUnsupported = code === -2;
  }
}
