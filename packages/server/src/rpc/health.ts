import { type CallContext, ServerError, Status } from 'nice-grpc';
import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';

/** Whether each service takes calls, as gRPC's standard health checking tells it. */
export interface Health {
  readonly definition: typeof HealthDefinition;
  readonly service: HealthServiceImpl;
  /** Says of a service that it takes calls; of `""` it is said once all do. */
  setServing(service: string): void;
  /** Says of all that they take no more calls, and ends the calls that watch. */
  stop(): void;
}

/** All services take no calls at first. */
export function createHealth(services: readonly string[]): Health {
  // Each watch listens to it: Node is not to warn of more than ten.
  const state = HealthState().setMaxListeners(0);
  for (const service of ['', ...services]) state.setStatus('unhealthy', service);
  const { check, watch } = HealthServiceImpl(state);
  const stopping = new AbortController();

  async function* watchUntilStop(
    request: Parameters<typeof watch>[0],
    context: CallContext,
  ): AsyncGenerator<Awaited<ReturnType<typeof check>>> {
    const signal = AbortSignal.any([context.signal, stopping.signal]);
    try {
      yield* watch(request, { ...context, signal });
    } catch (error) {
      // A watch has no end of its own, and would hold up the stop.
      if (stopping.signal.aborted && !context.signal.aborted) {
        throw new ServerError(Status.UNAVAILABLE, 'the server is stopping');
      }
      throw error;
    }
  }

  return {
    definition: HealthDefinition,
    service: { check, watch: watchUntilStop },
    setServing: (service) => {
      // A stop that has begun is not taken back.
      if (!stopping.signal.aborted) state.setStatus('healthy', service);
    },
    stop() {
      for (const service of ['', ...services]) state.setStatus('unhealthy', service);
      // One turn later: those who watch are told of the change first.
      setImmediate(() => stopping.abort());
    },
  };
}
