import { describe, expect, test } from 'vitest';
import {
  DEFAULT_REGION_LIMITS,
  IMPROVED_REGION_LIMITS,
  type Region,
  type RegionLimits,
} from '../../../src/translator/wasm/region.ts';
import { buildRegion, KnownFunctions } from '../../../src/translator/wasm/region-builder.ts';
import {
  addImm,
  addReg,
  B_SELF,
  bx,
  cmpImm,
  EQ,
  ldm,
  movReg,
  NE,
  NOP,
  subsImm,
  svc,
  WFI,
} from '../../arm/assembler.ts';
import {
  BX_LR,
  call,
  GuestProgram,
  jump,
  type Line,
  POP_PC,
  POP_R4_PC,
  PUSH_LR,
  PUSH_R4_LR,
  START,
} from './guest-program.ts';

/** The node's addresses, where its exits go, and where its return goes: `entry..end -> targets ^return`. */
function describeNodes(region: Region, program: GuestProgram, labels: readonly string[]): string[] {
  const name = (pc: number): string =>
    labels.find((label) => program.at(label) === pc) ?? `+${(pc - START) >> (program.thumb ? 1 : 2)}`;
  return region.nodes.map(({ block, targets, expected }) => {
    const to = [...targets].map(([pc, node]) => `${name(pc)}=${node}`).join(' ');
    const back = expected === undefined ? '' : ` ^${name(expected.pc)}=${expected.node}`;
    return `${name(block.pc)} ${block.instructions}: ${to}${back}`;
  });
}

function regionOf(lines: readonly Line[], limits: Partial<RegionLimits> = {}, thumb = false) {
  const program = new GuestProgram(lines, thumb);
  const region = buildRegion(START, program.flags, program, { ...DEFAULT_REGION_LIMITS, ...limits });
  const labels = lines.filter((line) => typeof line === 'string');
  if (region === undefined) throw new Error('no region');
  return { program, region, nodes: describeNodes(region, program, labels) };
}

describe('blocks', () => {
  test('a loop whose header is in the middle of the entry block', () => {
    const { nodes, region, program } = regionOf([
      'entry',
      addImm(0, 0, 1),
      addImm(1, 1, 1),
      'loop',
      addReg(2, 2, 0),
      subsImm(1, 1, 1),
      jump('loop', NE),
      'out',
      BX_LR,
    ]);
    expect(nodes).toEqual(['entry 2: loop=1', 'loop 3: loop=1 out=2', 'out 1: ']);
    expect(region.instructions).toBe(6);
    expect(region.ranges).toEqual([{ pc: START, bytes: program.bytes }]);
    expect(region.pages).toEqual([START]);
  });

  test('a loop that is entered in the middle, from after its end', () => {
    const { nodes } = regionOf([
      'entry',
      jump('test'),
      'loop',
      addReg(2, 2, 0),
      'test',
      subsImm(1, 1, 1),
      jump('loop', NE),
      'out',
      BX_LR,
    ]);
    expect(nodes).toEqual(['entry 1: test=1', 'test 2: loop=2 out=3', 'loop 1: test=1', 'out 1: ']);
  });

  test('two leaders in one block, the later one found first', () => {
    const { nodes } = regionOf([
      'entry',
      NOP,
      'first',
      NOP,
      'second',
      subsImm(1, 1, 1),
      jump('second', NE),
      'then',
      subsImm(2, 2, 1),
      jump('first', NE),
      'out',
      BX_LR,
    ]);
    expect(nodes).toEqual([
      'entry 1: first=1',
      'first 1: second=2',
      'second 2: second=2 then=3',
      'then 2: first=1 out=4',
      'out 1: ',
    ]);
  });

  test('both arms of a branch end where they meet', () => {
    const { nodes } = regionOf([
      'entry',
      subsImm(0, 0, 1),
      jump('else', EQ),
      'then',
      addImm(1, 1, 1),
      jump('join'),
      'else',
      addImm(1, 1, 2),
      'join',
      BX_LR,
    ]);
    expect(nodes).toEqual(['entry 2: else=1 then=2', 'else 1: join=3', 'then 2: join=3', 'join 1: ']);
  });

  test('a long block goes on in the next one', () => {
    const { nodes } = regionOf(['entry', ...new Array<number>(70).fill(NOP), BX_LR]);
    expect(nodes).toEqual(['entry 64: +64=1', '+64 7: ']);
  });

  test('exceptions, waits and changes of context leave the region', () => {
    const { nodes } = regionOf([
      'entry',
      jump('wait', EQ),
      'call',
      svc(0),
      'wait',
      WFI,
      'never',
      jump('entry'),
    ]);
    expect(nodes).toEqual(['entry 1: wait=1 call=2', 'wait 1: ', 'call 1: ']);
  });

  test('a jump to where nothing can be fetched leaves the region', () => {
    const { nodes } = regionOf(['entry', subsImm(0, 0, 1), 0x0a000100, 'next', BX_LR]);
    expect(nodes).toEqual(['entry 2: next=1', 'next 1: ']);
  });

  test('a jump to where the source does not want to follow leaves the region', () => {
    const program = new GuestProgram(['entry', jump('no', EQ), 'yes', BX_LR, 'no', B_SELF]);
    program.forbidden.add(program.at('no'));
    const region = buildRegion(START, 0, program, DEFAULT_REGION_LIMITS) as Region;
    expect(describeNodes(region, program, ['entry', 'yes', 'no'])).toEqual(['entry 1: yes=1', 'yes 1: ']);
    expect(region.ranges).toEqual([{ pc: START, bytes: 8 }]);
  });

  test('there is no region where nothing can be fetched', () => {
    expect(buildRegion(0x4000, 0, new GuestProgram([NOP]), DEFAULT_REGION_LIMITS)).toBeUndefined();
  });

  test('ranges and pages of code in pieces', () => {
    const gap = new Array<number>(1100).fill(0xe7f000f0);
    const { region, program, nodes } = regionOf(['entry', jump('far'), ...gap, 'far', B_SELF]);
    expect(nodes).toEqual(['entry 1: far=1', 'far 1: far=1']);
    expect(region.ranges).toEqual([
      { pc: START, bytes: 4 },
      { pc: program.at('far'), bytes: 4 },
    ]);
    expect(region.pages).toEqual([START, START + 4096]);
  });
});

