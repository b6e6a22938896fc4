import type { Command } from 'commander';

/** Adds `tally config`: what a server would be told, and by what. */
export function addConfig(program: Command): void {
  program
    .command('config')
    .summary("print a server's options as they are in force")
    .description(
      'Prints every option that a server started here would have, and where it came from: a flag, a ' +
        'variable of the environment, or its default. Takes the options of tally serve; starts nothing.',
    )
    // The options are the server's own, and so are the errors.
    .allowUnknownOption()
    .argument('[options...]', "the server's options")
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  TALLY_PORT=6000 tally config --durability os')
    .action(async (args: string[], { json }: { readonly json?: true }) => {
      // Loaded here only: the other commands start without a server's libraries.
      const { flagOf, readSettings, unknownVariables } = await import('@tally/server/config');
      const settings = readSettings(args, { name: 'tally config', throws: true });
      const unknown = unknownVariables(process.env);
      if (json) {
        const options = Object.fromEntries(
          settings.map(({ name, value, from }) => [name, { value: value ?? null, from }]),
        );
        console.log(JSON.stringify({ options, unknownVariables: unknown }, undefined, 2));
        return;
      }
      const rows = settings.map(({ name, value, from }) => [flagOf(name), shown(value), from]);
      console.log(table([['OPTION', 'VALUE', 'FROM'], ...rows]));
      for (const name of unknown) console.error(`${name} is no variable that the server knows.`);
    });
}

const shown = (value: unknown) => (value === undefined ? '-' : String(value));

function table(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
