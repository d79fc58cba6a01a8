import type { BoardDescription } from '../boards/board.ts';
import { BOARDS } from '../boards/boards.ts';
import { OptionError } from '../errors.ts';
import { chooseByName } from './named-choice.ts';

const PROPERTIES = ['gic-version', 'iommu'] as const;
type Property = (typeof PROPERTIES)[number];
const CHOICES = 'there are: gic-version=2, gic-version=3, iommu=smmuv2 and iommu=smmuv3';

/** A board as `machine` and `gicVersion` name it. */
export interface NamedBoard {
  /** The same text for the same board: `virt`, `virt,gic-version=3,iommu=smmuv2`. */
  readonly name: string;
  readonly board: BoardDescription;
}

/**
 * The board that the option `machine` names, in QEMU's form: a name, then properties (`virt,gic-version=3`).
 * @param gicVersion the option of the same meaning, where it is given
 * @throws OptionError for a name, a property or a version that there is not
 */
export function namedBoard(machine: string, gicVersion: number | undefined): NamedBoard {
  const [name, ...properties] = machine.split(',');
  const plain = chooseByName('machine', name, BOARDS);
  const given = new Map<Property, string>();
  if (gicVersion !== undefined) given.set('gic-version', String(gicVersion));
  for (const property of properties) {
    const [key, value] = property.split('=', 2);
    const known = PROPERTIES.find((each) => each === key);
    if (known === undefined || value === undefined) {
      throw new OptionError(`machine: ${name} has no property '${property}'`, CHOICES);
    }
    const before = given.get(known);
    if (before !== undefined && before !== value) {
      throw new OptionError(`machine: ${known} is ${value} and ${before}`, 'give it once');
    }
    given.set(known, value);
  }
  return withIommu(withGic({ name, board: plain }, given.get('gic-version')), given.get('iommu'));
}

function withGic({ name, board }: NamedBoard, version = '2'): NamedBoard {
  if (version === '2') return { name, board };
  if (version === '3' && board.withGicV3 !== undefined) {
    return { name: `${name},gic-version=3`, board: board.withGicV3 };
  }
  throw new OptionError(
    `machine: ${name} has no GIC of version ${version}`,
    board.withGicV3 === undefined ? 'leave gic-version out' : 'give it gic-version=2 or gic-version=3',
  );
}

function withIommu({ name, board }: NamedBoard, iommu: string | undefined): NamedBoard {
  if (iommu === undefined) return { name, board };
  const choices = new Map([
    ['smmuv2', board.withSmmuV2],
    ['smmuv3', board.withSmmuV3],
  ]);
  const chosen = choices.get(iommu);
  if (chosen !== undefined) return { name: `${name},iommu=${iommu}`, board: chosen };
  const spellings = [...choices].filter(([, there]) => there !== undefined).map(([each]) => `iommu=${each}`);
  throw new OptionError(
    `machine: ${name} has no IOMMU '${iommu}'`,
    spellings.length === 0 ? 'leave iommu out' : `give it ${spellings.join(' or ')}, or leave iommu out`,
  );
}