describe('addresses that are known when the code is compiled', () => {
  const nodesOf = (word: number): string[] => regionOf(['entry', word, 'pad', NOP, 'to', B_SELF]).nodes;

  test('ADD PC, PC, #n: without the bits that no A32 address has', () => {
    expect(nodesOf(0xe28ff000)).toEqual(['entry 1: to=1', 'to 1: to=1']);
    expect(nodesOf(0xe28ff002)).toEqual(['entry 1: to=1', 'to 1: to=1']);
  });

  test('the other instruction set is left', () => {
    expect(nodesOf(0xfa000000)).toEqual(['entry 1: ']);
    expect(regionOf(['entry', 0x4778, 'pad', 0xbf00, 'to', 0xe7fe], {}, true).nodes).toEqual(['entry 1: ']);
  });
});

describe('T32', () => {
  const T_SUBS_R0 = 0x3801;
  const T_ADDS_R1 = 0x3101;
  const T_BX_LR = 0x4770;

  test('blocks do not end inside an IT block, whoever jumps there', () => {
    const { nodes, region } = regionOf(
      ['entry', 0xbf04, T_ADDS_R1, 'inside', T_ADDS_R1, T_SUBS_R0, jump('inside', NE), 'out', T_BX_LR],
      {},
      true,
    );
    // The instruction at `inside` is another one when it is jumped to: not conditional, and it sets flags.
    expect(nodes).toEqual(['entry 3: +3=1', '+3 2: inside=2 out=3', 'inside 1: +3=1', 'out 1: ']);
    expect(region.flags).toBe(1);
  });

  test('nor where it is known before that they will', () => {
    const { nodes } = regionOf(
      ['entry', jump('inside', NE), 'next', 0xbf04, T_ADDS_R1, 'inside', T_ADDS_R1, T_BX_LR],
      {},
      true,
    );
    expect(nodes).toEqual(['entry 1: inside=1 next=2', 'inside 1: +4=3', 'next 3: +4=3', '+4 1: ']);
  });

  test('the second halfword of an instruction as an instruction', () => {
    // MOVW R0, #0x700: its second halfword, 0x2000 | ..., is MOVS R0, #0 in T16.
    const { nodes } = regionOf(['entry', 0xf2402000, 'after', T_SUBS_R0, 0xd1fc, 'out', T_BX_LR], {}, true);
    expect(nodes).toEqual(['entry 1: after=1', 'after 2: +1=2 out=3', '+1 1: after=1', 'out 1: ']);
  });

  test('a function is inlined', () => {
    const { nodes } = regionOf(
      [
        'entry',
        call('leaf'),
        'after',
        T_SUBS_R0,
        jump('entry', NE),
        'out',
        T_BX_LR,
        'leaf',
        T_ADDS_R1,
        T_BX_LR,
      ],
      {},
      true,
    );
    expect(nodes).toEqual(['entry 1: leaf=1', 'leaf 2:  ^after=2', 'after 2: entry=0 out=3', 'out 1: ']);
  });
});

