/** What gdb is told of the registers (gdb's manual, appendix "Target Descriptions", ARM features), in their numbers' order. */

function register(name: string, bits: number, rest: string): string {
  return `<reg name="${name}" bitsize="${bits}" ${rest}/>`;
}

function numbered(prefix: string, count: number, bits: number, type: string): string[] {
  return Array.from({ length: count }, (_, n) => register(`${prefix}${n}`, bits, `type="${type}"`));
}

const CORE = [
  ...numbered('r', 13, 32, 'uint32'),
  register('sp', 32, 'type="data_ptr"'),
  register('lr', 32, 'type="int"'),
  register('pc', 32, 'type="code_ptr"'),
  register('cpsr', 32, 'type="int"'),
];

const VFP = [...numbered('d', 32, 64, 'ieee_double'), register('fpscr', 32, 'type="int" group="float"')];

/** `target.xml`: the registers of {@link RegisterNumber}. */
export const TARGET_DESCRIPTION = [
  '<?xml version="1.0"?>',
  '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
  '<target version="1.0"><architecture>arm</architecture>',
  `<feature name="org.gnu.gdb.arm.core">${CORE.join('')}</feature>`,
  `<feature name="org.gnu.gdb.arm.vfp">${VFP.join('')}</feature>`,
  '</target>',
].join('\n');
