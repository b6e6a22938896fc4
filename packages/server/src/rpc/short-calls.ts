import { Metadata, type ServerInterceptor, status } from '@grpc/grpc-js';
import { ServerError, Status } from 'nice-grpc';
import { noStages, type Stages } from '../observe/call-record.js';
import { passCallId } from '../observe/observe-calls.js';
import { statusOf } from './errors.js';
import { type Call, type GrpcCall, internalsOf } from './grpc-call.js';
import { detailsName, detailsOf, failure, statusObject } from './rich-errors.js';

/** What a short method sees of its call besides the request; nice-grpc's context is one too. */
export interface ShortCall {
  readonly metadata: { get(name: string): string | Uint8Array | undefined };
  /** Leaves with the status. */
  readonly trailer: { set(name: string, value: string): unknown };
  /** Where the time of the call is noted. */
  readonly stages: Stages;
  /** Whether nobody waits for the answer any more, as grpc-js's calls say it. */
  readonly cancelled?: boolean;
  /** The same, as nice-grpc's say it. */
  readonly signal?: AbortSignal;
}

/** A unary method that needs little of its call but the request. */
export type ShortMethod<Request, Response> = (
  request: Request,
  call: ShortCall,
) => Promise<Response>;

/** Short methods by their path, `/<service>/<method>`. */
export type ShortMethods = Map<string, ShortMethod<never, unknown>>;

interface Definition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, { readonly name: string }>>;
}

/** Has every method of a service, which is added to nice-grpc too, answered as a short one. */
export function addShortMethods<Name extends string>(
  to: ShortMethods,
  { fullName, methods }: Definition & { readonly methods: Readonly<Record<Name, unknown>> },
  service: Readonly<Record<Name, ShortMethod<never, unknown>>>,
): void {
  for (const [key, { name }] of Object.entries(methods)) {
    to.set(`/${fullName}/${name}`, service[key as Name]);
  }
}

type Listener = Parameters<Call['start']>[0];

/**
 * Answers short methods on grpc-js's call itself.
 *
 * nice-grpc makes an AbortController, four sets of metadata and two async generators for every
 * call: a quarter to a half of the CPU time of a call that reads one number. It still knows these
 * methods, decodes their requests and encodes their answers; all others pass through it.
 */
export function shortCallInterceptor(methods: ShortMethods): ServerInterceptor {
  return ({ path }, innerCall) => {
    const call = internalsOf(innerCall);
    const method = methods.get(path);
    if (method !== undefined) {
      const start = call.start.bind(call);
      call.start = () => start(answering(call, path, method));
    } else {
      passCallId(call);
    }
    // The call as it is: another one wrapped around it costs time too.
    return call;
  };
}

function answering(
  call: Call & GrpcCall,
  path: string,
  method: ShortMethod<never, unknown>,
): Listener {
  let metadata: Metadata | undefined;
  let request: unknown;
  return {
    onReceiveMetadata(received) {
      metadata = received;
      call.startRead();
    },
    onReceiveMessage(message) {
      if (request !== undefined) {
        call.sendStatus(statusObject(twoRequests(path)));
        return;
      }
      request = message;
      call.startRead();
    },
    onReceiveHalfClose: () => void answer(call, path, method, request, metadata),
    onCancel: () => {},
  };
}

async function answer(
  call: Call & GrpcCall,
  path: string,
  method: ShortMethod<never, unknown>,
  request: unknown,
  metadata: Metadata | undefined,
): Promise<void> {
  let trailer: Metadata | null = null;
  const shortCall: ShortCall = {
    get cancelled() {
      return call.cancelled;
    },
    stages: call.record ?? noStages,
    metadata: { get: (name) => metadata?.get(name)[0] },
    trailer: {
      set(name, value) {
        trailer ??= new Metadata();
        trailer.set(name, value);
      },
    },
  };
  try {
    if (request === undefined) throw noRequest(path);
    const response = await method(request as never, shortCall);
    // Not after the message has been written: both leave in one packet.
    call.sendMessage(response, () => {});
    call.sendStatus({ code: status.OK, details: 'OK', metadata: trailer });
  } catch (error) {
    const failed = statusOf(error, path);
    const details = detailsOf(failed);
    if (details !== undefined) {
      trailer ??= new Metadata();
      trailer.set(detailsName, details);
    }
    call.sendStatus({ code: failed.code, details: failed.details, metadata: trailer });
  }
}

const twoRequests = (path: string) =>
  failure(
    Status.UNIMPLEMENTED,
    `the call of ${path} has more than one request message: nothing was done`,
    { reason: 'MORE_THAN_ONE_REQUEST' },
  );

/** Ends a short method that has waited, and that nobody waits for any more. */
export function throwIfOver({ cancelled, signal }: ShortCall): void {
  // Nobody sees it: the call has its status, or its stream is gone.
  if (cancelled || signal?.aborted) throw new ServerError(Status.CANCELLED, 'the call is over');
}

const noRequest = (path: string) =>
  failure(Status.UNIMPLEMENTED, `the call of ${path} has no request message`, {
    reason: 'NO_REQUEST',
  });
