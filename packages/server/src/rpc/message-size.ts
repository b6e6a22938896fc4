import { type ServerInterceptor, status } from '@grpc/grpc-js';
import {
  NumberServiceDefinition,
  NumStoreDefinition,
  TableDefinition,
  TableServiceDefinition,
} from '@tally/stubs';
import { Status } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';
import { ServerReflectionService } from 'nice-grpc-server-reflection';
import type { Limits } from '../config.js';
import { internalsOf } from './grpc-call.js';
import { failure, statusObject } from './rich-errors.js';
import { dropUnreadRequest } from './unread-request.js';

interface Definition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, { readonly name: string }>>;
}

type SizeLimits = Pick<Limits, 'messageBytesMax'>;

/** A request of the longest column name, 64 KiB, with room to spare. */
const shortRequestBytesMax = 80 * 1024;

/** The name of a service, or of what is in a contract; so little is let in at once, whoever sends it. */
const nameRequestBytesMax = 4 * 1024;

const batchPath = pathOf(
  NumberServiceDefinition,
  NumberServiceDefinition.methods.batchNumbers.name,
);

/** The largest messages of the calls that carry no data, by their path. */
const shortRequests: ReadonlyMap<string, number> = new Map(
  [
    {
      bytesMax: shortRequestBytesMax,
      paths: [
        ...pathsOf(NumStoreDefinition),
        ...pathsOf(NumberServiceDefinition).filter((path) => path !== batchPath),
        pathOf(TableDefinition, TableDefinition.methods.colSum.name),
      ],
    },
    {
      bytesMax: nameRequestBytesMax,
      paths: [...pathsOf(HealthDefinition), ServerReflectionService.serverReflectionInfo.path],
    },
  ].flatMap(({ bytesMax, paths }) => paths.map((path) => [path, bytesMax])),
);

/** The largest message of a call. */
export function messageBytesMaxOf(path: string, { messageBytesMax }: SizeLimits): number {
  return Math.min(messageBytesMax, shortRequests.get(path) ?? messageBytesMax);
}

/** The paths of all methods of a service. */
export function pathsOf(definition: Definition): string[] {
  return Object.values(definition.methods).map(({ name }) => pathOf(definition, name));
}

function pathOf({ fullName }: Pick<Definition, 'fullName'>, method: string): string {
  return `/${fullName}/${method}`;
}

/**
 * Gives the refusal of a message over the size limit a sentence that says what is allowed.
 *
 * grpc-js refuses such a message before any handler or responder sees it, by calling
 * `sendStatus` on its own innermost call object, so that is where the text is changed. Whatever the
 * status, it ends the stream of a request that is not complete.
 */
export function messageSizeInterceptor(limits: SizeLimits): ServerInterceptor {
  return ({ path }, innerCall) => {
    const call = internalsOf(innerCall);
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (sent) => {
      const size = sent.code === status.RESOURCE_EXHAUSTED && refusedSize(sent.details ?? '');
      sendStatus(size ? tooLarge(sentence(size, path, limits)) : sent);
      dropUnreadRequest(call);
    };
    // The call as it is: one wrapped around it would cost a tenth of a whole cached Fact.
    return call;
  };
}

const tooLarge = (sentence: string) =>
  statusObject(failure(Status.RESOURCE_EXHAUSTED, sentence, { reason: 'MESSAGE_TOO_LARGE' }));

function sentence(size: string, path: string, limits: SizeLimits): string {
  const most = messageBytesMaxOf(path, limits);
  const limit = shortRequests.has(path)
    ? 'for this call'
    : `(--message-bytes-max of the server)${insteadOf[path] ?? ''}`;
  return `the request has ${size}: at most ${most} are allowed ${limit}`;
}

/** What a client can do whose message is too large, by the path of its call. */
const insteadOf: Readonly<Record<string, string>> = {
  [pathOf(TableDefinition, TableDefinition.methods.upload.name)]:
    `; ${pathOf(TableServiceDefinition, TableServiceDefinition.methods.upload.name)} ` +
    'takes files of any size',
};

/** The size of a message that grpc-js says it refused; of a compressed one it says the limit only. */
function refusedSize(details: string): string | undefined {
  const bytes = /message larger than max \((\d+) /.exec(details)?.[1];
  if (bytes !== undefined) return `${bytes} bytes`;
  const most = /decompresses to a size larger than (\d+)/.exec(details)?.[1];
  return most === undefined ? undefined : `more than ${most} bytes when decompressed`;
}
