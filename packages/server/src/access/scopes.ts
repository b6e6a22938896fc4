import {
  AdminServiceDefinition,
  NumberServiceDefinition,
  NumStoreDefinition,
  TableDefinition,
  TableServiceDefinition,
} from '@tally/stubs';
import { HealthDefinition } from 'nice-grpc-server-health';

/** What a token may be good for; `admin` includes all others. */
export const scopes = [
  'numbers:read',
  'numbers:write',
  'tables:read',
  'tables:write',
  'admin',
] as const;

export type Scope = (typeof scopes)[number];

/** What a call needs: a scope, any token, or none at all. */
export type Need = Scope | 'any token' | 'nothing';

interface Definition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, { readonly name: string }>>;
}

/** What each method of a service needs, by the method's path. */
function needsOf<D extends Definition>(
  { fullName, methods }: D,
  needs: Readonly<Record<keyof D['methods'], Need>>,
): [string, Need][] {
  return Object.entries(methods).map(([key, { name }]) => [
    `/${fullName}/${name}`,
    needs[key as keyof D['methods']],
  ]);
}

/** What each method needs, by its path. */
export const needs: ReadonlyMap<string, Need> = new Map<string, Need>([
  ...needsOf(NumStoreDefinition, { setNum: 'numbers:write', fact: 'numbers:read' }),
  ...needsOf(NumberServiceDefinition, {
    getNumber: 'numbers:read',
    setNumber: 'numbers:write',
    addToNumber: 'numbers:write',
    deleteNumber: 'numbers:write',
    listNumbers: 'numbers:read',
    // It may change numbers.
    batchNumbers: 'numbers:write',
    computeFactorial: 'numbers:read',
    getNumberStats: 'numbers:read',
  }),
  ...needsOf(TableDefinition, { upload: 'tables:write', colSum: 'tables:read' }),
  ...needsOf(TableServiceDefinition, {
    createTable: 'tables:write',
    listTables: 'tables:read',
    describeTable: 'tables:read',
    dropTable: 'tables:write',
    listChunks: 'tables:read',
    deleteChunk: 'tables:write',
    aggregate: 'tables:read',
    export: 'tables:read',
    upload: 'tables:write',
  }),
  ...needsOf(AdminServiceDefinition, { backup: 'admin' }),
  // Those who ask, balancers and Kubernetes, cannot send a token.
  ...needsOf(HealthDefinition, { check: 'nothing', watch: 'nothing' }),
  ['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', 'any token'],
]);

/** What a call of `path` needs; of one that is not on the list, the most. */
export const needOf = (path: string): Need => needs.get(path) ?? 'admin';
