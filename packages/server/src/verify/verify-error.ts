/** The folder cannot be checked; the message is a sentence for the operator. */
export class VerifyError extends Error {}
