import {
  loadAllLanes,
  loadLane,
  loadMultipleStructures,
  storeLane,
  storeMultipleStructures,
} from '../../lift/neon-memory.ts';
import { ordered, type RowList, row } from '../row.ts';

/** Element and structure loads and stores (ARM DDI 0406C A7.7). Multiple structures have a row for each type field. */
export const NEON_LOAD_STORE: RowList = [
  row(
    'VLD1 (multiple structures, one register) A1',
    '1111 0100 0d10 nnnn dddd 0111 ssaa mmmm',
    loadMultipleStructures({ count: 1, repeats: 1, step: 1 }),
  ),
  row(
    'VLD1 (multiple structures, two registers) A1',
    '1111 0100 0d10 nnnn dddd 1010 ssaa mmmm',
    loadMultipleStructures({ count: 1, repeats: 2, step: 1 }),
  ),
  row(
    'VLD1 (multiple structures, three registers) A1',
    '1111 0100 0d10 nnnn dddd 0110 ssaa mmmm',
    loadMultipleStructures({ count: 1, repeats: 3, step: 1 }),
  ),
  row(
    'VLD1 (multiple structures, four registers) A1',
    '1111 0100 0d10 nnnn dddd 0010 ssaa mmmm',
    loadMultipleStructures({ count: 1, repeats: 4, step: 1 }),
  ),
  row(
    'VLD2 (multiple structures, step 1) A1',
    '1111 0100 0d10 nnnn dddd 1000 ssaa mmmm',
    loadMultipleStructures({ count: 2, repeats: 1, step: 1 }),
  ),
  row(
    'VLD2 (multiple structures, step 2) A1',
    '1111 0100 0d10 nnnn dddd 1001 ssaa mmmm',
    loadMultipleStructures({ count: 2, repeats: 1, step: 2 }),
  ),
  row(
    'VLD2 (multiple structures, four registers) A1',
    '1111 0100 0d10 nnnn dddd 0011 ssaa mmmm',
    loadMultipleStructures({ count: 2, repeats: 2, step: 2 }),
  ),
  row(
    'VLD3 (multiple structures, step 1) A1',
    '1111 0100 0d10 nnnn dddd 0100 ssaa mmmm',
    loadMultipleStructures({ count: 3, repeats: 1, step: 1 }),
  ),
  row(
    'VLD3 (multiple structures, step 2) A1',
    '1111 0100 0d10 nnnn dddd 0101 ssaa mmmm',
    loadMultipleStructures({ count: 3, repeats: 1, step: 2 }),
  ),
  row(
    'VLD4 (multiple structures, step 1) A1',
    '1111 0100 0d10 nnnn dddd 0000 ssaa mmmm',
    loadMultipleStructures({ count: 4, repeats: 1, step: 1 }),
  ),
  row(
    'VLD4 (multiple structures, step 2) A1',
    '1111 0100 0d10 nnnn dddd 0001 ssaa mmmm',
    loadMultipleStructures({ count: 4, repeats: 1, step: 2 }),
  ),
  row(
    'VST1 (multiple structures, one register) A1',
    '1111 0100 0d00 nnnn dddd 0111 ssaa mmmm',
    storeMultipleStructures({ count: 1, repeats: 1, step: 1 }),
  ),
  row(
    'VST1 (multiple structures, two registers) A1',
    '1111 0100 0d00 nnnn dddd 1010 ssaa mmmm',
    storeMultipleStructures({ count: 1, repeats: 2, step: 1 }),
  ),
  row(
    'VST1 (multiple structures, three registers) A1',
    '1111 0100 0d00 nnnn dddd 0110 ssaa mmmm',
    storeMultipleStructures({ count: 1, repeats: 3, step: 1 }),
  ),
  row(
    'VST1 (multiple structures, four registers) A1',
    '1111 0100 0d00 nnnn dddd 0010 ssaa mmmm',
    storeMultipleStructures({ count: 1, repeats: 4, step: 1 }),
  ),
  row(
    'VST2 (multiple structures, step 1) A1',
    '1111 0100 0d00 nnnn dddd 1000 ssaa mmmm',
    storeMultipleStructures({ count: 2, repeats: 1, step: 1 }),
  ),
  row(
    'VST2 (multiple structures, step 2) A1',
    '1111 0100 0d00 nnnn dddd 1001 ssaa mmmm',
    storeMultipleStructures({ count: 2, repeats: 1, step: 2 }),
  ),
  row(
    'VST2 (multiple structures, four registers) A1',
    '1111 0100 0d00 nnnn dddd 0011 ssaa mmmm',
    storeMultipleStructures({ count: 2, repeats: 2, step: 2 }),
  ),
  row(
    'VST3 (multiple structures, step 1) A1',
    '1111 0100 0d00 nnnn dddd 0100 ssaa mmmm',
    storeMultipleStructures({ count: 3, repeats: 1, step: 1 }),
  ),
  row(
    'VST3 (multiple structures, step 2) A1',
    '1111 0100 0d00 nnnn dddd 0101 ssaa mmmm',
    storeMultipleStructures({ count: 3, repeats: 1, step: 2 }),
  ),
  row(
    'VST4 (multiple structures, step 1) A1',
    '1111 0100 0d00 nnnn dddd 0000 ssaa mmmm',
    storeMultipleStructures({ count: 4, repeats: 1, step: 1 }),
  ),
  row(
    'VST4 (multiple structures, step 2) A1',
    '1111 0100 0d00 nnnn dddd 0001 ssaa mmmm',
    storeMultipleStructures({ count: 4, repeats: 1, step: 2 }),
  ),
  // Size 11 of the loads of one element is the load to all lanes.
  ordered([
    row(
      'VLD1 (single structure to all lanes) A1',
      '1111 0100 1d10 nnnn dddd 1100 ssTa mmmm',
      loadAllLanes(1),
    ),
    row(
      'VLD2 (single structure to all lanes) A1',
      '1111 0100 1d10 nnnn dddd 1101 ssTa mmmm',
      loadAllLanes(2),
    ),
    row(
      'VLD3 (single structure to all lanes) A1',
      '1111 0100 1d10 nnnn dddd 1110 ssTa mmmm',
      loadAllLanes(3),
    ),
    row(
      'VLD4 (single structure to all lanes) A1',
      '1111 0100 1d10 nnnn dddd 1111 ssTa mmmm',
      loadAllLanes(4),
    ),
    row('VLD1 (single structure to one lane) A1', '1111 0100 1d10 nnnn dddd ss00 iiii mmmm', loadLane(1)),
    row('VLD2 (single structure to one lane) A1', '1111 0100 1d10 nnnn dddd ss01 iiii mmmm', loadLane(2)),
    row('VLD3 (single structure to one lane) A1', '1111 0100 1d10 nnnn dddd ss10 iiii mmmm', loadLane(3)),
    row('VLD4 (single structure to one lane) A1', '1111 0100 1d10 nnnn dddd ss11 iiii mmmm', loadLane(4)),
  ]),
  row('VST1 (single structure from one lane) A1', '1111 0100 1d00 nnnn dddd ss00 iiii mmmm', storeLane(1)),
  row('VST2 (single structure from one lane) A1', '1111 0100 1d00 nnnn dddd ss01 iiii mmmm', storeLane(2)),
  row('VST3 (single structure from one lane) A1', '1111 0100 1d00 nnnn dddd ss10 iiii mmmm', storeLane(3)),
  row('VST4 (single structure from one lane) A1', '1111 0100 1d00 nnnn dddd ss11 iiii mmmm', storeLane(4)),
];
