import { type Column, SlickGrid } from 'slickgrid';
import type { Cells, TableColumn, TableContents } from './table-contents.ts';

const EMPTY: TableContents = { length: 0, cells: () => ({}), sort() {} };

/** A table of any length: the grid has elements for what is in view only. */
export class Table {
  private readonly grid: SlickGrid<Cells>;
  private contents = EMPTY;
  private sorting: { column: string; ascending: boolean } | undefined;

  /** @param onSelect a person chose a row */
  constructor(parent: HTMLElement, columns: readonly TableColumn[], onSelect: (index: number) => void) {
    const rows = {
      getLength: () => this.contents.length,
      getItem: (index: number) => this.contents.cells(index),
      getItemMetadata: () => null,
    };
    this.grid = new SlickGrid<Cells>(
      parent,
      rows,
      columns.map(
        ({ id, title, width, isNumber }): Column<Cells> => ({
          id,
          name: title,
          field: id,
          width,
          sortable: true,
          cssClass: isNumber ? 'number' : '',
          headerCssClass: isNumber ? 'number' : '',
        }),
      ),
      {
        enableColumnReorder: false,
        enableCellNavigation: true,
        enableHtmlRendering: false,
        forceFitColumns: true,
        rowHeight: 24,
        // The shortest way to all columns, also in a narrow window.
        minRowBuffer: 10,
      },
    );
    this.grid.onSort.subscribe((_event, sort) => {
      if (!('columnId' in sort)) return;
      this.sorting = { column: String(sort.columnId), ascending: sort.sortAsc };
      this.contents.sort(this.sorting.column, this.sorting.ascending);
      this.grid.invalidate();
    });
    this.grid.onActiveCellChanged.subscribe((_event, { row }) => {
      if (row !== undefined) onSelect(row);
    });
  }

  /** Shows other rows, in the order that a person has asked for. */
  show(contents: TableContents): void {
    this.contents = contents;
    if (this.sorting !== undefined) contents.sort(this.sorting.column, this.sorting.ascending);
    this.grid.resetActiveCell();
    this.grid.updateRowCount();
    this.grid.invalidate();
    this.grid.scrollRowToTop(0);
  }

  /** Goes to a row and chooses it. */
  select(index: number): void {
    this.grid.scrollRowIntoView(Math.max(index - 3, 0), false);
    this.grid.setActiveCell(index, 0);
  }

  /** The place of the table has another size, or is seen again. */
  resize(): void {
    this.grid.resizeCanvas();
    this.grid.autosizeColumns();
    this.grid.invalidate();
  }
}
