import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type CertificateExtension, generate } from 'selfsigned';

/** A certificate and its private key, PEM. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

interface CertificateOptions {
  /** Who signs it; itself if nobody. */
  readonly by?: Certified;
  /** The addresses and names that it is for; default: this machine's. */
  readonly names?: readonly string[];
  readonly isExpired?: boolean;
}

const dayMs = 24 * 3_600_000;
const inDays = (days: number) => new Date(Date.now() + days * dayMs);

/** Makes the certificate of an authority. */
export function authority(name: string): Promise<Certified> {
  return certificate(name, {}, [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
  ]);
}

/** Makes a certificate for a server or a client. */
export async function certificate(
  name: string,
  { by, names = ['127.0.0.1', 'localhost'], isExpired = false }: CertificateOptions,
  extensions: CertificateExtension[] = [
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
    {
      name: 'subjectAltName',
      altNames: names.map((value) =>
        /^[\d.]+$/.test(value) ? { type: 7, ip: value } : { type: 2, value },
      ),
    },
  ],
): Promise<Certified> {
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: inDays(-30),
    notAfterDate: inDays(isExpired ? -1 : 30),
    extensions,
    ...(by === undefined ? {} : { ca: by }),
  });
  return { cert: made.cert, key: made.private };
}

/** Writes a certificate and its key into a folder; returns their paths. */
export async function written(folder: string, name: string, { cert, key }: Certified) {
  const files = {
    cert: path.join(folder, `${name}.crt`),
    key: path.join(folder, `${name}.key`),
  };
  await writeFile(files.cert, cert);
  await writeFile(files.key, key, { mode: 0o600 });
  return files;
}
