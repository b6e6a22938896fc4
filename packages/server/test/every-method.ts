import { readFile } from 'node:fs/promises';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import {
  type ChannelCredentials,
  Client,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { descriptorSetFile } from '@tally/stubs';
import { reasonOf } from './rich-errors.js';

/** The paths of all methods that a server has: of its contract, and of reflection. */
export async function everyMethod(): Promise<readonly string[]> {
  const set = fromBinary(FileDescriptorSetSchema, await readFile(descriptorSetFile));
  const paths = set.file.flatMap((file) =>
    file.service.flatMap((service) =>
      service.method.map(({ name }) => {
        const prefix = file.package === '' ? '' : `${file.package}.`;
        return `/${prefix}${service.name}/${name}`;
      }),
    ),
  );
  return [...paths, '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'];
}

/** How a call has ended. */
export interface Ending {
  readonly code: keyof typeof status;
  /** Of its ErrorInfo. */
  readonly reason: string | undefined;
  readonly message: string;
}

export interface CallOptions {
  readonly token?: string | undefined;
  /** The whole of the metadata `authorization`. */
  readonly authorization?: string;
  /** Sent as the only message; nothing is sent, and the call stays open, if there is none. */
  readonly message?: Uint8Array;
}

/** A connection over which each method is called in the same way. */
export function openCalls(port: number, channel: ChannelCredentials) {
  const client = new Client(`localhost:${port}`, channel, {
    'grpc.use_local_subchannel_pool': 1,
  });
  const bytes = (value: Buffer) => value;
  return {
    /** Resolves to how the call ended, or to OK once the server has answered with a message. */
    call(path: string, options: CallOptions = {}): Promise<Ending> {
      const metadata = new Metadata();
      const { token, authorization = token && `Bearer ${token}` } = options;
      if (authorization !== undefined) metadata.set('authorization', authorization);
      const deadline = Date.now() + 20_000;
      const call = client.makeBidiStreamRequest(path, bytes, bytes, metadata, { deadline });
      if (options.message !== undefined) {
        call.write(Buffer.from(options.message));
        call.end();
      }
      return new Promise((resolve) => {
        call.on('data', () => {
          resolve({ code: 'OK', reason: undefined, message: '' });
          call.cancel();
        });
        call.on('error', (error: ServiceError) => {
          const code = status[error.code] as keyof typeof status;
          resolve({ code, reason: reasonIn(error.metadata), message: error.details });
        });
        call.on('status', ({ code, details }) => {
          if (code === status.OK) resolve({ code: 'OK', reason: undefined, message: details });
        });
      });
    },
    close: () => client.close(),
  };
}

function reasonIn(metadata: Metadata): string | undefined {
  const [bytes] = metadata.get('grpc-status-details-bin');
  return bytes === undefined ? undefined : reasonOf(bytes as Buffer);
}
