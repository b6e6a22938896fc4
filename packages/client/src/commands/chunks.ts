import type { Command } from 'commander';
import { type ConnectionOptions, withTally } from '../connection.js';
import { addCallOptions } from '../options/repeat-options.js';
import { addTableOption, type TableOption } from '../options/table-options.js';
import type { Tally } from '../sdk/index.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';
import { printTable } from '../terminal/table.js';
import { whole } from '../terminal/text.js';

interface ChunksOptions extends ConnectionOptions, JsonOption {}

/** Adds `tally chunks` and `tally delete-chunk`. */
export function addChunks(program: Command): void {
  const list = program
    .command('chunks')
    .summary('list the chunks of a table')
    .description('Lists the chunks of a table in the order of their uploads.')
    .argument('[table]', "the table's name", 'default');
  addCallOptions(addJsonOption(list, 'a JSON value on a line for each chunk'))
    .addHelpText('after', '\nExample:\n  tally chunks sales')
    .action((table: string, options: ChunksOptions) =>
      withTally(options, (tally) => printChunks(tally, table, options)),
    );

  const remove = program
    .command('delete-chunk')
    .summary('take a mistaken upload out of a table')
    .description(
      'Takes a chunk out of a table. Its files stay for queries of older versions, until another ' +
        "engine's VACUUM removes them.",
    )
    .argument('<chunk-id>', "the chunk's id, as chunks prints it");
  addCallOptions(addJsonOption(addTableOption(remove)))
    .addHelpText(
      'after',
      '\nExample:\n  tally delete-chunk 0f5cd4a0-9a3b-4a57-a83c-0d5f5f4c4f5e --table sales',
    )
    .action((chunkId: string, options: ChunksOptions & TableOption) =>
      withTally(options, async ({ tables }) => {
        const version = await tables.deleteChunk(chunkId, { table: options.table });
        console.log(
          options.json
            ? toJson({ chunkId, version })
            : `Deleted the chunk ${chunkId}: version ${version} does not have it any more.`,
        );
      }),
    );
}

async function printChunks(
  { tables }: Tally,
  table: string,
  { json }: ChunksOptions,
): Promise<void> {
  if (json) {
    for await (const chunk of tables.chunks({ table })) console.log(toJson(chunk));
    return;
  }
  const columns = [
    { title: 'number', isNumber: true },
    // An id that is cut is of no use.
    { title: 'chunk id', isNumber: true },
    { title: 'rows', isNumber: true },
    { title: 'CSV bytes', isNumber: true },
    { title: 'Parquet bytes', isNumber: true },
    { title: 'version', isNumber: true },
  ];
  await printTable(columns, rowsOf(tables, table));
}

async function* rowsOf(tables: Tally['tables'], table: string) {
  for await (const chunk of tables.chunks({ table })) {
    const { number, chunkId, rows, csvBytes, parquetBytes, version } = chunk;
    yield [whole(number), chunkId, whole(rows), whole(csvBytes), whole(parquetBytes), `${version}`];
  }
}
