import type { Command } from 'commander';
import { type ConnectionOptions, withTally } from '../connection.js';
import { exitCodes } from '../exit-codes.js';
import { addCallOptions } from '../options/repeat-options.js';
import type { Tally } from '../sdk/index.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';
import { printTable } from '../terminal/table.js';
import { counted, megabytes, printable, whole } from '../terminal/text.js';

interface TablesOptions extends ConnectionOptions, JsonOption {}

interface DropOptions extends TablesOptions {
  readonly yes?: true;
}

/** Adds `tally tables`, `tally tables create` and `tally tables drop`. */
export function addTables(program: Command): void {
  const tables = program.command('tables').summary('list, create and drop tables');
  const list = tables
    .command('list', { isDefault: true })
    .summary('list the tables')
    .description('Lists all tables: their rows, chunks, sizes and versions.');
  addCallOptions(addJsonOption(list, 'a JSON value on a line for each table'))
    .addHelpText('after', '\nExample:\n  tally tables')
    .action((options: TablesOptions) => withTally(options, (tally) => printTables(tally, options)));

  const create = tables
    .command('create')
    .summary('make an empty table')
    .description(
      'Makes an empty table. Its name has 1 to 64 letters, digits, "_" and "-", and begins with a ' +
        'letter or a digit.',
    )
    .argument('<name>', "the table's name");
  addCallOptions(addJsonOption(create))
    .addHelpText('after', '\nExample:\n  tally tables create sales')
    .action((name: string, options: TablesOptions) =>
      withTally(options, async (tally) => {
        await tally.tables.create(name);
        console.log(options.json ? toJson({ table: name }) : `Created the table ${name}.`);
      }),
    );

  const drop = tables
    .command('drop')
    .summary('remove a table with all that it has')
    .description('Removes a table with all that it has. The default table cannot be dropped.')
    .argument('<name>', "the table's name")
    .option('--yes', 'drop it; without it, only say what would be dropped, with exit code 2');
  addCallOptions(addJsonOption(drop))
    .addHelpText('after', '\nExample:\n  tally tables drop sales --yes')
    .action((name: string, options: DropOptions) =>
      withTally(options, (tally) => dropTable(tally, name, options)),
    );
}

async function printTables({ tables }: Tally, { json }: TablesOptions): Promise<void> {
  if (json) {
    for await (const table of tables.list()) console.log(toJson(table));
    return;
  }
  const columns = [
    { title: 'table' },
    { title: 'rows', isNumber: true },
    { title: 'chunks', isNumber: true },
    { title: 'CSV MB', isNumber: true },
    { title: 'Parquet MB', isNumber: true },
    { title: 'version', isNumber: true },
  ];
  await printTable(columns, rowsOf(tables));
}

async function* rowsOf(tables: Tally['tables']) {
  for await (const { table, rows, chunks, csvBytes, parquetBytes, version } of tables.list()) {
    const sizes = [megabytes(csvBytes), megabytes(parquetBytes)];
    yield [table, whole(rows), whole(chunks), ...sizes, version === undefined ? '-' : `${version}`];
  }
}

async function dropTable({ tables }: Tally, name: string, options: DropOptions): Promise<void> {
  const { rows, chunks } = await tables.describe({ table: name });
  if (options.yes) await tables.drop(name);
  else process.exitCode = exitCodes.wrongUsage;
  const isDropped = options.yes === true;
  if (options.json) {
    console.log(toJson({ table: name, rows, chunks, isDropped }));
    return;
  }
  const what = `the table ${printable(name)}, ${counted(rows, 'row')} in ${counted(chunks, 'chunk')}.`;
  if (isDropped) console.log(`Dropped ${what}`);
  else console.log(`This would drop ${what} Nothing was dropped: add --yes to do it.`);
}
