import { ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';

/**
 * Gives the refusal of a message over the size limit a sentence that says what is allowed.
 *
 * grpc-js refuses such a message before any handler or responder sees it, by calling
 * `sendStatus` on its own innermost call object, so that is where the text is changed.
 */
export function messageSizeInterceptor(messageBytesMax: number): ServerInterceptor {
  return (_method, call) => {
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (sent) => {
      const bytes = /message larger than max \((\d+) /.exec(sent.details ?? '')?.[1];
      if (sent.code !== status.RESOURCE_EXHAUSTED || bytes === undefined) return sendStatus(sent);
      sendStatus({
        ...sent,
        details:
          `the request has ${bytes} bytes: at most ${messageBytesMax} are allowed ` +
          '(--message-bytes-max of the server)',
      });
    };
    return new ServerInterceptingCall(call);
  };
}
