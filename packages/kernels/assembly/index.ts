export {
  addPages,
  beginColumnChunk,
  nonNullCount,
  rowCount,
} from './column-chunk';
export { beginCsvSum, sumCsv } from './csv-sum';
export { inputAddress, inputBytes } from './input';
export { sumHigh, sumLow } from './sum';
