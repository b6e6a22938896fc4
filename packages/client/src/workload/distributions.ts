import { type Distribution, distributionOf } from './distribution.js';
import type { RoundRecord } from './round.js';
import { type Slice, timelineOf } from './timeline.js';

/** How the response times of a round are spread, and how it went. */
export interface RoundDistributions {
  readonly all: Distribution;
  readonly setNum: Distribution;
  readonly fact: Distribution;
  readonly timeline: readonly Slice[];
}

export function distributionsOf(record: RoundRecord): RoundDistributions {
  const { SetNum, Fact } = record.responseMs;
  return {
    all: distributionOf([...SetNum, ...Fact]),
    setNum: distributionOf(SetNum),
    fact: distributionOf(Fact),
    timeline: timelineOf(record),
  };
}
