/** Flags for a server that starts fast: these runs start hundreds of them. */
export const fewThreads = ['--table-threads', '3', '--factorial-threads', '1'];
