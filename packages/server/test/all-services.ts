import {
  AdminServiceDefinition,
  NumberServiceDefinition,
  NumStoreDefinition,
  TableDefinition,
  TableServiceDefinition,
} from '@tally/stubs';
import { HealthDefinition } from 'nice-grpc-server-health';

/** What a server of both parts serves besides reflection: the names of its services and methods. */
export const services = [
  AdminServiceDefinition,
  NumStoreDefinition,
  NumberServiceDefinition,
  TableDefinition,
  TableServiceDefinition,
  HealthDefinition,
].map(({ fullName, methods }) => ({
  name: fullName,
  methods: Object.values(methods).map(({ name }) => name),
}));
