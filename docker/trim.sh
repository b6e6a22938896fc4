#!/usr/bin/env bash
# Removes from node_modules what the server never loads; run inside the image's build.
set -euo pipefail
cd node_modules/.pnpm

# Type declarations, sources and source maps. Node runs no TypeScript from node_modules.
find . -type f \( -name '*.ts' -o -name '*.cts' -o -name '*.mts' -o -name '*.map' \) -delete
rm -rf @types+*

# parquet-wasm ships its 5 MB of WebAssembly three times; the server imports parquet-wasm/esm.
rm -r parquet-wasm@*/node_modules/parquet-wasm/{bundler,node}

# lmdb ships a binary per Node ABI and C library beside the Node-API one that current Nodes load.
rm @lmdb+lmdb-linux-*/node_modules/@lmdb/*/node.{abi*,napi.musl}.node

# fs-native-extensions ships a binary per system, each a second time for another runtime than Node.
rm -r fs-native-extensions@*/node_modules/fs-native-extensions/prebuilds/{android,darwin,ios,win32}-*
rm fs-native-extensions@*/node_modules/fs-native-extensions/prebuilds/linux-*/*.bare

# A trim that cuts too deep must fail here, not at a user's first request.
cd ../../packages/server
node --input-type=module --eval "
  import 'nice-grpc'; import 'piscina'; import 'commander'; import 'async-mutex';
  import 'parquet-wasm/esm'; import 'apache-arrow'; import '@node-rs/crc32';
  import 'hyparquet'; import 'hyparquet-writer'; import 'lru-cache';
  import { openSync } from 'node:fs'; import extensions from 'fs-native-extensions';
  import { open } from 'lmdb';
  if (!extensions.tryLock(openSync('/tmp/trimmed-lock', 'w'))) throw new Error('no lock');
  await open({ path: '/tmp/trimmed' }).close();"
