/** A column of a table. */
export interface TableColumn {
  readonly id: string;
  readonly title: string;
  readonly width: number;
  /** Numbers, to the right and in a font of even width. */
  readonly isNumber?: boolean;
}

/** A row as the grid sees it: a text for each column. */
export type Cells = Readonly<Record<string, string>>;

/** What a table shows, row by row, as far as it is in view. */
export interface TableContents {
  readonly length: number;
  cells(index: number): Cells;
  /** Puts the rows in order. */
  sort(column: string, ascending: boolean): void;
}