describe('jump tables', () => {
  const choicesOf = (lines: readonly Line[], thumb: boolean): string[][] => {
    const { region, program } = regionOf(lines, {}, thumb);
    const labels = lines.filter((line) => typeof line === 'string');
    for (const { choices } of region.nodes)
      for (const [pc, node] of choices) expect(region.nodes[node]?.block.pc).toBe(pc);
    return region.nodes.map(({ choices }) =>
      [...choices.keys()].map((pc) => labels.find((label) => program.at(label) === pc) ?? `${pc}`),
    );
  };

  test('LDRLS PC, [PC, R1, LSL #2] before a branch to the default', () => {
    const cases = ['b', 'a', 'b', 'outside'];
    const addresses: Record<string, number> = { a: START + 28, b: START + 32, outside: 0x100 };
    const lines: Line[] = [
      'entry',
      cmpImm(1, 3),
      0x979ff101,
      jump('default'),
      ...cases.map((name) => addresses[name]!),
      'a',
      jump('entry'),
      'b',
      B_SELF,
      'default',
      BX_LR,
    ];
    // The entry, its default and the cases; what cannot be fetched is no node.
    expect(choicesOf(lines, false)).toEqual([['b', 'a'], [], [], [], []]);
    expect(regionOf(lines).nodes).toEqual([
      'entry 2: +2=3',
      'b 1: b=1',
      'a 1: entry=0',
      '+2 1: default=4',
      'default 1: ',
    ]);
  });

  test('TBB with a byte of padding behind the table', () => {
    const tbb = 0xe8dff001;
    const lines: Line[] = ['entry', tbb, 0x0302, 0x0002, 'a', 0x3101, 'b', 0xe7fe];
    expect(choicesOf(lines, true)).toEqual([['a', 'b'], [], []]);
  });

  test('TBH', () => {
    const tbh = 0xe8dff011;
    const lines: Line[] = ['entry', tbh, 4, 3, 3, 'a', 0x4770, 'b', 0xe7fe];
    expect(choicesOf(lines, true)).toEqual([['b', 'a'], [], []]);
  });

  test('a function with one is not inlined', () => {
    const { nodes } = regionOf([
      'entry',
      call('f'),
      'end',
      B_SELF,
      'f',
      0xe79ff101,
      BX_LR,
      START + 24,
      START + 24,
      BX_LR,
    ]);
    expect(nodes).toEqual(['entry 1: ']);
  });
});

