import { type ServerInterceptingCall, type ServerInterceptor, status } from '@grpc/grpc-js';
import { TableDefinition, TableServiceDefinition } from '@tally/stubs';

/**
 * Gives the refusal of a message over the size limit a sentence that says what is allowed.
 *
 * grpc-js refuses such a message before any handler or responder sees it, by calling
 * `sendStatus` on its own innermost call object, so that is where the text is changed.
 */
export function messageSizeInterceptor(messageBytesMax: number): ServerInterceptor {
  const allowed = `at most ${messageBytesMax} are allowed (--message-bytes-max of the server)`;
  return ({ path }, call) => {
    const instead = insteadOf[path] ?? '';
    const sendStatus = call.sendStatus.bind(call);
    call.sendStatus = (sent) => {
      const size = sent.code === status.RESOURCE_EXHAUSTED && refusedSize(sent.details ?? '');
      if (!size) return sendStatus(sent);
      sendStatus({ ...sent, details: `the request has ${size}: ${allowed}${instead}` });
    };
    // The call as it is: one wrapped around it would cost a tenth of a whole cached Fact.
    return call as ServerInterceptingCall;
  };
}

/** What a client can do whose message is too large, by the path of its call. */
const insteadOf: Readonly<Record<string, string>> = {
  [`/${TableDefinition.fullName}/${TableDefinition.methods.upload.name}`]:
    `; /${TableServiceDefinition.fullName}/${TableServiceDefinition.methods.upload.name} ` +
    'takes files of any size',
};

/** The size of a message that grpc-js says it refused; of a compressed one it says the limit only. */
function refusedSize(details: string): string | undefined {
  const bytes = /message larger than max \((\d+) /.exec(details)?.[1];
  if (bytes !== undefined) return `${bytes} bytes`;
  const most = /decompresses to a size larger than (\d+)/.exec(details)?.[1];
  return most === undefined ? undefined : `more than ${most} bytes when decompressed`;
}
