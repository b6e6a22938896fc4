/** What of a file's shape readers of CSV treat differently. */
export interface CsvTraits {
  /** Fields of the first line that is not blank. */
  readonly header: readonly string[];
  /** Lines in front of the header. */
  readonly blankLinesInFront: number;
  /** The kinds of line ends, those in quotes too. */
  readonly lineEnds: ReadonlySet<string>;
  readonly hasUnclosedQuote: boolean;
  readonly hasTextBehindQuote: boolean;
  /** An unquoted field that begins with spaces and a quote. */
  readonly hasSpaceBeforeQuote: boolean;
  /** A row that has more fields than the header, and those are empty. */
  readonly hasSurplusEmptyField: boolean;
  /** A space follows a line end that is a CR alone. */
  readonly hasSpaceBehindCr: boolean;
  /** The end of the file comes right behind a quoted field and a comma. */
  readonly endsBehindQuoteAndComma: boolean;
  /** Nothing but a header, which no line end follows. */
  readonly endsInHeader: boolean;
}

const quotedField = /"[^"]*(?:""[^"]*)*("?)/y;
const plainText = /[^,\r\n]*/y;
const separator = /,|\r\n|\n|\r|$/y;

/**
 * Finds a file's traits with regular expressions: slowly, and with nothing of Tally's or a peer's.
 *
 * After a closing quote it goes on to the next comma or line end.
 */
export function csvTraits(bytes: Buffer): CsvTraits {
  const csv = bytes.toString('latin1').replace(/^\xef\xbb\xbf/, '');
  let header: string[] | undefined;
  let record: string[] = [];
  let blankLinesInFront = 0;
  let hasUnclosedQuote = false;
  let hasTextBehindQuote = false;
  let hasSpaceBeforeQuote = false;
  let hasSurplusEmptyField = false;
  let endsInHeader = false;
  let at = 0;

  function take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at;
    const match = pattern.exec(csv);
    if (match !== null) at = pattern.lastIndex;
    return match;
  }

  while (at < csv.length || record.length > 0) {
    const quoted = take(quotedField);
    if (quoted?.[1] === '') hasUnclosedQuote = true;
    const plain = take(plainText)?.[0] ?? '';
    if (quoted !== null && plain !== '') hasTextBehindQuote = true;
    if (/^\s+"/.test(plain)) hasSpaceBeforeQuote = true;
    record.push((quoted?.[0].slice(1, -1).replaceAll('""', '"') ?? '') + plain);
    const end = take(separator)?.[0] ?? '';
    if (end === ',') continue;
    const surplus = header === undefined ? [] : record.slice(header.length);
    if (surplus.length > 0 && surplus.every((field) => field === '')) hasSurplusEmptyField = true;
    if (header === undefined) {
      if (quoted === null && record.length === 1 && record[0] === '') blankLinesInFront++;
      else {
        header = record;
        endsInHeader = end === '';
      }
    }
    record = [];
    if (end === '') break;
  }
  return {
    header: header ?? [],
    blankLinesInFront,
    lineEnds: new Set(csv.match(/\r\n|\n|\r/g)),
    hasUnclosedQuote,
    hasTextBehindQuote,
    hasSpaceBeforeQuote,
    hasSurplusEmptyField,
    hasSpaceBehindCr: /\r /.test(csv),
    endsBehindQuoteAndComma: csv.endsWith('",'),
    endsInHeader,
  };
}
