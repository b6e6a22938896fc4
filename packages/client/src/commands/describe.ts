import type { Command } from 'commander';
import { type ConnectionOptions, withTally } from '../connection.js';
import { addCallOptions } from '../options/repeat-options.js';
import type { TableColumn, TableDescription } from '../sdk/index.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';
import { printTable } from '../terminal/table.js';
import { counted, megabytes } from '../terminal/text.js';

interface DescribeOptions extends ConnectionOptions, JsonOption {}

/** Adds `tally describe`: what a table has. */
export function addDescribe(program: Command): void {
  const command = program
    .command('describe')
    .summary("a table's columns with their types, its rows, chunks and bytes")
    .description(
      "Prints a table's size, where it lies as a Delta Lake table, and its columns with each type " +
        'that they have in some chunk.',
    )
    .argument('[table]', "the table's name", 'default');
  addCallOptions(addJsonOption(command))
    .addHelpText('after', '\nExample:\n  tally describe sales')
    .action((table: string, options: DescribeOptions) =>
      withTally(options, async ({ tables }) => {
        const description = await tables.describe({ table });
        if (options.json) console.log(toJson(description));
        else await printDescription(description);
      }),
    );
}

async function printDescription(description: TableDescription): Promise<void> {
  const { table, rows, chunks, csvBytes, parquetBytes, version, deltaPath, columns } = description;
  console.log(
    `${table}: ${counted(rows, 'row')} in ${counted(chunks, 'chunk')}, ${megabytes(csvBytes)} MB of ` +
      `CSV, ${megabytes(parquetBytes)} MB of Parquet; ` +
      (version === undefined ? 'no version yet' : `version ${version}`),
  );
  console.log(`Delta Lake table: ${deltaPath} in the server's data folder`);
  if (columns.length === 0) {
    console.log('No column has a value yet.');
    return;
  }
  console.log();
  const titles = [{ title: 'column' }, { title: 'type' }, { title: 'Delta Lake column' }];
  await printTable(titles, columns.flatMap(columnRows));
}

/** A row for each type; the name on the first one only. */
const columnRows = ({ name, types }: TableColumn) =>
  types.map(({ type, deltaColumn }, i) => [i === 0 ? name : '', type ?? '-', deltaColumn]);
