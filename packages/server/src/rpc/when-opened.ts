import type { Stages } from '../observe/call-record.js';

/**
 * How calls get at a part of the server: at once when it is open; until then they wait for the start,
 * and say so.
 */
export type WhenOpened<Part> = (stages: Stages) => Part | Promise<Part>;

export function whenOpened<Part>(opening: Promise<Part>): WhenOpened<Part> {
  let opened: { readonly part: Part } | undefined;
  opening.then(
    (part) => {
      opened = { part };
    },
    // Whoever waits for it is told.
    () => {},
  );
  return (stages) => {
    if (opened !== undefined) return opened.part;
    stages.enter('start wait');
    return opening;
  };
}
