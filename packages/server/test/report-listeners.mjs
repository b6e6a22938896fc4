// Loaded into a server with --import: prints a line for every address that it listens on.
import { Server } from 'node:net';

const { listen } = Server.prototype;
Server.prototype.listen = function (...args) {
  this.once('listening', () => console.log(`listening on port ${this.address().port}`));
  return listen.apply(this, args);
};
