import { BinaryReader } from '@tally/stubs';

/** What is needed here of a service definition that ts-proto has generated. */
interface Definition {
  readonly methods: Readonly<Record<string, Method>>;
}

interface Method {
  readonly requestType: { decode(input: BinaryReader | Uint8Array): unknown };
}

/**
 * The same service, whose requests are refused if a string in them is not valid UTF-8.
 *
 * proto3 says that strings are valid UTF-8. The generated code does not look: it would put U+FFFD
 * in place of what is not, so that two clients' different bytes meet under one key.
 */
export function decodingStrictly<Service extends Definition>(service: Service): Service {
  const methods = Object.entries(service.methods).map(([key, method]) => {
    const { requestType } = method;
    const decode = (bytes: Uint8Array) =>
      requestType.decode(new BinaryReader(bytes, (text) => strictUtf8.decode(text)));
    return [key, { ...method, requestType: { ...requestType, decode } }];
  });
  return { ...service, methods: Object.fromEntries(methods) };
}

// U+FEFF at the start is text, as it is to the generated code.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
