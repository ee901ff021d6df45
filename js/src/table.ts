/** Which cells the table of numbers lists: all in reading order where they fit, else the largest. */

export interface TableCell {
  query: number;
  key: number;
  value: number;
}

export interface Listed {
  cells: TableCell[];
  /** Cells of the rows in view whose number this page holds. */
  all: number;
  /** Whether only the largest are listed, in their order. */
  largest: boolean;
}

/** Enough for a sentence of 20 tokens; longer tables are heard by nobody and stall the page. */
export const MOST_LISTED = 400;

/** `rowOf` gives a value for each key, NaN where it is not held. */
export function cellsInView(
  queries: readonly number[],
  rowOf: (query: number) => Float32Array,
  most = MOST_LISTED,
): Listed {
  let cells: TableCell[] = [];
  let all = 0;
  let floor = 0;
  const size = ({ value }: TableCell) => Math.abs(value);
  const cut = () => {
    cells = cells.sort((a, b) => size(b) - size(a) || a.query - b.query || a.key - b.key).slice(0, most);
    floor = cells.length === most ? size(cells[most - 1] as TableCell) : 0;
  };
  for (const query of queries) {
    rowOf(query).forEach((value, key) => {
      if (Number.isNaN(value)) return;
      all += 1;
      if (all <= most || Math.abs(value) > floor) cells.push({ query, key, value });
    });
    // Of a long text only the largest so far are kept.
    if (cells.length > 4 * most) cut();
  }
  const largest = all > most;
  if (largest) cut();
  return { cells, all, largest };
}
