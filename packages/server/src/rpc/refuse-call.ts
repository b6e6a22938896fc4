import type { ServerInterceptingCall, StatusObject } from '@grpc/grpc-js';
import type { GrpcCall } from './grpc-call.js';
import { dropUnreadRequest } from './unread-request.js';

/** Answers a call before anybody has seen anything of it. */
export function refuseCall(
  call: ServerInterceptingCall & GrpcCall,
  status: StatusObject,
): ServerInterceptingCall {
  call.start = () => {};
  call.sendStatus(status);
  dropUnreadRequest(call);
  return call;
}
