export {
  addPages,
  beginColumnChunk,
  nonNullCount,
  rowCount,
} from './column-chunk';
export {
  beginConversion,
  beginRowGroup,
  beginScan,
  columnsMax,
  gatherTexts,
  isRowGroupFull,
  readRows,
  rowGroupNulls,
  rowGroupRows,
  scannedTypes,
  setColumn,
  setTexts,
} from './csv-rows';
export { beginCsvSum, sumCsv } from './csv-sum';
export { inputAddress, inputBytes } from './input';
export {
  encodePage,
  greatestValue,
  leastValue,
  pageAddress,
  pageRowsMax,
} from './page-encoder';
export { sumHigh, sumLow } from './sum';
