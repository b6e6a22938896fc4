export { greatestLong, leastLong } from './bounds';
export {
  addLongs,
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
export {
  addDoubleText,
  aggregateCsvDoubles,
  aggregateCsvLongs,
  beginCsvSum,
  countCsv,
  csvRowCount,
  csvValueCount,
  sumCsv,
} from './csv-sum';
export {
  addDoubles,
  areNegativeZeros,
  doubleBins,
  doubleHighs,
  doubleLows,
  greatestDouble,
  leastDouble,
  resetDoubles,
  specialDoubles,
} from './double-sum';
export { inputAddress, inputBytes } from './input';
export {
  encodePage,
  greatestValue,
  leastValue,
  pageAddress,
  pageRowsMax,
} from './page-encoder';
export { sumHigh, sumLow } from './sum';
export { isOfType } from './typed-text';
