// The one that the generated code knows: a server can have it decode strings in its own way.
export { BinaryReader } from '@bufbuild/protobuf/wire';
export {
  FactRequest,
  FactResponse,
  type NumStoreClient,
  NumStoreDefinition,
  type NumStoreServiceImplementation,
  SetNumRequest,
  SetNumResponse,
} from './gen/numstore.js';
export {
  ColSumReq,
  ColSumResp,
  type TableClient,
  TableDefinition,
  type TableServiceImplementation,
  UploadReq,
  UploadResp,
} from './gen/table.js';
export {
  type TableServiceClient,
  TableServiceDefinition,
  // Table's own type has this name already.
  type TableServiceImplementation as TableServiceV1Implementation,
  UploadRequest,
  UploadResponse,
} from './gen/tally/v1/table_service.js';
