/** The server cannot start as it was told to; the message is a sentence for the operator. */
export class StartError extends Error {}
