import type { Command } from 'commander';

/** Adds `tally serve`: the server, in this process. */
export function addServe(program: Command): void {
  program
    .command('serve')
    .summary('start the server; its options: tally serve --help')
    .description('Starts the server in this process, until SIGTERM or Ctrl-C.')
    // The options are the server's own, and so is their help.
    .helpOption(false)
    .allowUnknownOption()
    .argument('[options...]', "the server's options")
    .addHelpText('after', '\nExample:\n  tally serve --port 6000 --data-dir /var/lib/tally')
    .action(async (args: string[]) => {
      // Loaded here only: the other commands start without a server's libraries.
      const { runServer } = await import('@tally/server/run');
      await runServer(args, 'tally serve');
    });
}