describe('inlined calls', () => {
  const LEAF: Line[] = ['leaf', addImm(0, 0, 1), BX_LR];

  test('each call has its own copy', () => {
    const { nodes, region } = regionOf([
      'entry',
      call('leaf'),
      'a',
      call('leaf'),
      'b',
      jump('entry'),
      ...LEAF,
    ]);
    expect(nodes).toEqual([
      'entry 1: leaf=1',
      'leaf 2:  ^a=2',
      'a 1: leaf=3',
      'leaf 2:  ^b=4',
      'b 1: entry=0',
    ]);
    expect(region.nodes[1]?.block).toBe(region.nodes[3]?.block);
    expect(region.instructions).toBe(7);
    expect(region.ranges).toEqual([{ pc: START, bytes: 20 }]);
  });

  test('a conditional call, and a call right before a place where paths meet', () => {
    const { nodes } = regionOf([
      'entry',
      subsImm(0, 0, 1),
      call('leaf', NE),
      'join',
      addImm(1, 1, 1),
      jump('join', EQ),
      'out',
      B_SELF,
      ...LEAF,
    ]);
    expect(nodes).toEqual([
      'entry 2: leaf=1 join=2',
      'leaf 2:  ^join=2',
      'join 2: join=2 out=3',
      'out 1: out=3',
    ]);
  });

  test('a function with branches, a frame, several returns and an inlined call of its own', () => {
    const { nodes } = regionOf([
      'entry',
      call('outer'),
      'end',
      B_SELF,
      'outer',
      PUSH_R4_LR,
      subsImm(4, 0, 1),
      jump('early', EQ),
      'inner',
      call('leaf'),
      'pop',
      POP_R4_PC,
      'early',
      ldm(13, 0x4010) | (1 << 21),
      bx(14),
      ...LEAF,
    ]);
    expect(nodes).toEqual([
      'entry 1: outer=1',
      'outer 3: early=2 inner=3',
      'early 2:  ^end=4',
      'inner 1: leaf=5',
      'end 1: end=4',
      'leaf 2:  ^pop=6',
      'pop 1:  ^end=4',
    ]);
  });

  test('other ways to return: MOV PC, LR, a conditional return, LDR PC from the frame', () => {
    const returns = [movReg(15, 14), 0x112fff1e, POP_PC, 0xe59df004].map((word) => {
      const { region } = regionOf(['entry', call('f'), 'end', B_SELF, 'f', PUSH_LR, word, jump('end')]);
      return region.nodes[1]?.expected?.pc;
    });
    expect(returns).toEqual(new Array(4).fill(START + 4));
  });

  test('a tail call is followed, and returns for both', () => {
    const { nodes } = regionOf(['entry', call('f'), 'end', B_SELF, 'f', NOP, jump('leaf'), ...LEAF]);
    expect(nodes).toEqual(['entry 1: f=1', 'f 2: leaf=2', 'leaf 2:  ^end=3', 'end 1: end=3']);
  });

  const leaves = (...callee: Line[]) => regionOf(['entry', call('f'), 'end', B_SELF, ...callee]).nodes;

  test('not inlined: the call leaves the region, and nothing behind it is looked at', () => {
    const alone = ['entry 1: '];
    // Calls itself; calls one that calls it.
    expect(leaves('f', PUSH_LR, call('f', NE), POP_PC)).toEqual(alone);
    expect(leaves('f', PUSH_LR, call('g'), POP_PC, 'g', PUSH_LR, call('f'), POP_PC)).toEqual(alone);
    // Calls by a register; jumps by a table; a PLT stub.
    expect(leaves('f', PUSH_LR, 0xe12fff33, POP_PC)).toEqual(alone);
    expect(leaves('f', 0xe79ff100, BX_LR)).toEqual(alone);
    expect(leaves('f', 0xe28fc600, 0xe28ccad2, 0xe5bcfd9c)).toEqual(alone);
    expect(leaves('f', PUSH_LR, 0xe12fff3e, POP_PC)).toEqual(alone);
    // Never returns.
    expect(leaves('f', B_SELF)).toEqual(alone);
    expect(leaves('f', svc(1))).toEqual(alone);
    // A frame of LR is known, one of another register is not.
    expect(leaves('f', bx(3))).toEqual(alone);
    // Too long, too many nodes.
    expect(leaves('f', ...new Array<number>(48).fill(NOP), BX_LR)).toEqual(alone);
    const branches = new Array<number>(8).fill(0x0affffff);
    expect(leaves('f', ...branches, BX_LR)).toEqual(alone);
  });

  test('a call that only wants the address after it is a jump', () => {
    expect(leaves('f', NOP)[0]).toBe('entry 1: ');
    const { nodes } = regionOf(['entry', call('here'), 'here', B_SELF]);
    expect(nodes).toEqual(['entry 1: here=1', 'here 1: here=1']);
  });

  test('not deeper than allowed', () => {
    const lines: Line[] = ['entry', call('f'), 'end', B_SELF];
    for (const [f, next] of [
      ['f', 'g'],
      ['g', 'h'],
      ['h', 'leaf'],
    ] as const) {
      lines.push(f, PUSH_LR, call(next), `${f}2`, POP_PC);
    }
    lines.push(...LEAF);
    expect(regionOf(lines, { depth: 4 }).nodes).toHaveLength(9);
    expect(regionOf(lines, { depth: 3 }).nodes).toEqual(['entry 1: ']);
    expect(regionOf(lines, { depth: 0 }).nodes).toEqual(['entry 1: ']);
    // A function that was too deep inside another is not when it is called itself.
    const direct: Line[] = ['entry', call('f', EQ), 'again', call('g'), 'end', B_SELF, ...lines.slice(4)];
    expect(regionOf(direct, { depth: 3 }).nodes).toContain('again 1: g=2');
    // Nor is one that was not too deep inlined where it would be.
    const [entry, end] = [lines.slice(0, 1), lines.slice(2)];
    const { nodes } = regionOf([...entry, call('g', EQ), 'again', call('f'), ...end], { depth: 3 });
    expect(nodes.slice(0, 3)).toEqual(['entry 1: g=1 again=2', 'g 2: h=3', 'again 1: ']);
  });

  test('LR that is set by hand is a return address where it is set for certain', () => {
    const nodesOf = (addLrPc: number) =>
      regionOf(['entry', addLrPc, jump('f'), 'end', B_SELF, 'f', NOP, BX_LR]).nodes;
    expect(nodesOf(0xe28fe000)).toEqual(['entry 2: f=1', 'f 2:  ^end=2', 'end 1: end=2']);
    expect(nodesOf(0x128fe000)).toEqual(['entry 2: f=1', 'f 2: ']);
  });

  test('not where the return address may not be followed', () => {
    const program = new GuestProgram(['entry', call('leaf'), 'end', B_SELF, ...LEAF]);
    program.forbidden.add(program.at('end'));
    const region = buildRegion(START, 0, program, DEFAULT_REGION_LIMITS) as Region;
    expect(describeNodes(region, program, ['entry'])).toEqual(['entry 1: ']);
  });

  test('the function that a region begins in the middle of is not inlined into itself', () => {
    const lines: Line[] = ['loop', subsImm(0, 0, 1), call('f', NE), 'back', jump('loop')];
    const { nodes } = regionOf([...lines, 'f', PUSH_LR, jump('loop')]);
    expect(nodes).toEqual(['loop 2: back=1', 'back 1: loop=0']);
  });
});

