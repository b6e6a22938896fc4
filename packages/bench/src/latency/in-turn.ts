/** What each contender reached, round by round. */
export type Samples<Name extends string, Sample> = Readonly<Record<Name, readonly Sample[]>>;

/** Measures all contenders in every round, another one first each time. */
export async function inTurn<Name extends string, Sample>(
  rounds: number,
  contenders: Readonly<Record<Name, (round: number) => Promise<Sample>>>,
): Promise<Samples<Name, Sample>> {
  const names = Object.keys(contenders) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    Sample[]
  >;
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      samples[name].push(await contenders[name](round));
    }
  }
  return samples;
}
