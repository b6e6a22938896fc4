/** Tally did what it must never do; the message says what was found and what is allowed. */
export class Violation extends Error {}