describe('calls of the entry', () => {
  const COUNT_DOWN: Line[] = [
    ...['entry', PUSH_LR, subsImm(0, 0, 1), jump('end', EQ), 'call', call('entry')],
    ...['after', addImm(1, 1, 1), 'end', POP_PC],
  ];

  test('are jumps, and returns are compared with the addresses after them', () => {
    const { nodes, region, program } = regionOf(COUNT_DOWN);
    expect(nodes).toEqual(['entry 3: end=1 call=2', 'end 1: ', 'call 1: entry=0', 'after 1: end=1']);
    expect([...region.nodes[1]!.choices]).toEqual([[program.at('after'), 3]]);
  });

  test('are none in a function that is not the entry', () => {
    const { nodes } = regionOf(['start', call('entry'), 'back', B_SELF, ...COUNT_DOWN]);
    expect(nodes).toEqual(['start 1: ']);
  });
});

describe('calls through registers', () => {
  const BLX_R3 = 0xe12fff33;
  const CALLS: Line[] = ['entry', BLX_R3, 'a', jump('entry'), 'f', addImm(0, 0, 1), BX_LR, 'g', BX_LR];
  const regionWith = (...seen: string[]) => {
    const program = new GuestProgram(CALLS);
    program.seen.set(
      program.at('a'),
      seen.map((label) => program.at(label)),
    );
    const region = buildRegion(START, 0, program, DEFAULT_REGION_LIMITS) as Region;
    return { region, program, nodes: describeNodes(region, program, ['entry', 'a', 'f', 'g']) };
  };

  test('leave the region, which wants to know where they go', () => {
    const { nodes, region, program } = regionWith();
    expect(nodes).toEqual(['entry 1: ']);
    expect(region.nodes[0]!.calleesWanted).toBe(program.at('a'));
  });

  test('are compared with functions that were seen, each of which has a copy', () => {
    const { nodes, region, program } = regionWith('g', 'f');
    expect(nodes).toEqual(['entry 1: ', 'g 1:  ^a=3', 'f 2:  ^a=3', 'a 1: entry=0']);
    expect([...region.nodes[0]!.choices]).toEqual([
      [program.at('g'), 1],
      [program.at('f'), 2],
    ]);
    expect(region.nodes[0]!.calleesWanted).toBe(program.at('a'));
  });

  test('of functions that go elsewhere leave the region', () => {
    expect(regionWith('entry').nodes).toEqual(['entry 1: ']);
  });

  test('are remembered by what LR was: three functions of the same instruction set', () => {
    const known = new KnownFunctions();
    for (const target of [0x100, 0x100, 0x102, 0x201, 0x300, 0x400, 0x500]) known.see(0x8000, target);
    for (const target of [0x100, 0x201]) known.see(0x9001, target);
    expect(known.callees(0x8000)).toEqual([0x100, 0x300, 0x400]);
    expect(known.callees(0x9001)).toEqual([0x200]);
    known.clear();
    expect(known.callees(0x8000)).toEqual([]);
  });
});

