// Loaded into a server with --import: prints a line for every module of OpenTelemetry that is loaded.
import { createRequire, register } from 'node:module';
import { MessageChannel } from 'node:worker_threads';

const { port1, port2 } = new MessageChannel();
const hooks = `
  let port;
  export const initialize = (data) => { port = data; };
  export async function load(url, context, next) {
    if (url.includes('opentelemetry')) port.postMessage(url);
    return next(url, context);
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`, {
  data: port2,
  transferList: [port2],
});
port1.on('message', (url) => console.log(`loaded ${url}`));
port1.unref();
// What CommonJS has loaded, when the server ends.
const { cache } = createRequire(import.meta.url);
process.on('exit', () => {
  for (const file of Object.keys(cache)) {
    if (file.includes('opentelemetry')) console.log(`loaded ${file}`);
  }
});
