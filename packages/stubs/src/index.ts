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