describe('entries', () => {
  const entriesOf = (lines: readonly Line[], entered: readonly string[], forbidden: readonly string[]) => {
    const program = new GuestProgram(lines);
    for (const label of entered) program.entered.add(program.at(label));
    for (const label of forbidden) program.forbidden.add(program.at(label));
    const region = buildRegion(START, 0, program, DEFAULT_REGION_LIMITS);
    if (region === undefined) throw new Error('no region');
    const labels = lines.filter((line) => typeof line === 'string');
    return { entries: region.entries, nodes: describeNodes(region, program, labels) };
  };
  /** A loop that begins with a call, and the function that is called. */
  const loopOf = (first: Line, callee: string, code: Line): Line[] => [
    ...['loop', first, 'back', subsImm(1, 1, 1), jump('loop', NE), 'out', B_SELF],
    ...[callee, code],
  ];
  const loop = loopOf(call('far', NE), 'far', NOP);

  test('behind the call of what is not inlined, where it returns to', () => {
    const lines = loopOf(call('far'), 'far', NOP);
    expect(entriesOf(lines, [], ['far'])).toEqual({ entries: [0], nodes: ['loop 1: '] });
    expect(entriesOf(lines, ['back'], ['far'])).toEqual({
      entries: [0, 1],
      nodes: ['loop 1: ', 'back 2: loop=0 out=2', 'out 1: out=2'],
    });
  });

  test('behind an instruction that leaves the region for a moment', () => {
    const lines = ['loop', svc(0), 'back', subsImm(1, 1, 1), jump('loop', NE), 'out', B_SELF];
    expect(entriesOf(lines, ['back'], []).entries).toEqual([0, 1]);
  });

  test('inside, where another region began before', () => {
    expect(entriesOf(loop, ['back'], ['far']).entries).toEqual([0, 1]);
    expect(entriesOf(loop, ['loop'], ['far']).entries).toEqual([0]);
  });

  test('not where nothing is common to both', () => {
    const lines = ['entry', call('far'), 'back', B_SELF, 'far', NOP];
    expect(entriesOf(lines, ['back'], ['far'])).toEqual({ entries: [0], nodes: ['entry 1: '] });
  });

  test('not where another function begins, nor behind a call that is inlined', () => {
    const lines = loopOf(call('near'), 'near', BX_LR);
    expect(entriesOf(lines, [], []).entries).toEqual([0]);
    expect(entriesOf(lines, ['near'], []).entries).toEqual([0]);
  });
});

describe('known functions', () => {
  const twice = (known: KnownFunctions): number[] => {
    const program = new GuestProgram(['entry', call('f'), 'end', B_SELF, 'f', NOP, jump('f')]);
    return [1, 2].map(() => {
      program.translations = 0;
      const region = buildRegion(START, 0, program, DEFAULT_REGION_LIMITS, known);
      expect(region?.nodes).toHaveLength(1);
      return program.translations;
    });
  };

  test('a function that is not inlinable is looked at once, until all is forgotten', () => {
    const known = new KnownFunctions();
    expect(twice(known)).toEqual([2, 1]);
    known.clear();
    expect(twice(known)).toEqual([2, 1]);
  });

  test('one that calls itself, or goes elsewhere, is not followed further', () => {
    const translationsOf = (...callee: Line[]): number => {
      const program = new GuestProgram(['entry', call('f'), 'end', B_SELF, 'f', ...callee]);
      buildRegion(START, 0, program, { ...DEFAULT_REGION_LIMITS, depth: 8 });
      return program.translations;
    };
    expect(translationsOf(PUSH_LR, call('f'), POP_PC)).toBe(2);
    expect(translationsOf(jump('g', EQ), 0xe12fff33, POP_PC, 'g', NOP, jump('h'), 'h', B_SELF)).toBe(4);
  });

  test('a function of the other instruction set is another one, and larger limits may have room for it', () => {
    const known = new KnownFunctions();
    const fails = (flags: number, levels: number, limits = DEFAULT_REGION_LIMITS): boolean =>
      known.fails(START, flags, levels, limits);
    known.fail(START, 0, 2, DEFAULT_REGION_LIMITS);
    expect([fails(0, 2), fails(1, 2), fails(0, 3)]).toEqual([true, false, false]);
    expect(fails(0, 2, IMPROVED_REGION_LIMITS)).toBe(false);
  });
});

