import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import type { Config } from '../config.js';
import { logger } from '../logger.js';
import { StartError } from '../start-error.js';
import { type WatchedFiles, watchFiles } from '../watched-files.js';

/** How connections are encrypted. */
export interface Encryption {
  readonly credentials: ServerCredentials;
  /** When the server's certificate ends, in seconds since 1970; undefined without TLS. */
  expiresAtSeconds(): number | undefined;
  close(): void;
}

/** grpc-js 1.14.7's way to have listening servers use other certificates, which no type of it shows. */
interface Renewable {
  updateSecureContextOptions(options: SecureContextOptions): void;
}

/** What the files hold. */
interface Pem {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer | undefined;
}

const secondsOfDay = 24 * 3600;
const soonDays = 14;

/**
 * Reads the certificates of a configuration, and again when they change: new connections get the new
 * ones, and those that are there go on.
 *
 * Files that do not go together then are logged, and the certificates from before stay. Throws
 * StartError at the start.
 */
export async function openEncryption(config: Config): Promise<Encryption> {
  const { tlsCert, tlsKey, tlsClientCa } = config;
  if (tlsCert === undefined || tlsKey === undefined) {
    const none = { expiresAtSeconds: () => undefined, close() {} };
    return { credentials: ServerCredentials.createInsecure(), ...none };
  }
  const paths = [tlsCert, tlsKey, ...(tlsClientCa === undefined ? [] : [tlsClientCa])];
  let credentials: ServerCredentials | undefined;
  let expiresAtSeconds: number | undefined;
  const take = ([cert, key, ca]: readonly Buffer[]) => {
    const pem = { cert: cert as Buffer, key: key as Buffer, ca };
    const expiry = checkedExpiry(pem, config);
    credentials ??= ServerCredentials.createSsl(
      pem.ca ?? null,
      [{ cert_chain: pem.cert, private_key: pem.key }],
      pem.ca !== undefined,
    );
    (credentials as unknown as Renewable).updateSecureContextOptions(contextOptions(pem));
    expiresAtSeconds = expiry;
    logExpiry(tlsCert, expiry);
  };
  const onFault = (error: unknown) =>
    logger.error(`The certificates from before stay: ${reasonOf(error)}`);
  let watched: WatchedFiles;
  try {
    watched = await watchFiles(paths, take, onFault);
  } catch (error) {
    throw new StartError(`Cannot use the certificates of --tls-cert: ${reasonOf(error)}`);
  }
  return {
    credentials: credentials as unknown as ServerCredentials,
    expiresAtSeconds: () => expiresAtSeconds,
    close: () => watched.close(),
  };
}

const contextOptions = ({ cert, key, ca }: Pem): SecureContextOptions => ({
  cert: [cert],
  key: [key],
  ...(ca !== undefined && { ca }),
  // Node's own default, unless an option of Node's has changed it.
  minVersion: 'TLSv1.2',
});

/** When the certificate ends, in seconds since 1970. Throws an Error, with a sentence, for what cannot be used. */
function checkedExpiry(pem: Pem, { tlsCert, tlsKey, tlsClientCa }: Config): number {
  const certificate = parsed(tlsCert, 'a certificate in PEM', () => firstOfAll(pem.cert));
  const key = parsed(tlsKey, 'a private key in PEM, without a passphrase', () =>
    createPrivateKey(pem.key),
  );
  if (!certificate.checkPrivateKey(key)) {
    throw new Error(`${tlsKey} is not the private key of ${tlsCert}.`);
  }
  if (pem.ca !== undefined) {
    const { ca } = pem;
    parsed(tlsClientCa, 'certificates in PEM', () => firstOfAll(ca));
  }
  parsed(tlsCert, 'a certificate that TLS can use', () => createSecureContext(contextOptions(pem)));
  return Date.parse(certificate.validTo) / 1000;
}

/** The first certificate of a file; all are parsed: TLS leaves out one that is cut off, and what follows it. */
function firstOfAll(pem: Buffer): X509Certificate {
  const begin = /^(?=-----BEGIN [A-Z0-9 ]*CERTIFICATE-----)/m;
  const blocks = pem.toString('latin1').split(begin);
  const [first] = blocks
    .filter((block) => begin.test(block))
    .map((block) => new X509Certificate(block));
  return first ?? new X509Certificate(pem);
}

function parsed<T>(file: string | undefined, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(`${file} is not ${what} (${reasonOf(error)}).`);
  }
}

function logExpiry(file: string, expiry: number): void {
  const days = Math.floor((expiry - Date.now() / 1000) / secondsOfDay);
  const expires = new Date(expiry * 1000).toISOString();
  logger.info({ file, expires }, 'certificate read');
  if (days < 0) logger.warn(`The certificate of ${file} has expired: clients will refuse it.`);
  else if (days < soonDays) logger.warn(`The certificate of ${file} ends in ${days} days.`);
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