describe('limits', () => {
  /** A tree of branches: node i goes to 2i + 1 and 2i + 2. */
  const tree = (size: number): Line[] => {
    const lines: Line[] = ['n0'];
    for (let i = 0; i < size; i++) {
      if (i > 0) lines.push(`n${i}`);
      lines.push(
        addImm(0, 0, 1),
        jump(`n${Math.min(2 * i + 1, size)}`, EQ),
        jump(`n${Math.min(2 * i + 2, size)}`),
      );
    }
    lines.push(`n${size}`, B_SELF);
    return lines;
  };

  test('nearest first, whatever is short', () => {
    for (const limits of [{ nodes: 9 }, { instructions: 20 }, { operations: 60 }]) {
      const { region, program } = regionOf(tree(100), limits);
      const { nodes, instructions } = region;
      const operations = nodes.reduce((sum, { block }) => sum + block.ops.length, 0);
      expect(nodes.length).toBeGreaterThan(5);
      expect(nodes.length).toBeLessThanOrEqual(limits.nodes ?? 64);
      expect(instructions).toBeLessThanOrEqual(limits.instructions ?? 600);
      expect(operations).toBeLessThanOrEqual(limits.operations ?? 1500);
      for (const label of ['n0', 'n1', 'n2']) {
        expect(nodes.some(({ block }) => block.pc === program.at(label))).toBe(true);
      }
      expect(nodes.every(({ block }) => block.pc < program.at('n20'))).toBe(true);
    }
  });

  test('a function is not inlined where it does not fit together with what follows', () => {
    const lines: Line[] = ['entry', call('leaf'), 'end', B_SELF, 'leaf', NOP, BX_LR];
    expect(regionOf(lines, { nodes: 3 }).nodes).toHaveLength(3);
    expect(regionOf(lines, { nodes: 2 }).nodes).toEqual(['entry 1: ']);
    expect(regionOf(lines, { instructions: 3 }).nodes).toEqual(['entry 1: ']);
  });

  test('a function that is not inlined after all takes no room', () => {
    const program = new GuestProgram([
      ...['entry', jump('x', EQ), 'call', call('leaf'), 'end', B_SELF],
      ...['leaf', NOP, BX_LR, 'x', jump('y'), 'y', jump('z'), 'z', B_SELF],
    ]);
    program.forbidden.add(program.at('end'));
    const region = buildRegion(START, 0, program, { ...DEFAULT_REGION_LIMITS, nodes: 5 }) as Region;
    const labels = ['entry', 'x', 'y', 'z', 'call'];
    expect(describeNodes(region, program, labels)).toEqual([
      'entry 1: x=1 call=2',
      'x 1: y=3',
      'call 1: ',
      'y 1: z=4',
      'z 1: z=4',
    ]);
  });

  test('no region where the first block is too large', () => {
    const program = new GuestProgram([NOP, NOP, B_SELF]);
    expect(buildRegion(START, 0, program, { ...DEFAULT_REGION_LIMITS, instructions: 2 })).toBeUndefined();
  });

  test('a block that would have to be cut where no node is left stays whole', () => {
    const lines: Line[] = ['entry', NOP, 'loop', NOP, jump('loop', NE), 'out', B_SELF];
    expect(regionOf(lines, { nodes: 3 }).nodes).toEqual([
      'entry 1: loop=1',
      'loop 2: loop=1 out=2',
      'out 1: out=2',
    ]);
    expect(regionOf(lines, { nodes: 1 }).nodes).toEqual(['entry 3: ']);
    const operations = new GuestProgram(lines).block(START)?.ops.length;
    expect(regionOf(lines, { operations: operations as number }).nodes).toEqual(['entry 3: ']);
  });

  test('blocks are translated about once', () => {
    const { program, nodes } = regionOf(tree(60), { nodes: 64 });
    expect(nodes).toHaveLength(64);
    expect(program.translations).toBeLessThanOrEqual(70);
  });
});
